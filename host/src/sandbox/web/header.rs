//! The headers of a request: checks what a module may send, and fills in secrets.

use hyper::header::{HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::request::SendRequestError;

const MOST_HEADERS: usize = 32;
/// Most bytes of all names and values.
const MOST_BYTES: usize = 8 << 10;
const OPEN: &str = "{secret:";
/// Most secrets in all values. Each is looked up, decrypted and copied, and may be a thousand times as long as its key.
const MOST_SECRETS: usize = 8;
const LONGEST_KEY: usize = 64;

/// Headers that belong to the connection, or that the host sets itself.
const RESERVED: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// A header as it is sent. Debug redacts a value that contains a secret.
#[derive(Clone, Debug)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// The secrets in the value.
    pub(super) secrets: Vec<SecretString>,
    /// Dropped when a redirect leads to another host.
    pub(super) is_private: bool,
}

/// The keys of the secrets that the values name, at most as many as [`prepare_headers`] accepts.
pub fn list_secret_keys(headers: &[(String, String)]) -> Vec<&str> {
    let keys = headers.iter().flat_map(|(_, value)| value.split(OPEN).skip(1));
    keys.filter_map(|after| Some(after.split_once('}')?.0)).take(MOST_SECRETS).collect()
}

/// Checks the headers, and fills in the secrets that their values name.
pub fn prepare_headers(
    headers: &[(String, String)],
    find_secret: impl Fn(&str) -> Option<SecretString>,
) -> Result<Vec<Header>, SendRequestError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || bytes > MOST_BYTES {
        return Err(invalid("more than 32 headers, or 8 KiB of them".to_owned()));
    }
    if headers.iter().map(|(_, value)| value.matches(OPEN).count()).sum::<usize>() > MOST_SECRETS {
        return Err(invalid("more than 8 secrets in its headers".to_owned()));
    }
    headers.iter().map(|(name, value)| prepare_header(name, value, &find_secret)).collect()
}

fn prepare_header(
    name: &str,
    value: &str,
    find_secret: impl Fn(&str) -> Option<SecretString>,
) -> Result<Header, SendRequestError> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(invalid("a header's name is no name".to_owned()));
    };
    if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
        return Err(invalid(format!("the header {name} is the host's own")));
    }
    let (text, secrets) = substitute(value, find_secret)?;
    let is_plain = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    let parsed = HeaderValue::from_bytes(text.as_bytes()).ok().filter(|_| is_plain);
    // The error must not quote the value, which may contain a secret.
    let mut value = parsed.ok_or_else(|| invalid(format!("the value of the header {name} cannot be sent")))?;
    value.set_sensitive(!secrets.is_empty());
    let is_private = !secrets.is_empty() || matches!(name.as_str(), "authorization" | "cookie");
    Ok(Header { name, value, secrets, is_private })
}

/// Fills the secrets into `value`, and returns them too. A secret's text is not searched for further placeholders.
fn substitute(
    value: &str,
    find_secret: impl Fn(&str) -> Option<SecretString>,
) -> Result<(Zeroizing<String>, Vec<SecretString>), SendRequestError> {
    let mut text = Zeroizing::new(String::with_capacity(value.len()));
    let (mut rest, mut secrets) = (value, Vec::new());
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (key, after) = after.split_once('}').ok_or_else(|| invalid("a {secret: without its }".to_owned()))?;
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(invalid("a {secret:} that names no setting".to_owned()));
        }
        let found = find_secret(key).ok_or_else(|| invalid(format!("the secret setting {key:?} is not set")))?;
        let secret = found.expose_secret();
        // Allocated at its full size: a growing string would leave copies of secrets in freed memory.
        let mut grown = Zeroizing::new(String::with_capacity(text.len() + before.len() + secret.len() + after.len()));
        grown.push_str(&text);
        grown.push_str(before);
        grown.push_str(secret);
        (text, rest) = (grown, after);
        secrets.push(found);
    }
    text.push_str(rest);
    Ok((text, secrets))
}

