//! A client of the HTTP API of a running host.
//!
//! Guarantees: the key goes over TLS or stays on this machine, and is in no error; a refusal is reported in the host's
//! own words. Not here: redirects, proxies and retries, none of which the holder of an operator's key wants.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, SERVER};
use hyper::{Method, Request, Response, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::event_stream::EventStream;
use super::lenient;
use crate::config::environment;
use crate::domain::server::ServerAddress;
use crate::http::shapes::page::Listed;
use crate::http::shapes::problem::Problem;
use crate::net::plain::{Body, FetchError, PlainClient};
use crate::net::server::Server;

/// The address where a host listens by default.
const USUAL_URL: &str = "http://127.0.0.1:8080";
/// Timeout of a request. Compiling a large module takes a minute at most, and may have to wait for others.
const ANSWERED_WITHIN: Duration = Duration::from_secs(180);
/// Most bytes of an answer. Pages are bounded, so no answer comes near.
const MOST_ANSWERED: usize = 16 << 20;

/// The error if an answer does not have the shape that this program expects.
pub(super) const ANOTHER_VERSION: &str = "the host answers in another version's words";

const EVENT_STREAM: &[u8] = b"text/event-stream";

/// `https://bot.example.com`, or `http://` on this machine. Without a path, because the API's paths are fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiUrl(ServerAddress);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address such as https://bot.example.com, or http://127.0.0.1:8080 on this machine")]
pub(super) struct ParseApiUrlError;

impl FromStr for ApiUrl {
    type Err = ParseApiUrlError;

    fn from_str(text: &str) -> Result<Self, ParseApiUrlError> {
        let uri: Uri = text.parse().map_err(|_| ParseApiUrlError)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(ParseApiUrlError),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(ParseApiUrlError)?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(ParseApiUrlError);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self(ServerAddress { is_tls, host, port }))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.0.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.0)
    }
}

pub(super) struct ApiClient {
    url: ApiUrl,
    key: SecretString,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The revision of the resource.
    pub(super) etag: Option<HeaderValue>,
    /// The header `server`. A proxy may send one; the host does not.
    server: Option<String>,
    /// The JSON as the host sent it, for `--json`.
    pub(super) body: Value,
    /// Whether the body is empty or JSON. The error page of a proxy is neither.
    is_json: bool,
}

