//! Attempts to write again what could not be written.
//!
//! Without them a host that nobody asks for anything would never learn that the disk has room again, and a balancer that
//! heeds `/readyz` would send it nothing to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, info};

use crate::sandbox::Sandbox;
use crate::store::Store;

const TRIED_EVERY: Duration = Duration::from_secs(10);

/// Until it is dropped.
pub(super) async fn run_trials(store: Arc<Store>, sandbox: Arc<Sandbox>) {
    loop {
        sleep(TRIED_EVERY).await;
        if store.write_trouble().is_some() {
            match store.try_to_write().await {
                Ok(()) => info!("the database can be written again"),
                Err(error) => debug!(%error, "the database still cannot be written"),
            }
        }
        let components = Arc::clone(sandbox.components());
        if components.save_trouble().is_some() {
            // A failure is noted where the status looks for it.
            drop(spawn_blocking(move || components.try_to_save()).await);
        }
    }
}
