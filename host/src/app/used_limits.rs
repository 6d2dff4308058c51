//! Twitch's limits over a restart: what one process has used is not free for the next one.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info};

use crate::config::{Config, LimitsConfig};
use crate::domain::id::Login;
use crate::domain::used_limits::UsedLimits;
use crate::store::used_limits::LastUse;
use crate::store::{Store, StoreError};
use crate::twitch::account::state::AccountState;

/// What each account begins with.
pub(super) async fn begin_use(store: &Store, config: &Config) -> Result<HashMap<Login, UsedLimits>, StoreError> {
    let mut used = HashMap::new();
    for account in &config.accounts {
        let last = store.begin_use(account.login.clone()).await?;
        if last == LastUse::Unknown && config.limits.enforce {
            let account = &account.login;
            info!(%account, "the last process ended without a word: its limits are taken to be used up for some seconds");
        }
        used.insert(account.login.clone(), assume(last, &config.limits));
    }
    Ok(used)
}

/// A process that broke may have said and joined all that it was allowed to, a moment ago. Going over the limit of
/// privileged messages would silence it nowhere, so that is not assumed.
fn assume(last: LastUse, limits: &LimitsConfig) -> UsedLimits {
    match last {
        LastUse::Never => UsedLimits::default(),
        LastUse::Known(used) => used,
        LastUse::Unknown => {
            let number = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
            UsedLimits { messages: number(limits.messages), joins: number(limits.joins), ago: Duration::ZERO }
        }
    }
}

/// After the accounts have stopped. Where it fails, the stop goes on, and the next process takes the limits to be used up.
pub(super) async fn save_use(store: &Store, accounts: &[(Login, watch::Receiver<AccountState>)]) {
    for (login, state) in accounts {
        let used = state.borrow().used;
        if let Err(error) = store.save_use(login.clone(), used).await {
            error!(account = %login, %error, "what is used of the limits is not saved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_broke_is_taken_to_have_used_up_what_it_could() {
        let limits = LimitsConfig::default();
        let full = UsedLimits { messages: 20, joins: 20, ago: Duration::ZERO };
        assert_eq!(assume(LastUse::Unknown, &limits), full);
        assert_eq!(assume(LastUse::Never, &limits), UsedLimits::default());
        let known = UsedLimits { messages: 3, joins: 1, ago: Duration::from_secs(7) };
        assert_eq!(assume(LastUse::Known(known), &limits), known);
    }
}
