//! The whole host behind its router, in memory, with a clock that stands still and predictable randomness.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Request, Version};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use twitchy::config::{HttpConfig, SandboxConfig};
use twitchy::http::build_router;
use twitchy::http::entropy::Entropy;
use twitchy::http::server::address::Peer;
use twitchy::http::state::{Api, Host};
use twitchy::modules::publish::Publisher;
use twitchy::telemetry::reading::Reading;
use twitchy::transcript::ChannelHeader;

use crate::harness::{House, patient};

/// The channel that a site's own key opens, and the one that its other key opens.
pub(crate) const CHANNEL: &str = "100";
pub(crate) const OTHER_CHANNEL: &str = "200";

/// A host with its API.
pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) api: Arc<Api>,
    pub(crate) router: Router,
    pub(crate) unready: Arc<Mutex<Vec<(String, String)>>>,
    pub(crate) operator: String,
    pub(crate) own: String,
    pub(crate) other: String,
    pub(crate) stop: CancellationToken,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Predictable randomness: each byte is one more than the byte before.
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.0.fetch_add(1, Ordering::Relaxed));
    }
}

impl Site {
    pub(crate) async fn open() -> Site {
        Site::with(HttpConfig { rate_without_key: 1000, burst_without_key: 10_000, ..HttpConfig::default() }).await
    }

    /// A site with three keys: an operator's, one of [`CHANNEL`] and one of [`OTHER_CHANNEL`].
    pub(crate) async fn with(config: HttpConfig) -> Site {
        Site::with_limits(config, patient()).await
    }

    pub(crate) async fn with_limits(config: HttpConfig, limits: SandboxConfig) -> Site {
        let pairs = vec![("enabled".to_owned(), "balance, settings, help".to_owned())];
        let header = ChannelHeader { login: "shop".parse().unwrap(), pairs };
        Site::of(House::open(&[&header], limits).await, config).await
    }

    /// A site of a house that may have other guests.
    pub(crate) async fn of(house: House, config: HttpConfig) -> Site {
        let (unready, stop) = (Arc::default(), CancellationToken::new());
        let House { dispatch, store, versions, sandbox, ground, .. } = &house;
        let components = sandbox.components().clone();
        let publisher = Publisher::new(store.clone(), versions.clone(), components, sandbox.clone());
        let host = Host::new(sandbox.clone(), publisher, dispatch.clone(), versions.clone(), ground.sealer.clone());
        let shown: Arc<Mutex<Vec<(String, String)>>> = Arc::clone(&unready);
        let readiness = Box::new(move || shown.lock().unwrap().clone());
        let readings = Arc::new(|| vec![Reading::level("answer", "For the tests").with(&[], 42.0)]);
        let api = Api::new(host, config, readiness, Box::<Counting>::default(), readings, stop.clone());
        let router = build_router(api.clone());
        let mut keys = Vec::new();
        for (name, scope) in [("op", "operator"), ("own", "channel:100"), ("other", "channel:200")] {
            keys.push(save_key(&house, name, scope).await);
        }
        let [operator, own, other] = keys.try_into().unwrap();
        Site { house, api, router, unready, operator, own, other, stop }
    }

    /// Sends a request such as `GET /path` without a body; an empty key is no key.
    pub(crate) async fn ask(&self, request: &str, key: &str) -> Answer {
        self.send(request, key, &[], "").await
    }

    /// Sends a body as JSON, unless `headers` has another content type.
    pub(crate) async fn send(&self, request: &str, key: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_body(request, key, headers, Body::from(body.to_owned())).await
    }

    /// Sends a request without a body by another version of HTTP.
    pub(crate) async fn send_version(
        &self,
        version: Version,
        request: &str,
        key: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = prepare(request, key, headers, Body::empty());
        *request.version_mut() = version;
        self.answer(request).await
    }