impl Answer {
    /// # Errors
    /// If the body does not have the shape of `T`, even with empty values for missing fields.
    pub(super) fn read<T: DeserializeOwned + ToSchema>(&self) -> anyhow::Result<T> {
        lenient::read(self.body.clone()).context(ANOTHER_VERSION)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the host refuses: {detail} ({code}){errors}")]
pub(super) struct HostRefusal {
    /// A stable code, for programs.
    code: String,
    pub(super) detail: String,
    /// The errors of single fields, one a line.
    errors: String,
}

/// A request to the API.
pub(super) struct Question {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Question {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Question {
        Question { method, path: path.into(), headers: Vec::new(), body: Empty::new().boxed() }
    }

    pub(super) fn with_json(self, body: &impl Serialize) -> Question {
        let body = serde_json::to_vec(body).expect("texts, numbers and maps by text can be written as JSON");
        self.with_body("application/json", Full::from(body).boxed())
    }

    pub(super) fn with_body(mut self, content_type: &'static str, body: Body) -> Question {
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        self.body = body;
        self
    }

    /// Adds `If-Match`: the host refuses the request if the resource has changed since the answer with this tag.
    pub(super) fn if_match(mut self, etag: Option<HeaderValue>) -> Question {
        self.headers.extend(etag.map(|etag| (IF_MATCH, etag)));
        self
    }
}

impl ApiClient {
    /// # Errors
    /// If the environment holds no API key or an invalid address.
    pub(super) fn new(url: Option<&ApiUrl>) -> anyhow::Result<ApiClient> {
        let Some(key) = environment::find_api_key() else {
            bail!(
                "put an API key into the environment variable TWITCHY_API_KEY; `twitchy api-key create` makes one, and \
                   `twitchy demo --api` shows its own"
            );
        };
        if environment::is_quoted(key.expose_secret()) {
            bail!("TWITCHY_API_KEY: write the key {}", environment::WITHOUT_QUOTES);
        }
        let url = match (url, environment::find_api_url()) {
            (Some(url), _) => url.clone(),
            (None, Some(text)) => text.parse().context("TWITCHY_URL is no address of a host")?,
            (None, None) => USUAL_URL.parse().context("the usual address")?,
        };
        Ok(ApiClient { url, key })
    }

    /// # Errors
    /// If the host cannot be reached or refuses; a refusal is a [`HostRefusal`].
    pub(super) async fn ask(&self, question: Question) -> anyhow::Result<Answer> {
        let fetched = self.client()?.fetch(self.request(question)?, MOST_ANSWERED).await;
        let answer = read_answer(&fetched.map_err(|error| self.explain(error))?);
        if answer.status.is_success() && answer.is_json { Ok(answer) } else { Err(refusal(&answer, &self.url)) }
    }

    /// Opens the host's server-sent events at a path; the stream ends when either side closes it.
    ///
    /// # Errors
    /// As with [`ApiClient::ask`].
    pub(super) async fn listen(&self, path: &str) -> anyhow::Result<EventStream> {
        let client = self.client()?;
        let opened = client.open(self.request(Question::new(Method::GET, path))?).await;
        let response = opened.map_err(|error| self.explain(error))?;
        let kind = response.headers().get(CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM));
        if response.status().is_success() && is_stream {
            return Ok(EventStream::new(response.into_body()));
        }
        Err(refusal(&read_answer(&client.read_whole(response, MOST_ANSWERED).await?), &self.url))
    }

    /// # Errors
    /// As with [`ApiClient::ask`] and [`Answer::read`].
    pub(super) async fn get<T: DeserializeOwned + ToSchema>(&self, path: impl Into<String>) -> anyhow::Result<T> {
        self.ask(Question::new(Method::GET, path)).await?.read()
    }

    /// Fetches all pages of a list; `path` may have a query of its own.
    pub(super) async fn list<T: DeserializeOwned + ToSchema>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page: Listed<Value> = self.get(format!("{path}{joint}limit=100{cursor}")).await?;
            for item in page.items {
                items.push(lenient::read(item).context(ANOTHER_VERSION)?);
            }
            match page.next_cursor {
                // The host's cursors need no escapes. A cursor with other characters could change the rest of the
                // request.
                Some(next) if next.bytes().all(is_plain) => cursor = format!("&cursor={next}"),
                Some(_) => bail!(ANOTHER_VERSION),
                None => return Ok(items),
            }
        }
    }

    fn client(&self) -> anyhow::Result<PlainClient> {
        let server = Server::new(self.url.0.clone(), environment::find_authorities());
        Ok(PlainClient::new(server.with_context(|| self.cannot_ask())?, ANSWERED_WITHIN))
    }

    fn request(&self, question: Question) -> anyhow::Result<Request<Body>> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", self.key.expose_secret()))
            .map_err(|_| anyhow::anyhow!("what is in TWITCHY_API_KEY is no key"))
            .with_context(|| self.cannot_ask())?;
        authorization.set_sensitive(true);
        let mut request = Request::builder()
            .method(question.method)
            .uri(question.path)
            .header(ACCEPT, "application/json, application/problem+json, text/event-stream")
            .header(AUTHORIZATION, authorization)
            .body(question.body)
            .with_context(|| self.cannot_ask())?;
        request.headers_mut().extend(question.headers);
        Ok(request)
    }

    fn cannot_ask(&self) -> String {
        format!("cannot ask the host at {}", self.url)
    }

    /// Describes a failed request with the cause and the likely remedy.
    fn explain(&self, error: FetchError) -> anyhow::Error {
        let is_tls = self.url.0.is_tls;
        let explained = match error {
            FetchError::Late(late) => return anyhow::Error::new(late).context(format!("{} gives no answer", self.url)),
            FetchError::Connect(error) => anyhow::anyhow!("{error}{}", connection_hint(&error, is_tls)),
            FetchError::Http(error) => anyhow::anyhow!("{error}{}", answer_hint(&error, is_tls)),
            FetchError::Body(_) => anyhow::anyhow!("{error}"),
        };
        explained.context(self.cannot_ask())
    }
}

fn read_answer(response: &Response<Bytes>) -> Answer {
    let header = |name| response.headers().get(name).cloned();
    let server = header(SERVER).and_then(|server| server.to_str().map(escape).ok());
    let body = response.body();
    let read = if body.is_empty() { Some(Value::Null) } else { serde_json::from_slice(body).ok() };
    let (status, etag, is_json) = (response.status(), header(ETAG), read.is_some());
    Answer { status, etag, server, is_json, body: read.unwrap_or(Value::Null) }
}

