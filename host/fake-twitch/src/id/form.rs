//! The parameters of a request: of a form's body, or of an address.

use std::collections::HashMap;

use super::refusal::Refusal;

/// Parameters by name. Of a repeated one, the last counts. Not `Debug`, because some are secret.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// `None` for a parameter that is missing or empty.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn require(&self, name: &str, refusal: Refusal) -> Result<&str, Refusal> {
        self.find(name).ok_or(refusal)
    }
}
