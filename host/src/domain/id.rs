//! Ids and names. People and channels are known by Twitch's numeric id; logins are for display and for the IRC wire,
//! and get recycled.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use super::named::named;

/// Why a text is not an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    #[error("a Twitch id is 1 to 19 digits")]
    TwitchId,
    #[error("a login is 1 to 25 letters, digits or underscores")]
    Login,
    #[error("a module's name is 1 to 32 lower-case letters, digits or hyphens, and starts with a letter")]
    ModuleName,
    #[error("a digest is 64 hexadecimal digits")]
    Digest,
}

fn parse_twitch_id(text: &str) -> Result<u64, ParseIdError> {
    let is_plain = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    // Two spellings of one number would be two people to code that compares the text.
    let has_one_spelling = text == "0" || !text.starts_with('0');
    if !(is_plain && has_one_spelling) {
        return Err(ParseIdError::TwitchId);
    }
    text.parse().map_err(|_| ParseIdError::TwitchId)
}

/// A chatter's Twitch user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChatterId(pub u64);

/// A channel's id: the Twitch user id of its broadcaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

impl ChannelId {
    /// The chatter who owns this channel.
    pub fn broadcaster(self) -> ChatterId {
        ChatterId(self.0)
    }
}

/// A bot account's Twitch user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u64);

impl AccountId {
    /// The account as an author of messages.
    pub fn chatter(self) -> ChatterId {
        ChatterId(self.0)
    }
}

impl ChatterId {
    /// The channel that this chatter owns.
    pub fn own_channel(self) -> ChannelId {
        ChannelId(self.0)
    }
}

macro_rules! twitch_id {
    ($($name:ident),+) => {$(
        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_twitch_id(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}
twitch_id!(AccountId, ChatterId, ChannelId);

/// Implements the reading side of a type that holds only its text.
macro_rules! text {
    ($($name:ident),+) => {$(
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}
pub(super) use text;
text!(Login, MessageId, ModuleName);

/// Twitch's id of one chat message. Opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub Box<str>);

/// A Twitch login in lower case. Safe on the IRC wire, where it names a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Login(Box<str>);

/// Lets a map by login be queried with text from the wire: hash and order are those of the text.
impl Borrow<str> for Login {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = ParseIdError;

    /// Accepts upper case, and converts it to lower case.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let is_login = (1..=25).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_login.then(|| Self(text.to_ascii_lowercase().into())).ok_or(ParseIdError::Login)
    }
}

/// A module's name; unique among the modules of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleName(Box<str>);

impl FromStr for ModuleName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let is_name = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.starts_with(|first: char| first.is_ascii_lowercase());
        is_name.then(|| Self(text.into())).ok_or(ParseIdError::ModuleName)
    }
}

/// The SHA-256 of a module's bytes: identifies one exact version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleDigest(pub [u8; 32]);

impl fmt::Display for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ModuleDigest {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(Self).ok_or(ParseIdError::Digest)
    }
}

/// Two digits per byte, in upper or lower case.
pub(super) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    // `from_str_radix` alone would accept a sign.
    let is_hex = text.len() == 2 * N && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; N];
    for (number, byte) in bytes.iter_mut().enumerate().filter(|_| is_hex) {
        *byte = u8::from_str_radix(&text[2 * number..2 * number + 2], 16).ok()?;
    }
    is_hex.then_some(bytes)
}

named! {
    /// Where an invocation came from.
    pub enum Origin {
        Chat "chat",
        Http "http",
        Timer "timer",
        Event "event",
        /// The host itself, which changes a set-up without a call: a request's change, a fuse.
        Host "host",
    }
}

/// Identifies an invocation for ever: a second commit under the same id is a duplicate and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvocationId {
    pub origin: Origin,
    /// Twitch's message id; for HTTP a digest of the key's id, the channel and the `Idempotency-Key`; for the host the
    /// channel and the revision of the set-up that was changed.
    pub id: Box<str>,
}

/// The form in answers, events and the log, so that one text finds all of them: for example `chat:` and Twitch's id.
impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin.as_str(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twitch_id_has_one_spelling() {
        assert_eq!("12826".parse(), Ok(ChatterId(12826)));
        for bad in ["", "007", "+5", "-1", "12 ", "1e3", "99999999999999999999"] {
            assert_eq!(bad.parse::<ChannelId>(), Err(ParseIdError::TwitchId), "{bad:?}");
        }
    }

    #[test]
    fn a_login_cannot_carry_a_second_irc_command() {
        assert_eq!("Some_Bot".parse::<Login>().unwrap().as_str(), "some_bot");
        for bad in ["", "a b", "a\r\nJOIN #b", "#shop", "a,b", "abcdefghijklmnopqrstuvwxyz"] {
            assert_eq!(bad.parse::<Login>(), Err(ParseIdError::Login), "{bad:?}");
        }
    }

    #[test]
    fn a_digest_is_read_back_as_it_was_written() {
        let digest = ModuleDigest([0xab; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("+1".repeat(32).parse::<ModuleDigest>(), Err(ParseIdError::Digest));
    }
}