fn connection_hint(error: &io::Error, is_tls: bool) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; nothing listens there: does the host run, and is this where its [http] listen is?"
        }
        // rustls reports bytes that are not TLS by this kind.
        io::ErrorKind::InvalidData if is_tls => {
            "; a host on this machine is asked by http://, unless a proxy is before it"
        }
        _ => "",
    }
}

/// A server that expects TLS answers plain HTTP with a TLS alert, which is not HTTP, or closes the connection.
fn answer_hint(error: &hyper::Error, is_tls: bool) -> &'static str {
    let is_other = error.is_parse() || error.is_incomplete_message() || error.is_closed();
    if is_other && !is_tls { TRY_TLS } else { "" }
}

const TRY_TLS: &str = "; where TLS is spoken at that port, it is asked by https://";

/// Whether a byte needs no escape in any part of a URL.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Escapes a text for use as a part of a path.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The error for a refusal. Its texts are escaped, because they are shown on a terminal and could move the cursor.
fn refusal(answer: &Answer, url: &ApiUrl) -> anyhow::Error {
    let stranger = || anyhow::anyhow!("{}", explain_stranger(answer, url));
    let Ok(Problem { title, detail, code, errors, .. }) = answer.read() else { return stranger() };
    let detail = if detail.is_empty() { title } else { detail };
    if code.is_empty() || detail.is_empty() {
        return stranger();
    }
    let errors = errors.iter().map(|wrong| format!("\n  {}: {}", escape(&wrong.field), escape(&wrong.detail)));
    HostRefusal { code: escape(&code), detail: escape(&detail), errors: errors.collect() }.into()
}

/// The error for an answer that is not the host's: a proxy or another server sent it.
fn explain_stranger(answer: &Answer, url: &ApiUrl) -> String {
    let server = answer.server.as_ref().map(|server| format!(" (server: {server})")).unwrap_or_default();
    let hint = match answer.status.as_u16() {
        // Proxies answer plain HTTP at a port for TLS with this status.
        400 if !url.0.is_tls => TRY_TLS,
        401 | 403 | 407 => "; it lets this request through to nobody: it wants a login of its own, or forbids it",
        413 => {
            "; it takes smaller bodies than the host does: raise its limit, such as nginx's client_max_body_size or \
             caddy's request_body max_size"
        }
        429 => "; it holds back requests by a limit of its own",
        502..=504 => {
            "; it does not reach the host: does the host run, and does it listen where requests are handed on to?"
        }
        _ => "; is this the address of a host, and are all paths below it handed on as they are?",
    };
    format!(
        "not the host, but something in front of it or in its place answers at {url}: {}{server}{hint}",
        answer.status
    )
}

