//! A module's answers and refusals.

use crate::{CommandError, Reply};

/// The messages that answer a call, in order. There may be none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replies(Vec<Reply>);

/// A message threaded under the chatter's own. The host mentions the chatter, so the text need not.
pub fn answer(text: impl Into<String>) -> Replies {
    Reply::Answer(text.into()).into()
}

/// A plain message to the channel.
pub fn say(text: impl Into<String>) -> Replies {
    Reply::Say(text.into()).into()
}

/// A "/me" message.
pub fn action(text: impl Into<String>) -> Replies {
    Reply::Action(text.into()).into()
}

impl Replies {
    pub fn none() -> Self {
        Self::default()
    }

    /// Appends messages: `answer("done").and(say("alice did it"))`.
    #[must_use]
    pub fn and(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }
}

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        Self(vec![reply])
    }
}

impl From<Vec<Reply>> for Replies {
    fn from(replies: Vec<Reply>) -> Self {
        Self(replies)
    }
}

impl From<Replies> for Vec<Reply> {
    fn from(replies: Replies) -> Self {
        replies.0
    }
}

impl CommandError {
    /// The chatter typed the command wrongly. The host adds the usage line, and the call starts no cooldown.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// A refusal, with the reason for the chatter.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// A service behind the command is down. The chatter gets an apology, the log gets this text.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::Unavailable(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_keep_their_order() {
        let replies: Vec<Reply> = answer("one").and(say("two")).and(action("three")).into();
        assert_eq!(replies, [Reply::Answer("one".into()), Reply::Say("two".into()), Reply::Action("three".into())]);
    }
}
