//! Callers of our API: the holder of an API key, or a person who is logged in.

use std::fmt;
use std::str::FromStr;

use super::id::{ChannelId, ChatterId, text};

/// An API key's public id: 12 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Box<str>);

/// Who makes a request over HTTP. Limits, quotas, ownership and the audit know a caller by this id.
///
/// Its text is also its stored form: a key's id alone, or `person:` and a Twitch id. No key's id looks like that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerId {
    Key(KeyId),
    /// A person who is logged in, by Twitch id.
    Person(ChatterId),
}

/// What an API key gives access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyScope {
    /// The whole host.
    Operator,
    /// One channel, with the rights of its creator.
    Channel(ChannelId),
}

/// Why a text is not a key's id, a caller or a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrincipalError {
    #[error("a key's id is 12 lower-case hexadecimal digits")]
    KeyId,
    #[error("a person is \"person:\" and a Twitch id")]
    Person,
    #[error("a scope is \"operator\", or \"channel:\" and the channel's id")]
    KeyScope,
}

text!(KeyId);

impl FromStr for KeyId {
    type Err = ParsePrincipalError;

    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        let is_id = text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.into())).ok_or(ParsePrincipalError::KeyId)
    }
}

const PERSON: &str = "person:";

impl FromStr for CallerId {
    type Err = ParsePrincipalError;

    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        match text.strip_prefix(PERSON) {
            Some(id) => id.parse().map(CallerId::Person).map_err(|_| ParsePrincipalError::Person),
            None => text.parse().map(CallerId::Key),
        }
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallerId::Key(key) => key.fmt(f),
            CallerId::Person(person) => write!(f, "{PERSON}{person}"),
        }
    }
}

impl FromStr for KeyScope {
    type Err = ParsePrincipalError;

    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        if text == "operator" {
            return Ok(KeyScope::Operator);
        }
        let channel = text.strip_prefix("channel:").and_then(|id| id.parse().ok());
        channel.map(KeyScope::Channel).ok_or(ParsePrincipalError::KeyScope)
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyScope::Operator => f.write_str("operator"),
            KeyScope::Channel(channel) => write!(f, "channel:{channel}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_one_spelling() {
        for text in ["operator", "channel:100"] {
            assert_eq!(text.parse::<KeyScope>().unwrap().to_string(), text);
        }
        for bad in ["", "Operator", "channel", "channel:", "channel:shop", "channel:007", "operator "] {
            assert_eq!(bad.parse::<KeyScope>(), Err(ParsePrincipalError::KeyScope), "{bad:?}");
        }
    }

    #[test]
    fn a_caller_has_one_spelling_and_no_key_is_a_person() {
        let key = "123456789012".parse().unwrap();
        let callers = [
            ("123456789012", CallerId::Key(key)),
            ("person:123456789012", CallerId::Person(ChatterId(123_456_789_012))),
        ];
        for (text, caller) in callers {
            assert_eq!(text.parse(), Ok(caller.clone()));
            assert_eq!(caller.to_string(), text);
        }
        for bad in ["", "person:", "person:007", "person:0123456789ab", "Person:1", "1"] {
            assert!(bad.parse::<CallerId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_keys_id_is_twelve_hexadecimal_digits() {
        assert_eq!("0123456789ab".parse::<KeyId>().unwrap().as_str(), "0123456789ab");
        for bad in ["", "0123456789a", "0123456789AB", "0123456789abc", "0123456789a_"] {
            assert_eq!(bad.parse::<KeyId>(), Err(ParsePrincipalError::KeyId), "{bad:?}");
        }
    }
}
