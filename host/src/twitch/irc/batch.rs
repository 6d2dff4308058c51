//! Lines that leave together: one write costs as much as many lines.

use tokio::time::Instant;

use super::command::{Command, write_message};
use crate::domain::id::ChannelId;
use crate::twitch::account::departure::Departure;

/// From so many bytes on it leaves as it is.
pub(super) const FULL_FROM: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Those to which its messages go, in their order.
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
