//! What a person's consent, or an application's secret, gives an application.

/// Most codes, and most tokens of a kind, at a time.
pub(super) const MOST: usize = 100_000;

/// The right of an application to act for a user within scopes, or for itself if there is no user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) scopes: Vec<String>,
}

impl Grant {
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

/// There are too many tokens or codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;
