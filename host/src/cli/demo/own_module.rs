//! `twitchy demo --module PATH`: the module that the user is writing, loaded again whenever it changes.

use std::future::pending;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_blocking};

use super::stage::Stage;
use crate::cli::author::source::Source;
use crate::domain::manifest::Manifest;

/// A component that was built, or why it was not.
pub(super) struct Built {
    component: anyhow::Result<Vec<u8>>,
    took: Duration,
}

/// Builds the module after each change. Nothing without `--module`.
pub(super) struct OwnModule {
    built: mpsc::Receiver<Built>,
    watching: Option<AbortHandle>,
}

impl OwnModule {
    /// The first build begins at once.
    ///
    /// # Errors
    /// If there is nothing at the path.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<OwnModule> {
        let (sender, built) = mpsc::channel(1);
        let Some(path) = path else { return Ok(OwnModule { built, watching: None }) };
        let source = Source::find(path)?;
        let mut watch = source.watch();
        let watching = tokio::spawn(async move {
            loop {
                let (begun_at, source) = (Instant::now(), source.clone());
                let component = spawn_blocking(move || source.load()).await;
                let component = component.unwrap_or_else(|error| Err(error.into()));
                if sender.send(Built { component, took: begun_at.elapsed() }).await.is_err() {
                    return;
                }
                watch.changed().await;
            }
        });
        Ok(OwnModule { built, watching: Some(watching.abort_handle()) })
    }

    /// The next build, once it has ended. Never returns without `--module`.
    pub(super) async fn next(&mut self) -> Built {
        match self.built.recv().await {
            Some(built) => built,
            None => pending().await,
        }
    }
}

impl Drop for OwnModule {
    fn drop(&mut self) {
        if let Some(watching) = &self.watching {
            watching.abort();
        }
    }
}

impl Built {
    /// Puts the module in place of its earlier state. Returns a sentence for the user.
    ///
    /// # Errors
    /// If the build failed, or the component is no module. The earlier state goes on answering.
    pub(super) async fn put_on(self, stage: &Stage) -> anyhow::Result<String> {
        let begun_at = Instant::now();
        let manifest = stage.swap(&self.component?).await?;
        let Manifest { name, version, .. } = &*manifest;
        let words: Vec<String> = manifest.commands.iter().map(|command| format!("!{}", command.name)).collect();
        let took = (self.took + begun_at.elapsed()).as_millis();
        Ok(format!("{name} {version} answers to {} now, after {took} ms", words.join(", ")))
    }
}
