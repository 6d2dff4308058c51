//! Lines that are written together: one write costs the same for one line as for many.

use tokio::time::Instant;

use super::command::{Command, write_message};
use crate::domain::id::ChannelId;
use crate::twitch::account::departure::Departure;

/// A batch of this many bytes takes no further line and is written.
pub(super) const FULL_FROM: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// The channels of the batch's messages, one per message and in the same order.
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) picked_at: Instant,
}

impl Batch {
    pub(crate) fn new(picked_at: Instant) -> Self {
        Self { bytes: Vec::new(), channels: Vec::new(), picked_at }
    }

    pub(crate) fn push(&mut self, command: &Command) {
        self.bytes.extend_from_slice(command.to_line().as_bytes());
    }

    pub(crate) fn push_message(&mut self, departure: &Departure) {
        self.bytes.extend_from_slice(write_message(departure).as_bytes());
        self.channels.push(departure.channel);
    }
}
