//! Long-lived tasks with names.

use std::collections::HashMap;

use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Tasks of one kind, which end together. Dropping the set aborts them.
#[derive(Default)]
pub(super) struct Tasks {
    /// Asks the tasks to end.
    pub(super) stop: CancellationToken,
    running: JoinSet<()>,
    names: HashMap<Id, String>,
}

impl Tasks {
    pub(super) fn start(&mut self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        self.start_on(&Handle::current(), name, task);
    }

    pub(super) fn start_on(
        &mut self,
        runtime: &Handle,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle = self.running.spawn_on(task, runtime);
        self.names.insert(handle.id(), name.into());
    }

    /// The name of the next task that ends. Pending for ever if there is no task.
    pub(super) async fn next_end(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.note_end(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until all tasks have ended.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_is_reported_by_its_name_even_if_it_broke() {
        let mut tasks = Tasks::default();
        tasks.start("steady", std::future::pending());
        tasks.start("short", async {});
        assert_eq!(tasks.next_end().await, "short");
        tasks.start("broken", async { panic!("on purpose") });
        assert_eq!(tasks.next_end().await, "broken");
    }

    #[tokio::test]
    async fn all_tasks_are_waited_for() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let mut tasks = Tasks::default();
        for name in ["first", "second"] {
            let sender = sender.clone();
            tasks.start(name, async move {
                tokio::task::yield_now().await;
                sender.send(name).await.unwrap();
            });
        }
        tasks.finish().await;
        assert!(receiver.try_recv().is_ok() && receiver.try_recv().is_ok());
    }
}
