//! What a test can see: messages that were delivered, rules that were broken.

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::world::rules::Rule;

/// Messages that a slow subscriber may be behind before it is told that it missed some.
const SUBSCRIBER_LAG: usize = 4_096;
/// Violations that are kept; a test wants none, so the first ones are what matters.
const VIOLATIONS_KEPT: usize = 1_000;

/// An ordinary message, or one by `/me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    Action,
}

/// A message as it was delivered, whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Login of the channel, without `#`.
    pub channel: String,
    /// Login of the sender.
    pub from: String,
    /// Without the mention that a reply starts with on the wire, and without the wrapping of an action.
    pub text: String,
    /// Id of the message that this one answers.
    pub reply_to: Option<String>,
    pub kind: Kind,
    pub at: Instant,
    /// The `id` tag.
    pub id: String,
}

/// A rule that was broken, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    /// Login, or `*` for a connection that was not logged in.
    pub account: String,
    pub at: Instant,
}

/// What happened, for those who subscribed and for those who ask later.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) messages: broadcast::Sender<Observed>,
    /// The first ones.
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
        // That nobody listens is no failure.
        let _unheard = self.violations.send(violation);
    }
}