fn invalid(why: String) -> SendRequestError {
    SendRequestError::InvalidRequest(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(key: &str) -> Option<SecretString> {
        let secret = match key {
            "token" => "hunter2",
            "nested" => "{secret:token}",
            "broken" => "hunter2\r\nhost: evil.example",
            _ => return None,
        };
        Some(SecretString::from(secret))
    }

    fn prepare(name: &str, value: &str) -> Result<Header, String> {
        let prepared = prepare_headers(&[(name.to_owned(), value.to_owned())], find);
        prepared.map(|mut headers| headers.remove(0)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_stands_where_its_key_stood() {
        for (value, expected) in [
            ("Bearer {secret:token}", "Bearer hunter2"),
            ("{secret:token}{secret:token}!", "hunter2hunter2!"),
            ("{secret:nested}", "{secret:token}"),
            ("{secret}", "{secret}"),
        ] {
            assert_eq!(prepare("x-key", value).unwrap().value.to_str().unwrap(), expected);
        }
        let header = prepare("x-key", "{secret:token}").unwrap();
        assert!(header.is_private && !format!("{header:?}").contains("hunter2"));
        assert_eq!(header.secrets[0].expose_secret(), "hunter2");
    }

    #[test]
    fn a_secret_that_is_not_there_or_cannot_be_sent_is_named_by_its_key() {
        assert!(prepare("x-key", "{secret:other}").unwrap_err().contains("\"other\" is not set"));
        for wrong in ["{secret:}", "{secret:token", "{secret:broken}"] {
            let error = prepare("x-key", wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_belongs_to_the_connection_is_the_hosts() {
        let proxies = ["proxy-authenticate", "proxy-authorization", "proxy-connection", "Proxy-Anything"];
        let others = ["Host", "Transfer-Encoding", "", "a b", "a:b", "a\r\nb", "\u{e9}"];
        for name in RESERVED.into_iter().chain(proxies).chain(others) {
            assert!(prepare(name, "x").is_err(), "{name:?}");
        }
        for value in ["a\r\nhost: b", "a\nb", "a\0b", "a\u{7f}b"] {
            assert!(prepare("x-key", value).is_err(), "{value:?}");
        }
        assert!(!prepare("Accept", "application/json").unwrap().is_private);
        assert!(prepare("Authorization", "Basic abc").unwrap().is_private);
    }

    #[test]
    fn the_secrets_that_are_looked_up_are_those_that_are_put_in() {
        let header = |value: &str| ("x-key".to_owned(), value.to_owned());
        let headers = [header("{secret:a} and {secret:b}"), header("none"), header("{secret:a}"), header("{secret:c")];
        assert_eq!(list_secret_keys(&headers), ["a", "b", "a"]);
        assert_eq!(list_secret_keys(&[header(&"{secret:a}".repeat(1000))]).len(), MOST_SECRETS);
    }

    #[test]
    fn there_are_only_so_many() {
        let headers = |count: usize, length: usize| {
            let headers: Vec<_> = (0..count).map(|_| ("x-a".to_owned(), "a".repeat(length))).collect();
            prepare_headers(&headers, find).is_ok()
        };
        assert!(headers(MOST_HEADERS, 1) && headers(1, MOST_BYTES - 3));
        assert!(!headers(MOST_HEADERS + 1, 1) && !headers(1, MOST_BYTES - 2));
    }

    #[test]
    fn few_words_do_not_make_megabytes_of_secrets() {
        let asked = std::cell::Cell::new(0);
        let find = |_: &str| {
            asked.set(asked.get() + 1);
            Some(SecretString::from("s".repeat(4096)))
        };
        let prepare = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("x-a".to_owned(), (*value).to_owned())).collect();
            prepare_headers(&headers, find).map(|headers| headers.len())
        };
        let most = "{secret:a}".repeat(MOST_SECRETS);
        assert_eq!(prepare(&[&most, "b"]).unwrap(), 2);
        assert_eq!(asked.replace(0), MOST_SECRETS);
        for values in [&["{secret:a}", most.as_str()][..], &[&"{secret:a}".repeat(800)]] {
            assert!(prepare(values).is_err());
        }
        assert_eq!(asked.get(), 0, "none is opened for what is not sent");
    }
}
