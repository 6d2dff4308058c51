//! Messages that were given to the session, and of which it has not reported yet what became of them.

use std::collections::HashMap;

use super::entry::Sent;
use crate::twitch::account::departure::Ticket;

/// Messages watched; what is sent beyond them is not.
const WATCHED: usize = 8_192;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    sent: HashMap<Ticket, Sent>,
    tickets: u64,
}

impl InFlight {
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// False where there is no room to watch it.
    pub(super) fn watch(&mut self, ticket: Ticket, sent: Sent) -> bool {
        let has_room = self.sent.len() < WATCHED;
        if has_room {
            self.sent.insert(ticket, sent);
        }
        has_room
    }

    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Sent> {
        self.sent.remove(&ticket)
    }

    /// The session that would have reported is gone; how many messages it owes. A ticket is never used again.
    pub(super) fn clear(&mut self) -> u64 {
        let owed = self.sent.len() as u64;
        self.sent.clear();
        owed
    }
}
