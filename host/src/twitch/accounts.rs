//! The bot accounts of a host: added, removed and paused while it runs.
//!
//! Each account is one task, which ends when the account is removed or the host stops. [`Accounts::run`] ends with the last of them,
//! or as soon as one ends unasked.
//!
//! Absent: where accounts are kept, and who may change them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::account::connecting::Connecting;
use super::account::own_messages::OwnMessages;
use super::account::session::Session;
use super::account::state::{AccountState, Phase};
use super::account::{Account, Ends};
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::{Event, OutgoingMessage, WantedChannel};
use crate::domain::ports::{AccountIds, Credentials, LearningAccount};
use crate::domain::used_limits::UsedLimits;

/// Replies that wait to be taken by one account's outbox.
const OUTGOING: usize = 1024;

/// What all accounts of a host share.
pub struct Shared {
    pub credentials: Arc<dyn Credentials>,
    pub ids: Arc<dyn AccountIds>,
    /// Of all accounts.
    pub wanted: watch::Receiver<Arc<[WantedChannel]>>,
    pub events: mpsc::Sender<Event>,
    pub limits: LimitsConfig,
    /// How long messages that wait may hold up the end of an account.
    pub drain_within: Duration,
}

pub struct Accounts {
    shared: Shared,
    own_messages: Arc<OwnMessages>,
    listed: watch::Sender<Arc<[Listed]>>,
    outboxes: Arc<Outboxes>,
    tasks: TaskTracker,
    /// Ends all accounts.
    stop: CancellationToken,
    /// An account's task ended unasked.
    broken: CancellationToken,
}

/// An account that runs.
#[derive(Clone)]
pub struct Listed {
    pub login: Login,
    pub states: watch::Receiver<AccountState>,
    pause: watch::Sender<bool>,
    outbox: mpsc::Sender<OutgoingMessage>,
    stop: CancellationToken,
}

/// The account runs already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account {0} is there already")]
pub struct AddAccountError(Login);

impl Accounts {
    pub fn new(shared: Shared) -> Accounts {
        Accounts {
            shared,
            own_messages: Arc::default(),
            listed: watch::Sender::default(),
            outboxes: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            broken: CancellationToken::new(),
        }
    }

    /// Starts an account. `used` is what was used of its limits before.
    pub fn add(&self, bot: BotAccount, used: UsedLimits, session: Box<dyn Session>) -> Result<(), AddAccountError> {
        let (outbox, outgoing) = mpsc::channel(OUTGOING);
        let (state, states) = watch::channel(AccountState { id: bot.id, ..AccountState::default() });
        let (pause, paused) = watch::channel(false);
        let stop = self.stop.child_token();
        let listed = Listed { login: bot.login.clone(), states, pause, outbox: outbox.clone(), stop: stop.clone() };
        let is_added = self.listed.send_if_modified(|known| {
            let is_new = !known.iter().any(|other| other.is(&bot));
            if is_new {
                *known = known.iter().cloned().chain([listed]).collect();
            }
            is_new
        });
        if !is_added {
            return Err(AddAccountError(bot.login));
        }
        if let Some(id) = bot.id {
            self.outboxes.enter(id, &outbox);
        }
        let ids = Arc::new(Entering { ids: self.shared.ids.clone(), outboxes: self.outboxes.clone(), outbox });
        let ends = Ends {
            wanted: self.shared.wanted.clone(),
            events: self.shared.events.clone(),
            outgoing,
            own_messages: self.own_messages.clone(),
            ids,
            state,
        };
        let account = Account::new(bot, &self.shared.limits, used, ends, self.shared.drain_within);
        let connecting = Connecting::new(account, session, self.shared.credentials.clone(), paused);
        let broken = self.broken.clone().drop_guard();
        self.tasks.spawn(async move {
            connecting.run(stop).await;
            drop(broken.disarm());
        });
        Ok(())
    }

    /// Stops an account, which sends what waits for a while; what it used of its limits. None where there is no such account.
    pub async fn remove(&self, account: &BotAccount) -> Option<UsedLimits> {
        let mut removed = self.find(account)?;
        self.listed.send_modify(|known| *known = known.iter().filter(|other| !other.is(account)).cloned().collect());
        self.outboxes.leave(&removed.outbox);
        removed.stop.cancel();
        // An error: its task broke.
        let state = removed.states.wait_for(|state| state.phase == Phase::Stopped).await.ok()?;
        Some(state.used)
    }

    /// From now on the account has no connection: it joins and sends nothing, and what is to be sent gets stale. False where there
    /// is no such account.
    pub fn pause(&self, account: &BotAccount) -> bool {
        self.find(account).map(|account| account.pause.send_replace(true)).is_some()
    }

    pub fn resume(&self, account: &BotAccount) -> bool {
        self.find(account).map(|account| account.pause.send_replace(false)).is_some()
    }

    /// Where messages of an account are put.
    pub fn outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.outboxes.find(account)
    }

    /// In the order in which they were added.
    pub fn list(&self) -> Arc<[Listed]> {
        self.listed.borrow().clone()
    }

    /// What to wait on for accounts that come and go.
    pub fn changes(&self) -> watch::Receiver<Arc<[Listed]>> {
        self.listed.subscribe()
    }

    fn find(&self, account: &BotAccount) -> Option<Listed> {
        self.listed.borrow().iter().find(|listed| listed.is(account)).cloned()
    }

    /// Until `stop`, and then until all accounts have ended. Returns before that if one of them breaks.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = self.broken.cancelled() => {}
            () = stop.cancelled() => self.finish().await,
        }
    }

    /// Ends all accounts. Returns when each has sent what waits, or had its time.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Listed {
    fn is(&self, account: &BotAccount) -> bool {
        BotAccount { login: self.login.clone(), id: self.states.borrow().id }.is(account)
    }
}

/// The accounts' queues of messages to send. An account that never logged in is not among them.
#[derive(Default)]
struct Outboxes {
    by_id: RwLock<HashMap<AccountId, mpsc::Sender<OutgoingMessage>>>,
}

impl Outboxes {
    fn find(&self, id: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Under this id only: the login may have been another account's.
    fn enter(&self, id: AccountId, outbox: &mpsc::Sender<OutgoingMessage>) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.retain(|_, known| !known.same_channel(outbox));
        by_id.insert(id, outbox.clone());
    }

    fn leave(&self, outbox: &mpsc::Sender<OutgoingMessage>) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.retain(|_, known| !known.same_channel(outbox));
    }
}

/// Makes an account's outbox known under the id that its log-in told.
struct Entering {
    ids: Arc<dyn AccountIds>,
    outboxes: Arc<Outboxes>,
    outbox: mpsc::Sender<OutgoingMessage>,
}

impl AccountIds for Entering {
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_> {
        Box::pin(async move {
            let former = self.ids.learn_account(login, id).await?;
            self.outboxes.enter(id, &self.outbox);
            Ok(former)
        })
    }
}
