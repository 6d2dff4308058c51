//! Keeps Twitch's limits across a restart: what one process has used is not free for the next one.

use std::time::Duration;

use tracing::{error, info};

use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::Login;
use crate::domain::used_limits::UsedLimits;
use crate::store::host::used_limits::LastUse;
use crate::store::{Store, StoreError};

/// The used limits that an account starts with.
pub(super) async fn begin_use(store: &Store, account: &Login, limits: &LimitsConfig) -> Result<UsedLimits, StoreError> {
    let last = store.host.begin_use(account.clone()).await?;
    if last == LastUse::Unknown && limits.enforce {
        info!(%account, "the last process ended without a word: its limits are taken to be used up for some seconds");
    }
    Ok(assume(last, limits))
}

/// A process that crashed may have sent and joined as much as it was allowed to, a moment ago. The limit of privileged
/// messages is not assumed to be used up, because exceeding it silences no account.
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

/// To be called after an account has stopped. If this fails, the next process assumes that the limits are used up.
pub(super) async fn save_use(store: &Store, account: BotAccount, used: UsedLimits) {
    let login = account.login.clone();
    if let Err(error) = store.host.save_use(account, used).await {
        error!(account = %login, %error, "what is used of the limits is not saved");
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
