//! Reports the texts of calls to listeners who may read them. Texts have a path of their own, so that no event can
//! contain one. A text is copied only while its channel has a listener.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use super::listening::Listening;
use crate::domain::id::{ChannelId, InvocationId};

/// Texts that a slow listener may lag behind.
const TEXTS: usize = 64;

/// A call, with its command's name and arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct CallText {
    pub invocation: InvocationId,
    pub channel: ChannelId,
    pub text: Box<str>,
}

/// Omits the text, which must reach no log.
impl std::fmt::Debug for CallText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallText").field("invocation", &self.invocation).field("channel", &self.channel).finish()
    }
}

#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Channels that have or lately had a listener. Those without one are removed when the next listener comes.
    channels: Mutex<HashMap<ChannelId, broadcast::Sender<Arc<CallText>>>>,
    /// The number of entries in `channels`, to avoid its lock.
    count: AtomicUsize,
}

impl Texts {
    pub(super) fn listen(&self, channel: ChannelId) -> Listening<CallText> {
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
            let said = CallText { invocation: invocation.clone(), channel, text: text() };
            // The last listener may be gone by now, which loses nothing.
            drop(sender.send(Arc::new(said)));
        }
    }
}
