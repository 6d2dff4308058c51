//! Who talked, from memory to the store.

use tracing::error;

use super::Dispatch;
use crate::domain::invocation::Invocation;

impl Dispatch {
    /// Saves who talked since the last time. For [`Dispatch::run`], and for whoever feeds the path otherwise.
    pub async fn save_tally(&self) {
        let _turn = self.saving.lock().await;
        self.save_waiting().await;
    }

    /// A command may name somebody who has only just spoken for the first time.
    pub(super) async fn save_named(&self, invocation: &Invocation) {
        let is_waiting = || {
            let named = invocation.arguments.iter().filter_map(|word| word.trim_matches(['@', ',']).parse().ok());
            self.tally.is_waiting(invocation.channel.id, named)
        };
        if !invocation.arguments.is_empty() && is_waiting() {
            let _turn = self.saving.lock().await;
            if is_waiting() {
                self.save_waiting().await;
            }
        }
    }

    /// To be called by whoever holds the turn to save.
    async fn save_waiting(&self) {
        let noted = self.tally.begin_save();
        if let Err(error) = self.store.save_tally(&noted, self.clock.now().wall).await {
            error!(%error, "who talked lately is not saved");
        }
        self.tally.finish_save();
    }
}
