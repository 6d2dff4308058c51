//! What a test can observe: delivered messages and broken rules.

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::world::rules::Rule;

/// Messages that a subscriber may lag behind before it loses the oldest.
const SUBSCRIBER_LAG: usize = 4_096;
/// Violations that are kept. A test wants none, so the first ones matter most.
const VIOLATIONS_KEPT: usize = 1_000;

/// An ordinary message, or one by `/me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    Action,
}

/// A delivered message, from a client or a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredMessage {
    /// Login of the channel, without `#`.
    pub channel: String,
    /// Login of the sender.
    pub from: String,
    /// Without the mention that begins a reply on the wire, and without the wrapping of an action.
    pub text: String,
    /// Id of the parent message.
    pub reply_to: Option<String>,
    pub kind: Kind,
    pub at: Instant,
    /// The `id` tag.
    pub id: String,
}

/// A broken rule, with the account and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    /// Login, or `*` for a connection that was not logged in.
    pub account: String,
    pub at: Instant,
}

/// Delivered messages and violations, for subscribers; and the first violations, for later queries.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) messages: broadcast::Sender<DeliveredMessage>,
    pub(crate) first_violations: Vec<Violation>,
    pub(crate) violations: broadcast::Sender<Violation>,
}

impl Default for Log {
    fn default() -> Self {
        let (messages, violations) = (broadcast::Sender::new(SUBSCRIBER_LAG), broadcast::Sender::new(SUBSCRIBER_LAG));
        Self { messages, first_violations: Vec::new(), violations }
    }
}

impl Log {
    pub(crate) fn note_violation(&mut self, rule: Rule, account: &str, at: Instant) {
        let violation = Violation { rule, account: account.to_owned(), at };
        if self.first_violations.len() < VIOLATIONS_KEPT {
            self.first_violations.push(violation.clone());
        }
        // Fails only if there is no subscriber.
        let _unheard = self.violations.send(violation);
    }
}
