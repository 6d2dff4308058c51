//! The bot accounts of a host: added, removed and paused while it runs.
//!
//! Each account is one task, which ends when the account is removed or the host stops. [`Accounts::run`] ends with the
//! last task, or as soon as one ends unexpectedly.
//!
//! Not here: where accounts are stored, and who may change them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::account::account_loop::AccountLoop;
use super::account::session::Session;
use super::account::state::{AccountState, Phase};
use super::account::{Account, Shared};
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::{OutgoingMessage, WantedChannel};
use crate::domain::ports::Allowance;
use crate::domain::used_limits::UsedLimits;

/// Replies that wait for one account's outbox to take them.
const OUTGOING: usize = 1024;

pub struct Accounts {
    shared: Arc<Shared>,
    listed: watch::Sender<Arc<[RunningAccount]>>,
    /// Cache for `outbox`. Without it, each reply would search all accounts.
    outbox_cache: Mutex<HashMap<AccountId, RunningAccount>>,
    /// Runs the accounts' tasks.
    runtime: Handle,
    tasks: TaskTracker,
    /// Stops all accounts when cancelled.
    stop: CancellationToken,
    /// Cancelled when an account's task ends without having been stopped.
    broken: CancellationToken,
}

/// A running account.
#[derive(Clone)]
pub struct RunningAccount {
    pub login: Login,
    pub states: watch::Receiver<AccountState>,
    pause: watch::Sender<bool>,
    outbox: mpsc::Sender<OutgoingMessage>,
    stop: CancellationToken,
}

/// An account with the same id or login runs already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account {0} is there already")]
pub struct AddAccountError(Login);

impl Accounts {
    /// The accounts' tasks run on `runtime`.
    pub fn new(shared: Shared, runtime: Handle) -> Accounts {
        Accounts {
            runtime,
            shared: Arc::new(shared),
            listed: watch::Sender::default(),
            outbox_cache: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            broken: CancellationToken::new(),
        }
    }

    /// Starts an account. `used` is the part of its limits that an earlier process used, `allowance` says which part of
    /// them this process may use, and `wanted` holds the channels of its login.
    pub fn add(
        &self,
        bot: BotAccount,
        used: UsedLimits,
        allowance: Arc<dyn Allowance>,
        wanted: watch::Receiver<Arc<[WantedChannel]>>,
        session: Box<dyn Session>,
    ) -> Result<(), AddAccountError> {
        let (outbox, outgoing) = mpsc::channel(OUTGOING);
        let (state, states) = watch::channel(AccountState { id: bot.id, ..AccountState::default() });
        let (pause, paused) = watch::channel(false);
        let stop = self.stop.child_token();
        let listed = RunningAccount { login: bot.login.clone(), states, pause, outbox, stop: stop.clone() };
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
        let account = Account::new(bot, self.shared.clone(), used, allowance, wanted, outgoing, state);
        let account_loop = AccountLoop::new(account, session, paused);
        let broken = self.broken.clone().drop_guard();
        let task = async move {
            account_loop.run(stop).await;
            drop(broken.disarm());
        };
        self.tasks.spawn_on(task, &self.runtime);
        Ok(())
    }

    /// The inbox of an account's outbox; `None` for an account that never logged in, because its id is unknown. When
    /// Twitch renames an account, two logins may have one id: the one that is online wins.
    pub fn outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        let is_online = |listed: &RunningAccount| {
            let state = listed.states.borrow();
            state.id == Some(account) && state.phase == Phase::Online
        };
        let mut outbox_cache = self.outbox_cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(online) = outbox_cache.get(&account).filter(|listed| is_online(listed)) {
            return Some(online.outbox.clone());
        }
        let listed = self.listed.borrow();
        let known = listed.iter().filter(|listed| listed.states.borrow().id == Some(account));
        let best = known.max_by_key(|listed| is_online(listed)).cloned();
        match &best {
            Some(best) => drop(outbox_cache.insert(account, best.clone())),
            None => drop(outbox_cache.remove(&account)),
        }
        best.map(|listed| listed.outbox)
    }

    /// All accounts, in the order in which they were added.
    pub fn list(&self) -> Arc<[RunningAccount]> {
        self.listed.borrow().clone()
    }

    /// Changes whenever an account is added or removed.
    pub fn changes(&self) -> watch::Receiver<Arc<[RunningAccount]>> {
        self.listed.subscribe()
    }

    fn find(&self, account: &BotAccount) -> Option<RunningAccount> {
        self.listed.borrow().iter().find(|listed| listed.is(account)).cloned()
    }

    /// Waits for `stop`, then until all accounts have ended. Returns early if an account's task ends unexpectedly.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = self.broken.cancelled() => {}
            () = stop.cancelled() => self.finish().await,
        }
    }

    /// Stops all accounts. Returns when each has sent its waiting messages, or its time for that is over.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "accounts are paused and removed by the API that comes with log-ins")
)]
impl Accounts {
    /// Stops an account, after a bounded time in which it sends the messages that wait. Returns what it used of
    /// Twitch's limits; `None` if there is no such account.
    pub async fn remove(&self, account: &BotAccount) -> Option<UsedLimits> {
        let mut removed = self.find(account)?;
        self.listed.send_modify(|known| *known = known.iter().filter(|other| !other.is(account)).cloned().collect());
        removed.stop.cancel();
        // The sender is gone: the account's task ended before it could report `Stopped`.
        let state = removed.states.wait_for(|state| state.phase == Phase::Stopped).await.ok()?;
        Some(state.used)
    }

    /// Disconnects the account until `resume`: it joins and sends nothing, and waiting messages become stale. Returns
    /// false if there is no such account.
    pub fn pause(&self, account: &BotAccount) -> bool {
        self.find(account).map(|account| account.pause.send_replace(true)).is_some()
    }

    pub fn resume(&self, account: &BotAccount) -> bool {
        self.find(account).map(|account| account.pause.send_replace(false)).is_some()
    }
}

impl RunningAccount {
    fn is(&self, account: &BotAccount) -> bool {
        BotAccount { login: self.login.clone(), id: self.states.borrow().id }.is(account)
    }
}
