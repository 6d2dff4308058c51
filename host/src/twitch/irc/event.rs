//! Parses a line into its meaning. Pure and total: a line that cannot be used is an error, never a panic.
//!
//! `twitch_irc`'s line parser reads every line but an ordinary chat line: it copies each tag into a map, which would take
//! longer than all else that is done with a call. Its typed messages are not used. They would panic on a mangled `emotes` tag (an
//! emote that ends before it begins), put message texts into their errors, and reject messages for tags that no command
//! needs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memchr;
use twitch_irc::message::{IRCMessage, IRCPrefix};

use super::line::{Privmsg, is_message_id, split_once};
use super::refusal;
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, ChannelId, ChatterId, Login, MessageId};
use crate::domain::message::{Badge, ChatMessage, Chatter, QuotedMessage};
use crate::domain::role::Role;
use crate::twitch::account::refusal::Refusal;
use crate::twitch::account::standing::{ModeChange, Standing};

/// The meaning of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParsedLine {
    Message(Box<ChatMessage>),
    /// The login was accepted, for the account with this login; `None` if the server names no valid login.
    Welcome(Option<Login>),
    /// The account's own id.
    Identity(AccountId),
    /// The login was rejected.
    LoginRefused,
    /// The server does not offer a capability that we need.
    CapabilityRefused,
    /// Our own standing in a channel. Twitch sends it after a join and after each of our messages.
    Standing {
        channel: Login,
        standing: Standing,
        /// Whether this is the receipt of one of our messages, the only one that Twitch sends.
        is_receipt: bool,
    },
    /// A room's channel and modes: all modes after a join, later only the changed one.
    Room {
        channel: Login,
        /// The room's id. Twitch always sends it, but the examples in its documentation lack it.
        id: Option<ChannelId>,
        change: ModeChange,
    },
    /// We left a room, or were removed from it.
    Left {
        channel: Login,
    },
    /// Twitch did not let us into a room, or did not deliver a message of ours.
    Refused {
        channel: Login,
        refusal: Refusal,
    },
    Ping(String),
    /// The server is about to close the connection.
    Reconnect,
    /// Any other well-formed line.
    Other,
}

/// The line is not as Twitch sends it. Holds the name of the wrong part, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParseLineError(&'static str);

/// Parses one line, given without its ending. `account` is the account that received it.
///
/// # Errors
/// If the line is malformed, or lacks something that its command needs.
pub(crate) fn parse_line(line: &str, account: &BotAccount) -> Result<ParsedLine, ParseLineError> {
    match Privmsg::read(line).filter(|privmsg| memchr(b'\\', privmsg.tags.as_bytes()).is_none()) {
        Some(privmsg) => parse_chat(&privmsg, account),
        None => parse_any(line, account),
    }
}

/// Reads a line of any kind.
pub(super) fn parse_any(line: &str, account: &BotAccount) -> Result<ParsedLine, ParseLineError> {
    let line = IRCMessage::parse(line).map_err(|_| ParseLineError("line"))?;
    Ok(match line.command.as_str() {
        "PRIVMSG" => parse_chat(&line, account)?,
        "PING" => ParsedLine::Ping(line.params.into_iter().next().unwrap_or_default()),
        "001" => ParsedLine::Welcome(line.params.first().and_then(|nick| nick.parse().ok())),
        "GLOBALUSERSTATE" => ParsedLine::Identity(parse_tag(&line, "user-id")?),
        "CAP" if line.params.iter().any(|word| word == "NAK") => ParsedLine::CapabilityRefused,
        "USERSTATE" => ParsedLine::Standing {
            channel: parse_channel(&line)?,
            standing: parse_standing(&line),
            is_receipt: line.find_tag("id").is_some(),
        },
        "ROOMSTATE" => parse_room(&line)?,
        "PART" if parse_sender(&line)? == account.login => ParsedLine::Left { channel: parse_channel(&line)? },
        "NOTICE" => parse_notice(&line)?,
        "RECONNECT" => ParsedLine::Reconnect,
        _ => ParsedLine::Other,
    })
}

/// The parts of a line by name, decoded.
trait Line {
    fn find_tag(&self, key: &str) -> Option<&str>;
    /// Without `#`.
    fn find_channel(&self) -> Option<&str>;
    fn find_nick(&self) -> Option<&str>;
    fn find_text(&self) -> Option<&str>;
}

