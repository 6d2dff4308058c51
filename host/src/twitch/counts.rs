//! What an account lost or was refused, by reason, since the start.

/// Each is a number of lines, events or messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub long_lines: u64,
    pub malformed_lines: u64,
    /// Nobody took them from the full queue in time.
    pub events_dropped: u64,
    /// Messages that waited until they were stale.
    pub stale: u64,
    /// Messages that found the outbox full.
    pub no_room: u64,
    /// Messages of which nothing was left to say.
    pub empty: u64,
}

impl Counts {
    /// Every count with its name, for whoever shows them.
    pub fn list(&self) -> Vec<(&'static str, u64)> {
        let Counts { long_lines, malformed_lines, events_dropped, stale, no_room, empty } = *self;
        vec![
            ("long_lines", long_lines),
            ("malformed_lines", malformed_lines),
            ("events_dropped", events_dropped),
            ("stale", stale),
            ("no_room", no_room),
            ("empty", empty),
        ]
    }
}