/// Escapes control characters but no quotes.
fn escape(text: &str) -> String {
    let show = |character: char| match character {
        '\'' | '"' => String::from(character),
        other => other.escape_debug().to_string(),
    };
    text.chars().map(show).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_nothing_below() {
        let shown = |text: &str| text.parse::<ApiUrl>().map(|url| url.to_string());
        assert_eq!(shown("https://bot.example.com").unwrap(), "https://bot.example.com:443");
        assert_eq!(shown("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(shown("http://[::1]:80").unwrap(), "http://[::1]:80");
        for bad in
            ["", "bot.example.com", "ftp://a", "https://me:secret@a", "https://a/api", "https://a/?b", "https://"]
        {
            assert_eq!(shown(bad), Err(ParseApiUrlError), "{bad}");
        }
    }

    #[test]
    fn a_refusal_is_shown_in_the_hosts_words() {
        let url = "https://bot.example.com".parse().unwrap();
        let shown = |body: Value| {
            let answer = Answer { status: StatusCode::CONFLICT, etag: None, server: None, body, is_json: true };
            format!("{:#}", refusal(&answer, &url))
        };
        let body = json!({ "detail": "the host's 1.0.0 is there\u{1b}[2J", "code": "version_exists" });
        assert_eq!(shown(body), r"the host refuses: the host's 1.0.0 is there\u{1b}[2J (version_exists)");
        let body = json!({ "title": "Conflict", "code": "version_exists", "errors": null });
        assert_eq!(shown(body), "the host refuses: Conflict (version_exists)");
        let body = json!({ "detail": "No.", "code": "invalid_values", "errors": [{ "field": "to" }] });
        assert_eq!(shown(body), "the host refuses: No. (invalid_values)\n  to: ");
        for body in [json!({ "detail": "No." }), json!({ "code": "no" })] {
            assert!(shown(body).starts_with("not the host"));
        }
    }

    #[tokio::test]
    async fn what_a_proxy_answers_is_not_taken_for_the_hosts() {
        let proxy = |status: &str, body: &str| -> &'static [u8] {
            let head = format!("HTTP/1.1 {status}\r\nserver: nginx/1.22.1\r\ncontent-length: {}\r\n\r\n", body.len());
            (head + body).into_bytes().leak()
        };
        for (status, hint) in [
            ("413 Request Entity Too Large", "raise its limit, such as nginx's client_max_body_size"),
            ("502 Bad Gateway", "it does not reach the host: does the host run"),
            ("504 Gateway Time-out", "it does not reach the host"),
            ("401 Unauthorized", "it wants a login of its own"),
            ("301 Moved Permanently", "is this the address of a host"),
            ("200 OK", "is this the address of a host"),
        ] {
            for body in ["<html><center>nginx</center></html>", "{not JSON"] {
                let told = ask_one_that_says(proxy(status, body)).await;
                assert!(
                    told.starts_with("not the host, but something in front of it or in its place answers"),
                    "{told}"
                );
                let code = &status[..3];
                assert!(told.contains(code) && told.contains("(server: nginx/1.22.1)"), "{told}");
                assert!(told.contains(hint), "{told}");
            }
        }
        // JSON of another program does not have the shape of the host's problem documents.
        let told = ask_one_that_says(proxy("404 Not Found", r#"{"error": "no route"}"#)).await;
        assert!(told.contains("404 Not Found (server: nginx/1.22.1); is this the address of a host"), "{told}");
    }

    /// The error of a request that gets `answer`.
    async fn ask_one_that_says(answer: &'static [u8]) -> String {
        let asked = with_host(answer, async |client| client.ask(Question::new(Method::GET, "/")).await).await;
        format!("{:#}", asked.unwrap_err())
    }

    /// What `ask` returns, given a host that answers its one request with this JSON.
    pub(in crate::cli) async fn with_json_host<T>(body: &Value, ask: impl AsyncFnOnce(&ApiClient) -> T) -> T {
        let body = body.to_string();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        with_host(answer.as_bytes(), ask).await
    }

    async fn with_host<T>(answer: &[u8], ask: impl AsyncFnOnce(&ApiClient) -> T) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let client = ApiClient { url, key: SecretString::from("key") };
        let say = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
            stream.write_all(answer).await.unwrap();
        };
        tokio::join!(ask(&client), say).0
    }

    /// A proxy with a limit of its own answers after the head and hangs up; the unread body then resets the connection.
    #[tokio::test]
    async fn a_refusal_is_read_though_the_rest_of_the_request_is_not_taken() {
        for answer in [
            &b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 49\r\n\r\n\
               {\"detail\": \"It is too large.\", \"code\": \"too_big\"}"[..],
            b"HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\n\r\n\
              {\"detail\": \"It is too large.\", \"code\": \"too_big\"}",
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
            let client = ApiClient { url, key: SecretString::from("key") };
            // More bytes than the system buffers for a reader that does not read.
            let body = Full::from(vec![0; 32 << 20]).boxed();
            let question = Question::new(Method::POST, "/").with_body("application/wasm", body);
            let refuse = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
                stream.write_all(answer).await.unwrap();
            };
            let told = tokio::join!(client.ask(question), refuse).0.unwrap_err();
            assert_eq!(format!("{told:#}"), "the host refuses: It is too large. (too_big)");
        }
    }

    #[tokio::test]
    async fn a_port_for_tls_that_is_asked_in_the_clear_is_reported() {
        // A TLS alert, a closed connection, and a proxy's answer.
        for answer in
            [&b"\x15\x03\x03\x00\x02\x02\x32"[..], b"", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"]
        {
            let told = ask_one_that_says(answer).await;
            assert!(told.ends_with("where TLS is spoken at that port, it is asked by https://"), "{told}");
        }
    }
}
