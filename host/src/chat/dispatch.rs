//! THE path: from one chat message to what is sent because of it.
//!
//! Read [`accept`] downwards, then [`answer`]: each step before a call may end in silence, and none touches a disk or a
//! sandbox. What is accepted has taken its cooldown, and is carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::apology::Apologies;
use super::cooldown::Cooldowns;
use super::duplicates::Duplicates;
use super::inbox::Progress;
use crate::domain::id::ModuleName;
use crate::domain::message::{ChatMessage, OutgoingMessage};
use crate::domain::ports::Clock;
use crate::domain::tally::Tally;
use crate::sandbox::Sandbox;
use crate::setup::Setup;
use crate::store::Store;

pub mod accept;
pub mod answer;
mod seen;

use accept::Silence;

/// Answers chat messages.
pub struct Dispatch {
    setup: Arc<Setup>,
    sandbox: Arc<Sandbox>,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
    /// Held while a tally is taken out and saved.
    saving: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
    pub(super) progress: watch::Sender<Progress>,
}

/// What is remembered from message to message.
#[derive(Default)]
struct Memory {
    duplicates: Duplicates,
    cooldowns: Cooldowns,
    apologies: Apologies,
    /// Bounded by the modules that there are.
    faults: BTreeMap<ModuleName, u64>,
}

impl Dispatch {
    pub fn new(setup: Arc<Setup>, sandbox: Arc<Sandbox>, store: Arc<Store>, clock: Arc<dyn Clock>) -> Dispatch {
        Dispatch {
            setup,
            sandbox,
            store,
            clock,
            tally: Arc::default(),
            saving: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
            progress: watch::Sender::default(),
        }
    }

    /// Where whoever passes messages over notes them: dispatch itself notes those that reach it.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// What is sent because of a message: any number of replies, or none and why.
    pub async fn answer(&self, message: ChatMessage) -> Result<Vec<OutgoingMessage>, Silence> {
        self.carry_out(self.accept(message)?).await
    }

    /// How often each module broke since the start.
    pub fn list_faults(&self) -> BTreeMap<ModuleName, u64> {
        self.lock().faults.clone()
    }

    /// What is remembered is whole after every statement, and so it survives a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
