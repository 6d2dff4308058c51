//! The wanted channels: from the store, whenever they change, to the set-ups and to the accounts.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::error;

use crate::domain::message::WantedChannel;
use crate::setup::Setup;
use crate::store::{Store, StoreError};

pub(super) fn load_wanted(store: &Store) -> Result<Arc<[WantedChannel]>, StoreError> {
    store.list_wanted().map(Arc::from)
}

/// Until the store closes.
pub(super) async fn run_wanted(
    store: Arc<Store>,
    setup: Arc<Setup>,
    mut changes: watch::Receiver<u64>,
    wanted: watch::Sender<Arc<[WantedChannel]>>,
) {
    while changes.changed().await.is_ok() {
        let loaded = load_wanted(&store).and_then(|channels| {
            // A channel that `!join` made known has its set-up before the account gets there.
            setup.load_new(channels.iter().filter_map(|channel| channel.id)).map(|()| channels)
        });
        match loaded {
            Ok(channels) => drop(wanted.send_replace(channels)),
            Err(error) => error!(%error, "cannot tell which channels are wanted"),
        }
    }
}
