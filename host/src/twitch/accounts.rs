//! The bot accounts of a host: added, removed and paused while it runs.
//!
//! Each account is one task, which ends when the account is removed or the host stops. [`Accounts::run`] ends with the last of them,
//! or as soon as one ends unasked.
//!
//! Absent: where accounts are kept, and who may change them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::account::connecting::Connecting;
use super::account::session::Session;
use super::account::state::{AccountState, Phase};
use super::account::{Account, Shared};
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::{OutgoingMessage, WantedChannel};
use crate::domain::ports::Allowance;
use crate::domain::used_limits::UsedLimits;

/// Replies that wait to be taken by one account's outbox.
const OUTGOING: usize = 1024;

pub struct Accounts {
    shared: Arc<Shared>,
    listed: watch::Sender<Arc<[Listed]>>,
    /// Cache of `outbox`: looking through all accounts for each reply would take longer with each account.
    found: Mutex<HashMap<AccountId, Listed>>,
    /// Where each account's task runs.
    runtime: Handle,
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
    /// `runtime` is where the accounts' tasks run.
    pub fn new(shared: Shared, runtime: Handle) -> Accounts {
        Accounts {
            runtime,
            shared: Arc::new(shared),
            listed: watch::Sender::default(),
            found: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            broken: CancellationToken::new(),
        }
    }

    /// Starts an account. `used` is what was used of its limits before, `allowance` tells what this process may use of them, `wanted`
    /// are the channels of its login.
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
        let listed = Listed { login: bot.login.clone(), states, pause, outbox, stop: stop.clone() };
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
        let connecting = Connecting::new(account, session, paused);
        let broken = self.broken.clone().drop_guard();
        let task = async move {
            connecting.run(stop).await;
            drop(broken.disarm());
        };
        self.tasks.spawn_on(task, &self.runtime);
        Ok(())
    }

    /// Stops an account, which sends what waits for a while; what it used of its limits. None where there is no such account.
    pub async fn remove(&self, account: &BotAccount) -> Option<UsedLimits> {
        let mut removed = self.find(account)?;
        self.listed.send_modify(|known| *known = known.iter().filter(|other| !other.is(account)).cloned().collect());
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

    /// Where messages of an account are put. An account that never logged in has no id, and so is not found. Of two logins of one
    /// account, which Twitch has renamed, the one that is logged in counts.
    pub fn outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        let is_online = |listed: &Listed| {
            let state = listed.states.borrow();
            state.id == Some(account) && state.phase == Phase::Online
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(online) = found.get(&account).filter(|listed| is_online(listed)) {
            return Some(online.outbox.clone());
        }
        let listed = self.listed.borrow();
        let known = listed.iter().filter(|listed| listed.states.borrow().id == Some(account));
        let best = known.max_by_key(|listed| is_online(listed)).cloned();
        match &best {
            Some(best) => drop(found.insert(account, best.clone())),
            None => drop(found.remove(&account)),
        }
        best.map(|listed| listed.outbox)
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
