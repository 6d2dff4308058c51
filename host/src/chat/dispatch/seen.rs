//! Saves the tally of chatters to the store.

use std::sync::Arc;

use tracing::error;

use crate::domain::invocation::Invocation;
use crate::domain::ports::Clock;
use crate::domain::tally::Tally;
use crate::store::Store;

pub(super) struct Seen {
    /// Connections count the lines that they filter out, dispatch those that reach it.
    pub(super) tally: Arc<Tally>,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Held while a tally is taken out and saved.
    saving: tokio::sync::Mutex<()>,
}

impl Seen {
    pub(super) fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Seen {
        Seen { tally: Arc::default(), store, clock, saving: tokio::sync::Mutex::default() }
    }

    /// Saves the chatters counted since the last time.
    pub(super) async fn save(&self) {
        let _saving = self.saving.lock().await;
        self.save_waiting().await;
    }

    /// Saves the tally now if the command names a chatter who is unsaved: the module could not find that chatter.
    pub(super) async fn save_named(&self, invocation: &Invocation) {
        let is_waiting = || {
            let named = invocation.arguments.iter().filter_map(|word| word.trim_matches(['@', ',']).parse().ok());
            self.tally.is_waiting(invocation.channel.id, named)
        };
        if !invocation.arguments.is_empty() && is_waiting() {
            let _saving = self.saving.lock().await;
            if is_waiting() {
                self.save_waiting().await;
            }
        }
    }

    /// To be called while `saving` is held.
    async fn save_waiting(&self) {
        let noted = self.tally.begin_save();
        if let Err(error) = self.store.save_tally(&noted, self.clock.now().wall).await {
            error!(%error, "who talked lately is not saved");
        }
        self.tally.finish_save();
    }
}
