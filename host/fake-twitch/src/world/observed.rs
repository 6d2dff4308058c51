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

#[derive(Debug)]
pub(crate) struct Log {
    subscribers: broadcast::Sender<Observed>,
    violations: Vec<Violation>,
    violation_subscribers: broadcast::Sender<Violation>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            subscribers: broadcast::Sender::new(SUBSCRIBER_LAG),
            violations: Vec::new(),
            violation_subscribers: broadcast::Sender::new(SUBSCRIBER_LAG),
        }
    }
}

impl Log {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Observed> {
        self.subscribers.subscribe()
    }

    pub(crate) fn subscribe_violations(&self) -> broadcast::Receiver<Violation> {
        self.violation_subscribers.subscribe()
    }

    pub(crate) fn publish(&self, message: Observed) {
        // That nobody listens is no failure.
        let _unheard = self.subscribers.send(message);
    }

    pub(crate) fn note_violation(&mut self, rule: Rule, account: &str, at: Instant) {
        let violation = Violation { rule, account: account.to_owned(), at };
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(violation.clone());
        }
        // That nobody listens is no failure.
        let _unheard = self.violation_subscribers.send(violation);
    }

    pub(crate) fn list_violations(&self) -> &[Violation] {
        &self.violations
    }
}
