//! Parses the values in the file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::address::{HostName, Network, ParseHttpError, PublicUrl};
use super::environment::{WITHOUT_QUOTES, is_quoted};
use super::log_format::{LogFormat, ParseLogFormatError};
use crate::domain::id::Login;
use crate::domain::server::ServerAddress;

/// Parses a value. The error completes a sentence that begins with the key: "must be ...".
pub(super) trait ReadValue: Sized {
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

/// Reports a mistake: its offset in the file, the index in a list if there is one, and the text "must be ...".
pub(super) type Reject<'r> = dyn FnMut(usize, Option<usize>, &str) + 'r;

/// Reads the value of a key, or a list of values. `None` if the value is wrong; `reject` then gets the mistake.
pub(super) trait ReadKey: Sized {
    fn read_key(value: &Spanned<DeValue<'_>>, reject: &mut Reject<'_>) -> Option<Self>;
}

impl<T: ReadValue> ReadKey for T {
    fn read_key(value: &Spanned<DeValue<'_>>, reject: &mut Reject<'_>) -> Option<Self> {
        read_as(T::read, value, reject)
    }
}

/// A type that a list may hold. `LIST` is an example of such a list, for the error.
pub(super) trait ListElement: ReadValue {
    const LIST: &str;
}

impl<T: ListElement> ReadKey for Vec<T> {
    fn read_key(value: &Spanned<DeValue<'_>>, reject: &mut Reject<'_>) -> Option<Self> {
        let Some(elements) = value.get_ref().as_array() else {
            let text = must_be(&format!("a list such as {}", T::LIST), value.get_ref());
            reject(value.span().start, None, &text);
            return None;
        };
        let read = elements.iter().enumerate().filter_map(|(index, element)| {
            T::read(element.get_ref()).map_err(|text| reject(element.span().start, Some(index), &text)).ok()
        });
        Some(read.collect())
    }
}

impl ListElement for HostName {
    const LIST: &str = "[\"bot.example\"]";
}

impl ListElement for Login {
    const LIST: &str = "[\"shop\", \"cafe\"]";
}

impl ListElement for Network {
    const LIST: &str = "[\"127.0.0.1\", \"10.0.0.0/8\"]";
}

impl ListElement for PathBuf {
    const LIST: &str = "[\"dice.wasm\"]";
}

/// Reads a key whose notation differs from that of its type.
pub(super) fn read_as<T>(
    read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    value: &Spanned<DeValue<'_>>,
    reject: &mut Reject<'_>,
) -> Option<T> {
    read(value.get_ref()).map_err(|text| reject(value.span().start, None, &text)).ok()
}

/// Reads the default of a declaration.
pub(super) fn read_default<T>(text: &str, read: impl FnOnce(&Spanned<DeValue<'_>>, &mut Reject<'_>) -> Option<T>) -> T {
    let value = DeValue::parse(text).expect("a default is written in TOML");
    read(&value, &mut |_, _, _| {}).expect("a default is a value of its key")
}

impl ReadValue for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| must_be("true or false", value))
    }
}

macro_rules! read_count {
    ($($count:ty),*) => {$(
        impl ReadValue for $count {
            fn read(value: &DeValue<'_>) -> Result<Self, String> {
                // A limit of zero would make the host useless in a way that is hard to find.
                read_integer(value).filter(|count| *count > 0).ok_or_else(|| must_be("a whole number from 1", value))
            }
        }
    )*};
}
read_count!(u32, u64, usize);

fn read_integer<T: TryFrom<u64>>(value: &DeValue<'_>) -> Option<T> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()?.try_into().ok()
}

/// A number from 1, or 0 for `"auto"`.
pub(super) fn count_or_auto(value: &DeValue<'_>) -> Result<usize, String> {
    if value.as_str() == Some("auto") {
        return Ok(0);
    }
    read_integer(value).filter(|count| *count > 0).ok_or_else(|| must_be("a whole number from 1, or \"auto\"", value))
}

/// `Some` value, or `None` for `"off"`.
pub(super) fn or_off<T: ReadValue>(value: &DeValue<'_>) -> Result<Option<T>, String> {
    if value.as_str() == Some("off") { Ok(None) } else { T::read(value).map(Some) }
}

