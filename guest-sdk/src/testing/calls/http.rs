//! Capability `http`: the responses that the test set up, under the rules for requests.

use crate::SettingKind;
use crate::bindings::twitchy::command::http::{HttpError, Request, Response};
use crate::testing::world::World;

const MOST_REQUESTS: usize = 4;
/// Bytes of one response, and of all requests and responses of a call.
const LONGEST_RESPONSE: usize = 256 << 10;
const MOST_BYTES: usize = 512 << 10;
const LONGEST_ADDRESS: usize = 4096;
const MOST_HEADERS: usize = 32;
const MOST_HEADER_BYTES: usize = 8 << 10;
const MOST_SECRETS: usize = 8;
/// Bytes of a secret that is replaced in a response.
const SHORTEST_MASKED: usize = 6;
const SECRET: &str = "{secret:";
/// Headers that the host writes.
const RESERVED: &[&str] = &[
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

pub(crate) fn send(world: &mut World, request: &Request) -> Result<Response, HttpError> {
    if world.call().web_requests >= MOST_REQUESTS {
        return Err(HttpError::OverBudget);
    }
    world.call().web_requests += 1;
    let sent = request.url.len() + size_of(&request.headers) + request.body.as_ref().map_or(0, Vec::len);
    let bytes = world.call().web_bytes + sent;
    if bytes > MOST_BYTES {
        return Err(HttpError::OverBudget);
    }
    let (headers, secrets) = fill_in_secrets(world, &request.headers)?;
    let host = find_host(&request.url)?;
    if !world.module.http_hosts.iter().any(|granted| granted.eq_ignore_ascii_case(host)) {
        return Err(HttpError::NotGranted(host.to_ascii_lowercase()));
    }
    world.requests.push(Request { headers, ..request.clone() });
    let missing = || Err(HttpError::Unreachable(format!("the test has set up no response for {}", request.url)));
    let mut response = world.web.get(&request.url).cloned().unwrap_or_else(missing)?;
    let received = size_of(&response.headers) + response.body.len();
    if response.body.len() > LONGEST_RESPONSE || bytes + received > MOST_BYTES {
        return Err(HttpError::TooLarge);
    }
    world.call().web_bytes = bytes + received;
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_MASKED) {
        mask(&mut response.body, secret.as_bytes());
        for (_, value) in &mut response.headers {
            *value = value.replace(secret, &"*".repeat(secret.len()));
        }
    }
    Ok(response)
}

fn size_of(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// The host of an address that can be sent to.
fn find_host(url: &str) -> Result<&str, HttpError> {
    let invalid = |why: &str| Err(HttpError::InvalidRequest(format!("the address {why}")));
    if url.len() > LONGEST_ADDRESS {
        return invalid("is longer than 4096 bytes");
    }
    if url.contains(SECRET) {
        return invalid("holds a secret: only a header may");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return invalid("holds characters that must be percent-encoded");
    }
    let Some(rest) = url.strip_prefix("https://") else { return invalid("does not begin with https://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return invalid("holds a name or a password");
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    if !matches!(port, "" | "443") {
        return invalid("names a port other than 443");
    }
    if host.is_empty() || host.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit())) {
        return invalid("names no host");
    }
    Ok(host)
}

/// The headers as they are sent, and the secrets in them.
#[expect(clippy::type_complexity, reason = "the headers of the contract, and a list")]
fn fill_in_secrets(
    world: &World,
    headers: &[(String, String)],
) -> Result<(Vec<(String, String)>, Vec<String>), HttpError> {
    if headers.len() > MOST_HEADERS || size_of(headers) > MOST_HEADER_BYTES {
        return Err(HttpError::InvalidRequest("more than 32 headers, or 8 KiB of them".to_owned()));
    }
    if headers.iter().map(|(_, value)| value.matches(SECRET).count()).sum::<usize>() > MOST_SECRETS {
        return Err(HttpError::InvalidRequest("more than 8 secrets in its headers".to_owned()));
    }
    let mut secrets = Vec::new();
    let mut fill = |(name, value): &(String, String)| {
        let lower = name.to_ascii_lowercase();
        if lower.is_empty() || !lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err(HttpError::InvalidRequest("a header's name is no name".to_owned()));
        }
        if RESERVED.contains(&lower.as_str()) || lower.starts_with("proxy-") {
            return Err(HttpError::InvalidRequest(format!("the header {lower} is the host's own")));
        }
        let filled = fill_in(world, value, &mut secrets)?;
        if filled.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(HttpError::InvalidRequest(format!("the value of the header {lower} cannot be sent")));
        }
        Ok((name.clone(), filled))
    };
    let filled = headers.iter().map(&mut fill).collect::<Result<_, _>>()?;
    Ok((filled, secrets))
}

fn fill_in(world: &World, value: &str, secrets: &mut Vec<String>) -> Result<String, HttpError> {
    let (mut text, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once(SECRET) {
        let (key, after) =
            after.split_once('}').ok_or_else(|| HttpError::InvalidRequest("a {secret: without its }".to_owned()))?;
        let declared = world.module.settings.iter().any(|it| it.key == key && it.kind == SettingKind::Secret);
        let secret = world.secrets.get(key).filter(|_| declared);
        let secret =
            secret.ok_or_else(|| HttpError::InvalidRequest(format!("the secret setting {key:?} is not set")))?;
        text.extend([before, secret]);
        secrets.push(secret.clone());
        rest = after;
    }
    Ok(text + rest)
}

/// Replaces each byte of `secret` in `body` with a star.
fn mask(body: &mut [u8], secret: &[u8]) {
    let mut start = 0;
    while let Some(found) = body.get(start..).and_then(|rest| rest.windows(secret.len()).position(|it| it == secret)) {
        body[start + found..][..secret.len()].fill(b'*');
        start += found + secret.len();
    }
}
