//! The bot accounts, joined to the rest: their ids and limits are kept in the store, their connections are IRC's.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::status::line::run_status_line;
use super::used_limits::{begin_use, save_use};
use crate::chat::inbox::Outboxes;
use crate::config::{AccountConfig, LimitsConfig};
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::OutgoingMessage;
use crate::domain::ports::{AccountIds, LearningAccount, Prefixes};
use crate::domain::tally::Tally;
use crate::domain::used_limits::UsedLimits;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::twitch::account::state::AccountState;
use crate::twitch::accounts::Accounts;
use crate::twitch::irc::session::Session;
use crate::twitch::server::Server;

impl Outboxes for Accounts {
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.outbox(account)
    }
}

/// Keeps who an account is, and has the set-ups name it.
pub(super) struct KeptIds {
    pub(super) store: Arc<Store>,
    pub(super) setup: Arc<Setup>,
}

impl AccountIds for KeptIds {
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_> {
        Box::pin(async move {
            let account = BotAccount { login: login.clone(), id: Some(id) };
            let former = self.store.learn_bot(login, id).await.map_err(|error| error.to_string())?;
            for known in self.setup.list_channels() {
                if known.bot.is(&account) && known.bot != account {
                    self.setup.reload(known.channel.id).map_err(|error| error.to_string())?;
                }
            }
            if let Some(former) = former {
                let login = &account.login;
                warn!(account = %login, %id, %former, "Twitch has given this login to another account: it gets no channel of the former one");
            }
            Ok(former)
        })
    }
}

/// What it takes to add the accounts of the configuration.
pub(super) struct Roster {
    pub(super) store: Arc<Store>,
    pub(super) prefixes: Arc<dyn Prefixes>,
    pub(super) tally: Arc<Tally>,
    pub(super) server: Server,
    pub(super) limits: LimitsConfig,
    /// Whether Twitch counts on over a restart of the host.
    pub(super) twitch_counts_on: bool,
}

impl Roster {
    /// All of them start together, and none waits for what the disk still has to tell of another one.
    pub(super) async fn add(&self, accounts: &Accounts, configured: &[AccountConfig]) -> anyhow::Result<()> {
        let mut known = Vec::new();
        for AccountConfig { login, .. } in configured {
            let used = match self.twitch_counts_on {
                true => begin_use(&self.store, login, &self.limits).await?,
                false => UsedLimits::default(),
            };
            known.push((self.store.find_bot(login)?, used));
        }
        for (bot, used) in known {
            let session = Session::new(self.server.clone(), self.prefixes.clone(), self.tally.clone(), &self.limits);
            accounts.add(bot, used, Box::new(session))?;
        }
        Ok(())
    }

    /// After all accounts have stopped.
    pub(super) async fn save_uses(&self, accounts: &Accounts) {
        for account in accounts.list().iter() {
            let (id, used) = {
                let state = account.states.borrow();
                (state.id, state.used)
            };
            save_use(&self.store, BotAccount { login: account.login.clone(), id }, used).await;
        }
    }
}

/// One status line for each account, also for those that come later.
pub(super) async fn run_status_lines(accounts: Arc<Accounts>, telemetry: Arc<Telemetry>, stop: CancellationToken) {
    let mut changes = accounts.changes();
    let (mut lines, mut followed) = (JoinSet::new(), Vec::new());
    loop {
        let listed = changes.borrow_and_update().clone();
        for account in listed.iter().filter(|account| !is_followed(&followed, &account.states)) {
            lines.spawn(run_status_line(
                account.login.clone(),
                account.states.clone(),
                telemetry.clone(),
                stop.clone(),
            ));
        }
        followed = listed.iter().map(|account| account.states.clone()).collect();
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = stop.cancelled() => break,
        }
    }
    while lines.join_next().await.is_some() {}
}

/// An account that was removed and added again under its login is another one, also where nobody saw the moment between.
fn is_followed(followed: &[watch::Receiver<AccountState>], states: &watch::Receiver<AccountState>) -> bool {
    followed.iter().any(|known| known.same_channel(states))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_is_added_again_is_followed_anew() {
        let (removed, added) = (watch::channel(AccountState::default()), watch::channel(AccountState::default()));
        assert!(is_followed(std::slice::from_ref(&removed.1), &removed.1));
        assert!(!is_followed(&[removed.1], &added.1));
    }
}
