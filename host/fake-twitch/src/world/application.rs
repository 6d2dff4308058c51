//! Applications that are registered with Twitch.

use super::secret::Secret;

/// An application of the developer console. A confidential one has a secret; a public one uses the device flow only.
#[derive(Debug, Clone)]
pub struct Application {
    pub client_id: String,
    /// The name on the pages where a person gives consent.
    pub name: String,
    /// `None` for a public application.
    pub client_secret: Option<Secret>,
    /// The addresses that a person may be sent back to, compared character by character.
    pub redirect_uris: Vec<String>,
}

impl Application {
    #[must_use]
    pub fn confidential(client_id: &str, client_secret: &str, redirect_uris: &[&str]) -> Self {
        let redirect_uris = redirect_uris.iter().map(|&uri| uri.to_owned()).collect();
        Self { client_secret: Some(client_secret.into()), redirect_uris, ..Self::public(client_id) }
    }

    #[must_use]
    pub fn public(client_id: &str) -> Self {
        let (client_id, name) = (client_id.to_owned(), client_id.to_owned());
        Self { client_id, name, client_secret: None, redirect_uris: Vec::new() }
    }

    pub(crate) fn is_public(&self) -> bool {
        self.client_secret.is_none()
    }
}