/// A name by which another program knows this host, of 1 to 64 characters.
pub(super) fn name(value: &DeValue<'_>) -> Result<String, String> {
    let is_name = |name: &&str| (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let name = value.as_str().filter(is_name);
    name.map(str::to_owned).ok_or_else(|| must_be("a name of 1 to 64 characters in quotes", value))
}

/// A fraction from 0.0 to 1.0.
pub(super) fn ratio(value: &DeValue<'_>) -> Result<f64, String> {
    let number = value.as_float().map(|float| float.as_str());
    let number = number.or_else(|| value.as_integer().map(|integer| integer.as_str()));
    let ratio = number.and_then(|number| number.parse().ok()).filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| must_be("a number from 0.0 to 1.0", value))
}

impl ReadValue for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let valid = "a time with its unit, longer than nothing, such as \"50ms\", \"30s\", \"10m\", \"1h\" or \"2d\"";
        value.as_str().and_then(parse_duration).ok_or_else(|| must_be(valid, value))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return None,
    };
    // A year is more than any of these settings needs, and adding it to a moment cannot overflow.
    let most = Duration::from_secs(366 * 24 * 3600);
    let duration = Duration::from_millis(number.checked_mul(milliseconds)?);
    (!duration.is_zero() && duration <= most).then_some(duration)
}

/// A number of bytes.
pub(super) fn size<T: TryFrom<u64>>(value: &DeValue<'_>) -> Result<T, String> {
    let size = read_integer(value).or_else(|| parse_size(value.as_str()?)).filter(|size| *size > 0);
    let valid = "a number of bytes, or a size such as \"256 KiB\" or \"16 MiB\"";
    size.and_then(|size| size.try_into().ok()).ok_or_else(|| must_be(valid, value))
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    // Sizes are lengths in memory: a size beyond `usize` is invalid.
    number.checked_mul(bytes).filter(|size| usize::try_from(*size).is_ok())
}

/// `16 MiB` or `16MiB` -> (16, "MiB")
fn split_number(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

impl ReadValue for PathBuf {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        // The error does not show the value, because it may be a token that was put into the wrong key.
        let text = value.as_str().ok_or("must be a path in quotes")?;
        parse_path(text).map_err(|right| format!("must be {right}"))
    }
}

/// The error describes a valid path.
pub(super) fn parse_path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("a path in quotes".to_owned());
    }
    if is_quoted(text) {
        return Err(format!("a path {WITHOUT_QUOTES}"));
    }
    if text.starts_with(['~', '$']) {
        return Err("a path that is written out: no shell reads it, which would replace ~ and $".to_owned());
    }
    Ok(text.into())
}

macro_rules! read_text {
    ($($value:ty: $valid:expr),*) => {$(
        impl ReadValue for $value {
            fn read(value: &DeValue<'_>) -> Result<Self, String> {
                let read = value.as_str().and_then(|text| text.parse().ok());
                read.ok_or_else(|| must_be(&$valid.to_string(), value))
            }
        }
    )*};
}
read_text! {
    HostName: ParseHttpError::HostName,
    LogFormat: ParseLogFormatError,
    Login: "a login of 1 to 25 letters, digits or underscores, such as \"shop\"",
    Network: ParseHttpError::Network,
    PublicUrl: ParseHttpError::PublicUrl,
    SocketAddr: ParseHttpError::Listen
}

/// A URL, or `None` for `"auto"`.
pub(super) fn url_or_auto(value: &DeValue<'_>) -> Result<Option<PublicUrl>, String> {
    if value.as_str() == Some("auto") { Ok(None) } else { PublicUrl::read(value).map(Some) }
}

/// The name of an environment variable. Lower case is refused: a token pasted here by mistake would be in lower case.
pub(super) struct VariableName(pub(super) String);

impl ReadValue for VariableName {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let is_name = |name: &&str| {
            name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let name = value.as_str().filter(is_name);
        name.map(|name| Self(name.to_owned())).ok_or_else(|| {
            "must be the name of an environment variable in capital letters, such as \"TWITCHY_TOKEN\"; the token \
             itself is that variable's value and does not belong in this file"
                .to_owned()
        })
    }
}

