//! The wire filter: recognises from the raw bytes the chat lines that call no command, which are most lines.
//!
//! Any line that does not look exactly like an ordinary chat line goes to the full parser, which alone decides what is
//! malformed and what is a call. A test compares the two.

use memchr::{memchr, memchr_iter, memchr2};

use crate::domain::account::BotAccount;
use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::ports::Prefixes;

/// Twitch's message ids are UUIDs; the limit bounds what is stored.
const LONGEST_MESSAGE_ID: usize = 64;

/// A message that calls no command, with all that is needed to count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk<'a> {
    pub channel: ChannelId,
    pub chatter: ChatterId,
    /// In lower case.
    pub login: &'a str,
    /// Empty if Twitch sent none.
    pub display_name: &'a str,
    /// A copy from another room of a shared chat. The message counts in that room.
    pub is_shared_copy: bool,
}

/// The wire filter of one account.
pub struct Filter<'p> {
    pub(super) account: BotAccount,
    prefixes: &'p dyn Prefixes,
}

impl<'p> Filter<'p> {
    pub fn new(account: BotAccount, prefixes: &'p dyn Prefixes) -> Filter<'p> {
        Filter { account, prefixes }
    }

    /// The talk in a line. `None` means that the full parser has to decide: the line is not talk, may be a call, or
    /// belongs to a channel that is not (yet) known as one where this account answers.
    pub fn find_talk<'a>(&self, line: &'a str) -> Option<Talk<'a>> {
        let Privmsg { tags, nick, text, .. } = Privmsg::read(line)?;
        // Messages typed with the account's own login count against its limits, so the account must see them.
        if nick == self.account.login.as_str() {
            return None;
        }
        let tags = Tags::read(tags)?;
        let channel: ChannelId = tags.room_id.parse().ok()?;
        let is_call = self.prefixes.is_call(channel, &self.account, text, tags.is_reply())?;
        let is_shared_copy = tags.source_room_id.is_some_and(|id| id != tags.room_id);
        let is_talk = !is_call || is_shared_copy || text.starts_with("\u{1}ACTION ");
        let chatter = tags.user_id.parse().ok()?;
        is_talk.then_some(Talk { channel, chatter, login: nick, display_name: tags.display_name, is_shared_copy })
    }
}

/// The parts of an ordinary chat line, as they are on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Privmsg<'a> {
    pub(super) tags: &'a str,
    /// In lower case.
    pub(super) nick: &'a str,
    /// In lower case, without `#`.
    pub(super) channel: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Privmsg<'a> {
    /// `None` where a part is not as Twitch sends it: the full parser decides about the line.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let (tags, rest) = split_once(line.strip_prefix('@')?, b' ')?;
        let (sender, rest) = rest.strip_prefix(':')?.split_once(' ')?;
        let (channel, text) = rest.strip_prefix("PRIVMSG ")?.strip_prefix('#')?.split_once(" :")?;
        let (nick, host) = sender.split_once('!')?;
        let is_ordinary = is_login(nick) && is_login(channel) && host.contains('@') && !tags.is_empty();
        let is_whole = memchr2(b'\r', b'\n', line.as_bytes()).is_none();
        (is_ordinary && is_whole).then_some(Self { tags, nick, channel, text })
    }
}

/// The tags that the filter needs, unparsed. If a key occurs twice the last one counts, as in the full parser.
#[derive(Debug, Default)]
struct Tags<'a> {
    room_id: &'a str,
    user_id: &'a str,
    display_name: &'a str,
    message_id: &'a str,
    sent_ts: &'a str,
    source_room_id: Option<&'a str>,
    parent_message_id: Option<&'a str>,
    parent_user_id: &'a str,
    parent_user_login: &'a str,
}

impl<'a> Tags<'a> {
    /// `None` if a tag is unlike Twitch's or escaped: the full parser then decides.
    fn read(raw: &'a str) -> Option<Self> {
        let (mut tags, mut start) = (Self::default(), 0);
        for end in memchr_iter(b';', raw.as_bytes()).chain([raw.len()]) {
            let tag = &raw[start..end];
            start = end + 1;
            // Skips most tags by their first byte, which is faster.
            if !tag.starts_with(['r', 'u', 'i', 't', 'd', 's']) {
                continue;
            }
            let (key, value) = split_once(tag, b'=').unwrap_or((tag, ""));
            let kept = match key {
                "room-id" => &mut tags.room_id,
                "user-id" => &mut tags.user_id,
                "id" => &mut tags.message_id,
                "tmi-sent-ts" => &mut tags.sent_ts,
                "display-name" => &mut tags.display_name,
                "source-room-id" => tags.source_room_id.insert(""),
                "reply-parent-msg-id" => tags.parent_message_id.insert(""),
                "reply-parent-user-id" => &mut tags.parent_user_id,
                "reply-parent-user-login" => &mut tags.parent_user_login,
                _ => continue,
            };
            if memchr(b'\\', value.as_bytes()).is_some() {
                return None;
            }
            *kept = value;
        }
        tags.is_sound().then_some(tags)
    }

    fn is_sound(&self) -> bool {
        let is_parent_sound = self.parent_message_id.is_none_or(|id| {
            is_message_id(id)
                && self.parent_user_id.parse::<ChatterId>().is_ok()
                && self.parent_user_login.parse::<Login>().is_ok()
        });
        is_message_id(self.message_id) && self.sent_ts.parse::<u64>().is_ok() && is_parent_sound
    }

    fn is_reply(&self) -> bool {
        self.parent_message_id.is_some()
    }
}

/// Like `str::split_once` for an ASCII byte, but several times as fast on long text.
pub(super) fn split_once(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// A login in stored form. The full parser lowers capitals.
fn is_login(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=25).contains(&text.len()) && text.bytes().all(is_part)
}

/// Decoded tags can hold spaces and line ends, and ids go back onto the wire: only characters of real ids pass.
pub(super) fn is_message_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_MESSAGE_ID).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests;
