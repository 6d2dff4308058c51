//! What was said in calls, for whoever asks for it and may: on a way of its own, so that nobody can be told of an event
//! and find a text in it. A text is copied only while somebody listens to its channel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use super::listening::Listening;
use crate::domain::id::{ChannelId, InvocationId};

/// Texts that a slow listener may be behind.
const TEXTS: usize = 64;

/// A call, with the command's name and what followed it.
#[derive(Clone, PartialEq, Eq)]
pub struct SaidText {
    pub invocation: InvocationId,
    pub channel: ChannelId,
    pub text: Box<str>,
}

/// Without the text: it must reach no log.
impl std::fmt::Debug for SaidText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaidText").field("invocation", &self.invocation).field("channel", &self.channel).finish()
    }
}

#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Of channels that somebody listened to lately. Those that nobody listens to any more go when the next one comes.
    channels: Mutex<HashMap<ChannelId, broadcast::Sender<Arc<SaidText>>>>,
    /// As many as there are above: to look there costs a lock.
    count: AtomicUsize,
}

impl Texts {
    pub(super) fn listen(&self, channel: ChannelId) -> Listening<SaidText> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|_, sender| sender.receiver_count() > 0);
        let listening = channels.entry(channel).or_insert_with(|| broadcast::Sender::new(TEXTS)).subscribe();
        self.count.store(channels.len(), Ordering::Relaxed);
        Listening::new(listening)
    }

    pub(super) fn note(&self, invocation: &InvocationId, channel: ChannelId, text: impl FnOnce() -> Box<str>) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let listened = channels.get(&channel).filter(|sender| sender.receiver_count() > 0);
        if let Some(sender) = listened {
            let said = SaidText { invocation: invocation.clone(), channel, text: text() };
            // Whoever listened has gone meanwhile: nothing is lost.
            drop(sender.send(Arc::new(said)));
        }
    }
}