/// The name of an environment variable, or `None` for `"off"`.
pub(super) fn variable_or_off(value: &DeValue<'_>) -> Result<Option<String>, String> {
    Ok(or_off(value)?.map(|VariableName(name)| name))
}

impl ReadValue for ServerAddress {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let valid = "an address such as \"tls://irc.chat.twitch.tv:6697\"";
        let address = value.as_str().and_then(parse_address).ok_or_else(|| must_be(valid, value))?;
        if !address.is_tls && !is_loopback(&address.host) {
            return Err("must begin with tls:// because the account's token is sent there; tcp:// is not encrypted \
                        and only for this machine (localhost, 127.0.0.1 or [::1])"
                .to_owned());
        }
        Ok(address)
    }
}

fn parse_address(text: &str) -> Option<ServerAddress> {
    let (scheme, rest) = text.split_once("://")?;
    let is_tls = match scheme {
        "tls" => true,
        "tcp" => false,
        _ => return None,
    };
    let (host, port) = rest.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<IpAddr>().ok().filter(IpAddr::is_ipv6)?.to_string(),
        None => host.to_owned(),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!host.is_empty() && host.bytes().all(is_host)).then_some(ServerAddress { is_tls, host, port })
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn must_be(valid: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(text) if may_be_secret(text) => "what looks like a token".to_owned(),
        // Cut, because a whole paragraph would hide the rest of the error.
        DeValue::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    format!("must be {valid}, not {found}")
}

/// Whether the text looks like an access token of Twitch's (30 letters and digits, perhaps after `oauth:`) or an API
/// key of ours (`twk_...`).
fn may_be_secret(text: &str) -> bool {
    let is_one_word = text.len() > 25 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one_word || ["oauth:", "twk_"].iter().any(|mark| text.trim_start().starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_wrong_key_is_not_repeated() {
        for secret in ["oauth:abc", " oauth:abc", "twk_0123", &"a1".repeat(15)] {
            let text = must_be("a login", &DeValue::String(secret.into()));
            assert_eq!(text, "must be a login, not what looks like a token");
        }
        for plain in ["", "#shop", "tls://irc.chat.twitch.tv", "a login that is far too long for one"] {
            assert!(!may_be_secret(plain), "{plain}");
        }
    }

    #[test]
    fn a_path_is_one_that_no_shell_has_to_read() {
        for bad in ["", "~", "~/bot", "~bot/data", "$HOME/x", "${HOME}/x", "\"/data\"", "'/data'"] {
            assert!(parse_path(bad).is_err(), "{bad:?}");
        }
        for good in ["data", "./~", "/srv/bot", "a$b", "../x"] {
            assert_eq!(parse_path(good), Ok(good.into()));
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(parse_duration("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(parse_duration("90 s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("10m"), Some(Duration::from_secs(600)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(48 * 3600)));
        for bad in
            ["367d", "", "30", "s", "-1s", "1.5s", "30 sec", "30S", "0s", "99999999999999999999s", "9999999h", "1s2s"]
        {
            assert_eq!(parse_duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_size_is_binary() {
        assert_eq!(parse_size("256 KiB"), Some(256 << 10));
        assert_eq!(parse_size("16MiB"), Some(16 << 20));
        for bad in ["", "16", "16 MB", "16 mib", "-1 B", "1.5 MiB", "99999999999999 GiB"] {
            assert_eq!(parse_size(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        let address = |is_tls, host: &str, port| Some(ServerAddress { is_tls, host: host.to_owned(), port });
        assert_eq!(parse_address("tls://irc.chat.twitch.tv:6697"), address(true, "irc.chat.twitch.tv", 6697));
        assert_eq!(parse_address("tcp://127.0.0.1:6667"), address(false, "127.0.0.1", 6667));
        assert_eq!(parse_address("tcp://[::1]:6667"), address(false, "::1", 6667));
        for bad in ["", "tls://", "tls://host", "tls://host:", "tls://host:0", "tls://host:99999", "tls://:6697"] {
            assert_eq!(parse_address(bad), None, "{bad:?}");
        }
        for bad in ["irc.chat.twitch.tv:6697", "wss://host:443", "tls://a b:1", "tls://me@host:1", "tls://[host]:1"] {
            assert_eq!(parse_address(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example", "0.0.0.0", "128.0.0.1", "::"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
