//! Connects the bot accounts to the other parts: the store keeps their ids and used limits, IRC carries their sessions.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::status::line::run_status_line;
use super::used_limits::{begin_use, save_use};
use super::wanted::Wanted;
use crate::chat::dispatch::outgoing::Outboxes;
use crate::config::{AccountConfig, LimitsConfig};
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::OutgoingMessage;
use crate::domain::ports::{AccountIds, LearningAccount, Prefixes, Unshared};
use crate::domain::tally::Tally;
use crate::domain::used_limits::UsedLimits;
use crate::net::server::Server;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::twitch::account::state::AccountState;
use crate::twitch::accounts::{Accounts, RunningAccount};
use crate::twitch::irc::session::Session;

impl Outboxes for Accounts {
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.outbox(account)
    }
}

/// Stores an account's id, and reloads the set-ups that name the account.
pub(super) struct StoredIds {
    pub(super) store: Arc<Store>,
    pub(super) setup: Arc<Setup>,
}

impl AccountIds for StoredIds {
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_> {
        Box::pin(async move {
            let account = BotAccount { login: login.clone(), id: Some(id) };
            let former = self.store.host.learn_bot(login, id).await.map_err(|error| error.to_string())?;
            let channels = self.store.host.list_channels_of(&account).await.map_err(|error| error.to_string())?;
            for channel in channels {
                if self.setup.find_channel(channel).is_some_and(|known| known.bot != account) {
                    self.setup.reload(channel).await.map_err(|error| error.to_string())?;
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

/// Adds the configured accounts. Holds what they depend on.
pub(super) struct Roster {
    pub(super) store: Arc<Store>,
    pub(super) wanted: Arc<Wanted>,
    pub(super) prefixes: Arc<dyn Prefixes>,
    pub(super) tally: Arc<Tally>,
    pub(super) server: Server,
    pub(super) limits: LimitsConfig,
    /// Whether Twitch's counts outlive a restart of the host.
    pub(super) twitch_counts_on: bool,
}

impl Roster {
    /// Reads the store for all accounts first, so that they start together and none waits for another one's reads.
    pub(super) async fn add(&self, accounts: &Accounts, configured: &[AccountConfig]) -> anyhow::Result<()> {
        let mut known = Vec::new();
        for AccountConfig { login, .. } in configured {
            let used = match self.twitch_counts_on {
                true => begin_use(&self.store, login, &self.limits).await?,
                false => UsedLimits::default(),
            };
            known.push((self.store.host.find_bot(login).await?, used));
        }
        for (bot, used) in known {
            let session = Session::new(self.server.clone(), self.prefixes.clone(), self.tally.clone(), &self.limits);
            let wanted = self.wanted.open_list(&bot.login).await?;
            accounts.add(bot, used, Arc::new(Unshared), wanted, Box::new(session))?;
        }
        Ok(())
    }

    /// To be called after all accounts have stopped.
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

/// Runs a status line for each account, including those added later.
pub(super) async fn run_status_lines(accounts: Arc<Accounts>, telemetry: Arc<Telemetry>, stop: CancellationToken) {
    let mut changes = accounts.changes();
    let (mut lines, mut followed) = (JoinSet::new(), Vec::<watch::Receiver<AccountState>>::new());
    loop {
        let listed = changes.borrow_and_update().clone();
        // Compared by channel, not by login: an account may have been removed and added again since the last look.
        followed.retain(|states| listed.iter().any(|account| account.states.same_channel(states)));
        for RunningAccount { login, states, .. } in listed.iter() {
            if !followed.iter().any(|known| known.same_channel(states)) {
                followed.push(states.clone());
                lines.spawn(run_status_line(login.clone(), states.clone(), telemetry.clone(), stop.clone()));
            }
        }
        while lines.try_join_next().is_some() {}
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = stop.cancelled() => break,
        }
    }
    while lines.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use secrecy::SecretString;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::app::credentials::ConfiguredTokens;
    use crate::telemetry::HostEvent;
    use crate::telemetry::listening::Received;
    use crate::twitch::account::session::{self, Serving};
    use crate::twitch::account::{Account, Shared};

    /// Nothing logs in here, as there is no token.
    struct Unused;

    impl AccountIds for Unused {
        fn learn_account(&self, _: Login, _: AccountId) -> LearningAccount<'_> {
            Box::pin(async { Ok(None) })
        }
    }

    impl session::Session for Unused {
        fn scopes(&self) -> &'static str {
            "none"
        }

        fn serve<'a>(&'a mut self, _: &'a mut Account, _: &'a SecretString, _: &'a CancellationToken) -> Serving<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_was_removed_and_added_again_has_a_status_line() {
        let shared = Shared {
            credentials: Arc::new(ConfiguredTokens::new(&[])),
            ids: Arc::new(Unused),
            events: mpsc::channel(1).0,
            own_messages: Arc::default(),
            limits: LimitsConfig::default(),
            drain_within: Duration::ZERO,
        };
        let accounts = Arc::new(Accounts::new(shared, tokio::runtime::Handle::current()));
        let bot = BotAccount { login: "mybot".parse().unwrap(), id: None };
        let wanted = watch::channel(Vec::new().into()).1;
        let add = || {
            let session = Box::new(Unused);
            accounts.add(bot.clone(), UsedLimits::default(), Arc::new(Unshared), wanted.clone(), session).unwrap();
        };
        let telemetry = Arc::new(Telemetry::default());
        let mut heard = telemetry.listen();
        let mut lines = pin!(run_status_lines(accounts.clone(), telemetry.clone(), CancellationToken::new()));
        add();
        assert!(timeout(Duration::from_secs(60), &mut lines).await.is_err());
        accounts.remove(&bot).await.unwrap();
        add();
        assert!(timeout(Duration::from_secs(60), &mut lines).await.is_err());
        sleep(Duration::from_secs(1)).await;
        for state in ["no_token", "stopped", "no_token"] {
            let event = HostEvent::Connection { account: "mybot".into(), state };
            assert_eq!(heard.next().await, Some(Received::Event(Arc::new(event))));
        }
    }
}
