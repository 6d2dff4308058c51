//! The bot accounts: our own accounts at Twitch.

use super::id::{AccountId, Login};

/// One of them. The configuration knows an account by its login; the id is None until the first log-in has told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotAccount {
    pub login: Login,
    pub id: Option<AccountId>,
}

impl BotAccount {
    /// Whether both are one account. Twitch recycles logins: they decide only where an id is not known yet.
    pub fn is(&self, other: &BotAccount) -> bool {
        match (self.id, other.id) {
            (Some(id), Some(other)) => id == other,
            _ => self.login == other.login,
        }
    }
}
