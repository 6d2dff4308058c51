//! Long-lived tasks, each with a name.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};
use tracing::error;

/// Tasks of one kind, which end together. Dropping the set aborts them.
#[derive(Default)]
pub(super) struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, String>,
}

impl Tasks {
    pub(super) fn start(&mut self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name.into());
    }

    /// The name of the next task that ends; pending for ever where there is none.
    pub(super) async fn next_end(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.note_end(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended.
    pub(super) async fn finish(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            self.note_end(ended);
        }
    }

    fn note_end(&mut self, ended: Result<(Id, ()), JoinError>) -> String {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let name = self.names.remove(&id).unwrap_or_default();
        if let Err(error) = ended {
            error!(task = %name, %error, "a task broke");
        }
        name
    }
}
