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
        match load_wanted(&store).and_then(|channels| load_new(&setup, &channels).map(|()| channels)) {
            Ok(channels) => drop(wanted.send_replace(channels)),
            Err(error) => error!(%error, "cannot tell which channels are wanted"),
        }
    }
}

/// A channel that `!join` made known has its set-up before the account gets there.
fn load_new(setup: &Setup, channels: &[WantedChannel]) -> Result<(), StoreError> {
    let ids = channels.iter().filter_map(|channel| channel.id);
    ids.filter(|id| setup.find_channel(*id).is_none()).try_for_each(|id| setup.reload(id))
}
