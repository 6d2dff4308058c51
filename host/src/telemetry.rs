//! What happens in the host, for whoever watches: counted, told as it happens, and kept for a while.
//!
//! Promised: noting something waits for nobody and takes bounded memory, whoever looks or does not. No token and no text
//! of chat is ever noted. Absent: how it is shown, which is `http`'s and `cli`'s.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::report::Report;

/// Events that a slow listener may be behind; it is told how many it missed.
const EVENTS: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum HostEvent {
    /// An invocation has ended.
    Invocation(Report),
    /// A module's state changed in a channel, or everywhere: `uploaded`, `blown`, `restored`, `withdrawn`...
    Module { module: ModuleName, version: semver::Version, channel: Option<ChannelId>, change: &'static str },
    /// A bot account's connection changed: its login, and `connecting`, `online`...
    Connection { account: Box<str>, state: &'static str },
}

/// Where everything that happens is noted. Shared as `Arc<Telemetry>`.
pub struct Telemetry {
    events: broadcast::Sender<Arc<HostEvent>>,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry { events: broadcast::Sender::new(EVENTS) }
    }
}

impl Telemetry {
    pub fn note(&self, event: HostEvent) {
        if self.events.receiver_count() > 0 {
            // Nobody listens any more: nothing is lost.
            drop(self.events.send(Arc::new(event)));
        }
    }

    /// All events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<HostEvent>> {
        self.events.subscribe()
    }
}
