//! A module's answers and refusals.

use crate::{CommandError, Reply};

/// Messages of one call that a host accepts, unless its operator changes that.
pub const MOST_REPLIES: usize = 8;
/// Characters of one message that a host accepts, unless its operator changes that. Twitch's messages are shorter: the
/// host splits a long one.
pub const LONGEST_REPLY: usize = 2000;

/// The messages that answer a call, in order. There may be none.
///
/// A host ends a call whose answer breaks its limits, and keeps none of its changes. So an answer cannot be built that
/// way:
/// 1. A message without a visible character is left out.
/// 2. A message of more than [`LONGEST_REPLY`] characters is cut there, and ends in "...".
/// 3. Messages after the first [`MOST_REPLIES`] are left out.
///
/// ```
/// use twitchy_sdk::{Replies, Reply, answer, say};
///
/// let replies = answer("done").and(say(" ")).and(say("a".repeat(3000)));
/// let sent: Vec<Reply> = replies.into();
/// assert_eq!(sent[0], Reply::Answer("done".to_owned()));
/// assert!(sent.len() == 2 && matches!(&sent[1], Reply::Say(text) if text.ends_with("aaa...")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replies(Vec<Reply>);

/// A message threaded under the chatter's own. The host mentions the chatter, so the text need not.
///
/// ```
/// let replies = twitchy_sdk::answer("you have 5 points");
/// ```
pub fn answer(text: impl Into<String>) -> Replies {
    Reply::Answer(text.into()).into()
}

/// A plain message to the channel.
///
/// ```
/// let replies = twitchy_sdk::say("the poll is over");
/// ```
pub fn say(text: impl Into<String>) -> Replies {
    Reply::Say(text.into()).into()
}

/// A "/me" message.
///
/// ```
/// let replies = twitchy_sdk::action("hugs everybody");
/// ```
pub fn action(text: impl Into<String>) -> Replies {
    Reply::Action(text.into()).into()
}

impl Replies {
    /// No message: the call succeeds in silence.
    ///
    /// ```
    /// use twitchy_sdk::{Replies, Reply};
    ///
    /// assert_eq!(Vec::<Reply>::from(Replies::none()), []);
    /// ```
    pub fn none() -> Self {
        Self::default()
    }

    /// Appends messages.
    ///
    /// ```
    /// use twitchy_sdk::{answer, say};
    ///
    /// let replies = answer("done").and(say("alice did it"));
    /// ```
    #[must_use]
    pub fn and(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self.0.truncate(MOST_REPLIES);
        self
    }
}

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        let mut reply = reply;
        Self(if fit(&mut reply) { vec![reply] } else { Vec::new() })
    }
}

impl From<Vec<Reply>> for Replies {
    fn from(mut replies: Vec<Reply>) -> Self {
        replies.retain_mut(fit);
        replies.truncate(MOST_REPLIES);
        Self(replies)
    }
}

impl From<Replies> for Vec<Reply> {
    fn from(replies: Replies) -> Self {
        replies.0
    }
}

/// Cuts a long message. Returns whether there is anything to see.
fn fit(reply: &mut Reply) -> bool {
    let (Reply::Say(text) | Reply::Answer(text) | Reply::Action(text)) = reply;
    cut(text);
    !text.chars().all(char::is_whitespace)
}

/// Cuts a text that is longer than a host accepts.
fn cut(text: &mut String) {
    const MARK: &str = "...";
    let at = |count: usize| text.char_indices().nth(count).map(|(at, _)| at);
    // A character is at least one byte, so most texts need no counting.
    if text.len() > LONGEST_REPLY
        && let (Some(end), Some(_)) = (at(LONGEST_REPLY - MARK.len()), at(LONGEST_REPLY))
    {
        text.truncate(end);
        text.push_str(MARK);
    }
}

fn shortened(mut text: String) -> String {
    cut(&mut text);
    text
}

/// Each of these shortens a text that is longer than [`LONGEST_REPLY`].
impl CommandError {
    /// The chatter typed the command wrongly. The host adds the usage line, and the call starts no cooldown.
    ///
    /// ```
    /// let error = twitchy_sdk::CommandError::usage("a die has at least two sides");
    /// ```
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(shortened(text.into()))
    }

    /// A refusal, with the reason for the chatter.
    ///
    /// ```
    /// let error = twitchy_sdk::CommandError::refused("the poll is over");
    /// ```
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(shortened(text.into()))
    }

    /// A service behind the command is down. The chatter gets an apology, the log gets this text.
    ///
    /// ```
    /// let error = twitchy_sdk::CommandError::unavailable("status 503");
    /// ```
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::Unavailable(shortened(text.into()))
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

    #[test]
    fn an_answer_stays_within_the_limits_of_a_host() {
        let text = |text: String| match Vec::from(say(text)).as_slice() {
            [Reply::Say(text)] => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text("ü".repeat(LONGEST_REPLY)), "ü".repeat(LONGEST_REPLY));
        assert_eq!(text("ü".repeat(LONGEST_REPLY + 1)), "ü".repeat(LONGEST_REPLY - 3) + "...");
        assert_eq!(say(" \n").and(answer("")), Replies::none());
        let many = (0..20).fold(Replies::none(), |replies, at| replies.and(say(at.to_string())));
        assert_eq!(Vec::from(many).last(), Some(&Reply::Say("7".into())));
        assert_eq!(Vec::from(Replies::from(vec![Reply::Say("x".into()); 20])).len(), MOST_REPLIES);
        assert_eq!(CommandError::refused("a".repeat(3000)), CommandError::Refused("a".repeat(1997) + "..."));
    }
}
