//! The bot accounts: our own accounts at Twitch.

use super::id::{AccountId, Login};

/// A bot account. The configuration names an account by its login; `id` is `None` until the first log-in reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotAccount {
    pub login: Login,
    pub id: Option<AccountId>,
}

impl BotAccount {
    /// Whether both are the same account. Twitch recycles logins, so logins are compared only if an id is unknown.
    pub fn is(&self, other: &BotAccount) -> bool {
        match (self.id, other.id) {
            (Some(id), Some(other)) => id == other,
            _ => self.login == other.login,
        }
    }
}
