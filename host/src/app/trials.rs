//! Retries failed writes.
//!
//! Otherwise an idle host would never notice that the disk has room again, and a load balancer that heeds `/readyz`
//! would keep it idle.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, info};

use crate::sandbox::Sandbox;
use crate::store::Store;

const TRIED_EVERY: Duration = Duration::from_secs(10);

/// Runs until it is dropped.
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
        if components.save_error().is_some() {
            // The component store keeps the failure for the status.
            drop(spawn_blocking(move || components.try_to_save()).await);
        }
    }
}