impl Line for IRCMessage {
    fn find_tag(&self, key: &str) -> Option<&str> {
        self.tags.0.get(key).map(String::as_str)
    }

    fn find_channel(&self) -> Option<&str> {
        self.params.first()?.strip_prefix('#')
    }

    fn find_nick(&self) -> Option<&str> {
        match self.prefix.as_ref()? {
            IRCPrefix::Full { nick, .. } => Some(nick),
            IRCPrefix::HostOnly { .. } => None,
        }
    }

    fn find_text(&self) -> Option<&str> {
        self.params.get(1).map(String::as_str)
    }
}

/// Of a line without an escaped tag: a tag is decoded as it stands.
impl Line for Privmsg<'_> {
    /// Of two with one key the last one counts, as in the crate's parser.
    fn find_tag(&self, key: &str) -> Option<&str> {
        let value = |tag| {
            split_once(tag, b'=').map_or((tag == key).then_some(""), |(name, value)| (name == key).then_some(value))
        };
        self.tags.rsplit(';').find_map(value)
    }

    fn find_channel(&self) -> Option<&str> {
        Some(self.channel)
    }

    fn find_nick(&self) -> Option<&str> {
        Some(self.nick)
    }

    fn find_text(&self) -> Option<&str> {
        Some(self.text)
    }
}

fn parse_tag<T: std::str::FromStr>(line: &impl Line, key: &'static str) -> Result<T, ParseLineError> {
    line.find_tag(key).and_then(|value| value.parse().ok()).ok_or(ParseLineError(key))
}

fn parse_channel(line: &impl Line) -> Result<Login, ParseLineError> {
    line.find_channel().and_then(|name| name.parse().ok()).ok_or(ParseLineError("channel"))
}

fn parse_sender(line: &impl Line) -> Result<Login, ParseLineError> {
    line.find_nick().and_then(|nick| nick.parse().ok()).ok_or(ParseLineError("sender"))
}

fn parse_message_id(line: &impl Line, key: &'static str) -> Result<MessageId, ParseLineError> {
    let id = line.find_tag(key).unwrap_or_default();
    is_message_id(id).then(|| MessageId(id.into())).ok_or(ParseLineError(key))
}

fn parse_chat(line: &impl Line, account: &BotAccount) -> Result<ParsedLine, ParseLineError> {
    // Without an id the account is not logged in yet, and has joined no channel.
    let Some(account) = account.id else { return Ok(ParsedLine::Other) };
    Ok(ParsedLine::Message(Box::new(parse_message(line, account)?)))
}

fn parse_message(line: &impl Line, account: AccountId) -> Result<ChatMessage, ParseLineError> {
    let channel_id = parse_tag(line, "room-id")?;
    let text = line.find_text().ok_or(ParseLineError("text"))?;
    let action = text.strip_prefix("\u{1}ACTION ").map(|rest| rest.strip_suffix('\u{1}').unwrap_or(rest));
    Ok(ChatMessage {
        id: parse_message_id(line, "id")?,
        account,
        channel_id,
        channel_login: parse_channel(line)?,
        chatter: parse_chatter(line, channel_id)?,
        text: action.unwrap_or(text).into(),
        is_action: action.is_some(),
        reply_to: parse_quoted(line)?,
        sent_at: parse_sent_at(line)?,
        received_at: None,
        is_shared_copy: line.find_tag("source-room-id").is_some_and(|id| Some(id) != line.find_tag("room-id")),
    })
}

fn parse_chatter(line: &impl Line, channel: ChannelId) -> Result<Chatter, ParseLineError> {
    let id: ChatterId = parse_tag(line, "user-id")?;
    let login = parse_sender(line)?;
    let display_name = line.find_tag("display-name").filter(|name| !name.trim().is_empty());
    let badges = parse_badges(line);
    let role = if id == channel.broadcaster() { Role::Broadcaster } else { role_of(line, &badges) };
    Ok(Chatter { id, display_name: display_name.unwrap_or(login.as_str()).into(), login, role, badges })
}

/// The highest role that badges and flags give to a chatter other than the broadcaster.
fn role_of(line: &impl Line, badges: &[Badge]) -> Role {
    let of_badge = |badge: &Badge| match &*badge.name {
        "moderator" | "lead_moderator" => Role::Moderator,
        "vip" => Role::Vip,
        "subscriber" | "founder" => Role::Subscriber,
        _ => Role::Everyone,
    };
    // A chatter may hide a badge; Twitch sends the flag even then.
    let flags = [("mod", Role::Moderator), ("vip", Role::Vip), ("subscriber", Role::Subscriber)];
    let of_flags = flags.into_iter().filter(|(flag, _)| has_flag(line, flag)).map(|(_, role)| role);
    badges.iter().map(of_badge).chain(of_flags).max().unwrap_or(Role::Everyone)
}