    pub(crate) async fn send_body(&self, request: &str, key: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        self.answer(prepare(request, key, headers, body)).await
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let is_endless = parts.headers.get("content-type").is_some_and(|value| value == "text/event-stream");
        let body = if is_endless { Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Makes a key with this scope, and returns its secret.
    pub(crate) async fn make_key(&self, scope: &str, role: Option<&str>) -> String {
        let body = serde_json::json!({ "name": "made", "scopes": [scope], "role": role }).to_string();
        let made = self.send("POST /api/v1/keys", &self.operator, &[], &body).await;
        made.json()["secret"].as_str().unwrap_or_else(|| panic!("{}", made.show())).to_owned()
    }

    pub(crate) async fn close(self) {
        self.house.close().await;
    }
}

/// Builds a request with the headers that clients send. The header `x-peer` stands for the caller's address.
fn prepare(request: &str, key: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let (method, path) = request.split_once(' ').unwrap();
    let mut builder = Request::builder().method(method).uri(path);
    let has = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if !has("host") {
        builder = builder.header("host", "localhost");
    }
    if !has("content-type") && !body.is_end_stream() {
        builder = builder.header("content-type", "application/json");
    }
    if !key.is_empty() {
        builder = builder.header("authorization", format!("Bearer {key}"));
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != "x-peer") {
        builder = builder.header(*name, *value);
    }
    let peer = headers.iter().find(|(name, _)| *name == "x-peer").map_or("192.0.2.1:5000", |(_, peer)| peer);
    let mut request = builder.body(body).unwrap();
    request.extensions_mut().insert(Peer(peer.parse::<SocketAddr>().unwrap()));
    request
}

/// Saves a key with this scope, and returns its text.
async fn save_key(house: &House, name: &str, scope: &str) -> String {
    use std::time::SystemTime;
    use twitchy::domain::audit::{Actor, Stamp};
    use twitchy::domain::ports::Clock;
    use twitchy::http::key::KeySecret;
    use twitchy::store::host::api_keys::ApiKey;

    struct Named(u8);
    impl Entropy for Named {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    let secret = KeySecret::make(&Named(name.bytes().fold(0, u8::wrapping_add)));
    let now: SystemTime = house.clock.now().wall;
    let key = ApiKey {
        id: secret.id().clone(),
        name: name.into(),
        digest: secret.digest(),
        scopes: [scope.parse().unwrap()].into(),
        role: None,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    house
        .store
        .host
        .save_api_key(
            key,
            Stamp { by: Actor::CommandLine { system_user: Some("root (uid 0)".into()) }, at: now, address: None },
        )
        .await
        .unwrap();
    reveal(&secret)
}

fn reveal(secret: &twitchy::http::key::KeySecret) -> String {
    use twitchy::http::key::ExposeSecret;
    secret.reveal().expose_secret().to_owned()
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    /// The code of a problem document; empty for any other body.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer in the notation of the tests' expectations: status, content type and body.
    pub(crate) fn show(&self) -> String {
        let pretty = serde_json::from_str::<Value>(&self.body).map(|body| format!("{body:#}"));
        format!("{} {}\n{}", self.status, self.header("content-type"), pretty.unwrap_or_else(|_| self.body.clone()))
    }

    /// The answer without the digests and sizes of components, which differ from compiler to compiler.
    pub(crate) fn masked(&self) -> Answer {
        let mut masked = String::new();
        let mut rest = self.body.as_str();
        while let Some(at) = rest.find(|character: char| character.is_ascii_hexdigit()) {
            let (before, from) = rest.split_at(at);
            let length = from.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(length);
            masked += before;
            let is_size = masked.ends_with("\"bytes\":");
            masked += match digits {
                digits if digits.len() == 64 => "SHA256",
                _ if is_size => "0",
                digits => digits,
            };
            rest = after;
        }
        Answer { status: self.status, headers: self.headers.clone(), body: masked + rest }
    }

    /// Compares all but one field that differs in every run.
    #[track_caller]
    pub(crate) fn check_without(mut self, field: &str, expected: &str) {
        let mut body = self.json();
        assert!(body[field].is_string(), "{field} is missing: {body:#}");
        body.as_object_mut().unwrap().remove(field);
        self.body = body.to_string();
        self.check(expected);
    }

    /// Compares the whole answer. On a difference, the failure shows the right expectation.
    #[track_caller]
    pub(crate) fn check(&self, expected: &str) {
        let lines: Vec<&str> = expected.trim().lines().map(str::trim).collect();
        let shown = self.show();
        let found: Vec<&str> = shown.lines().map(str::trim).collect();
        assert!(lines == found, "the answer is another one:\n\n{shown}\n");
    }
}