fn has_flag(line: &impl Line, key: &str) -> bool {
    line.find_tag(key) == Some("1")
}

/// `badges=subscriber/12,vip/1` with `badge-info=subscriber/14`.
fn parse_badges(line: &impl Line) -> Vec<Badge> {
    let badge = |(name, version): (&str, &str)| {
        let info = list_pairs(line, "badge-info").find(|(known, _)| *known == name);
        Badge { name: name.into(), version: version.into(), info: info.map_or("", |(_, info)| info).into() }
    };
    list_pairs(line, "badges").map(badge).collect()
}

fn list_pairs<'a>(line: &'a impl Line, key: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    line.find_tag(key).unwrap_or_default().split(',').filter_map(|pair| pair.split_once('/'))
}

fn parse_quoted(line: &impl Line) -> Result<Option<QuotedMessage>, ParseLineError> {
    if line.find_tag("reply-parent-msg-id").is_none() {
        return Ok(None);
    }
    Ok(Some(QuotedMessage {
        id: parse_message_id(line, "reply-parent-msg-id")?,
        chatter_id: parse_tag(line, "reply-parent-user-id")?,
        chatter_login: parse_tag(line, "reply-parent-user-login")?,
        text: line.find_tag("reply-parent-msg-body").unwrap_or_default().into(),
    }))
}

fn parse_sent_at(line: &impl Line) -> Result<SystemTime, ParseLineError> {
    let since_epoch = Duration::from_millis(parse_tag(line, "tmi-sent-ts")?);
    UNIX_EPOCH.checked_add(since_epoch).ok_or(ParseLineError("tmi-sent-ts"))
}

fn parse_standing(line: &IRCMessage) -> Standing {
    let badges = parse_badges(line);
    let has_badge = |names: &[&str]| badges.iter().any(|badge| names.contains(&&*badge.name));
    let is_broadcaster = has_badge(&["broadcaster"]);
    let role = role_of(line, &badges);
    Standing {
        is_privileged: is_broadcaster || role >= Role::Vip,
        is_moderator: is_broadcaster || role >= Role::Moderator,
        is_subscriber: has_badge(&["subscriber", "founder"]) || has_flag(line, "subscriber"),
    }
}

/// A mode with an unexpected value is ignored, as if it were missing.
fn parse_room(line: &IRCMessage) -> Result<ParsedLine, ParseLineError> {
    let id = line.find_tag("room-id").map(|_| parse_tag(line, "room-id")).transpose()?;
    let find_number = |key| line.find_tag(key).and_then(|value| value.parse::<i64>().ok());
    let find_flag = |key| find_number(key).map(|number| number != 0);
    let change = ModeChange {
        slow: find_number("slow").map(|seconds| Duration::from_secs(seconds.try_into().unwrap_or_default())),
        emote_only: find_flag("emote-only"),
        subscribers_only: find_flag("subs-only"),
        // Minutes: -1 is off, and 0 admits every follower.
        followers_only: find_number("followers-only").map(|minutes| minutes >= 0),
    };
    Ok(ParsedLine::Room { channel: parse_channel(line)?, id, change })
}

/// Twitch rejects a login without a msg-id, so only the text tells. Authors of clients have seen these texts in either
/// case. "Error logging in" is not in the list: it also reports too many logins, and passes.
fn parse_notice(line: &IRCMessage) -> Result<ParsedLine, ParseLineError> {
    if line.params.first().is_some_and(|target| target == "*") {
        let text = line.params.get(1).ok_or(ParseLineError("text"))?.to_ascii_lowercase();
        let refusals = ["login authentication failed", "improperly formatted auth", "invalid nick"];
        return Ok(if refusals.contains(&text.as_str()) { ParsedLine::LoginRefused } else { ParsedLine::Other });
    }
    let text = line.params.get(1).map_or("", String::as_str);
    let Some(refusal) = line.find_tag("msg-id").and_then(|id| refusal::parse_refusal(id, text)) else {
        return Ok(ParsedLine::Other);
    };
    Ok(ParsedLine::Refused { channel: parse_channel(line)?, refusal })
}

#[cfg(test)]
mod tests;
