//! A host on which every operation of the document succeeds, and the requests to it.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::{Body, Bytes};
use serde_json::Value;
use tests::guests;
use twitchy::config::HttpConfig;
use twitchy::domain::effect::{Effect, SetupEffect};
use twitchy::http::error::refusals::REFUSALS;
use twitchy::testing;

use super::requests::{Change, find_body};
use crate::harness::{House, channel_id, find_bundled, header, login, patient};
use crate::http::harness::{Answer, Site};
use crate::sandbox::bytes;

/// Sizes beyond the limit: one byte more than an endpoint reads as JSON, and one more than an upload may have.
const TOO_LARGE: [usize; 2] = [(64 << 10) + 1, (16 << 20) + 1];

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) key: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Bytes,
}

/// An operation of the document.
pub(super) struct Operation<'a> {
    /// `GET /api/v1/channels/{channel}`
    pub(super) name: String,
    pub(super) value: &'a Value,
}

impl Operation<'_> {
    fn has_parameter(&self, place: &str, name: &str) -> bool {
        let parameters = self.value["parameters"].as_array().map_or(&[][..], |all| all);
        parameters.iter().any(|parameter| parameter["in"] == place && parameter["name"] == name)
    }

    pub(super) fn needs_key(&self) -> bool {
        self.value["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
    }

    fn takes(&self, content_type: &str) -> bool {
        self.value["requestBody"]["content"][content_type].is_object()
    }

    /// The documented statuses 4xx. A 5xx is the host's own failure.
    pub(super) fn list_refusals(&self) -> Vec<u16> {
        let statuses = self.value["responses"].as_object().unwrap().keys();
        statuses.filter_map(|status| status.parse().ok()).filter(|status| (400..500).contains(status)).collect()
    }

    #[track_caller]
    pub(super) fn check(&self, status: u16, answer: &Answer) {
        let name = &self.name;
        assert_eq!(answer.status, status, "{name} should answer {status}: {}", answer.show());
        let told = &self.value["responses"][status.to_string()]["content"];
        let content_type = answer.header("content-type").split(';').next().unwrap_or_default();
        assert!(
            told[content_type].is_object(),
            "{name} answers {status} with {content_type}, and does not document it"
        );
        assert!(status < 400 || !answer.code().is_empty(), "{name}: {}", answer.show());
        let is_listed = REFUSALS.iter().any(|refusal| refusal.status == status && refusal.code == answer.code());
        assert!(status < 400 || is_listed, "http/error/refusals.rs lacks the code of {name}: {}", answer.show());
        for header in ["ETag", "Retry-After", "WWW-Authenticate"] {
            let is_told = self.value["responses"][status.to_string()]["headers"][header].is_object();
            let is_there = !answer.header(&header.to_lowercase()).is_empty();
            assert_eq!(is_told, is_there, "{name} answers {status}, and the document is wrong about its {header}");
        }
    }
}

/// A host on which every operation may succeed.
pub(super) struct Stage {
    pub(super) site: Site,
    pub(super) document: Value,
    /// A key that may be revoked.
    spare: String,
    /// How often [`Stage::change_behind`] has changed the channel.
    overtaken: AtomicU32,
}

impl Stage {
    pub(super) async fn open() -> Stage {
        let headers = [header("shop", &[]), header("cafe", &[])];
        let house = House::open(&headers.each_ref(), patient()).await;
        let config = HttpConfig { burst: 10_000, burst_without_key: 10_000, ..HttpConfig::default() };
        let site = Site::of(house, config).await;
        let document = site.ask("GET /api/v1/openapi.json", "").await.json();
        let spare = site.make_key("channel:300", None).await[4..16].to_owned();
        let stage = Stage { site, document, spare, overtaken: AtomicU32::new(0) };
        stage.prepare().await;
        stage
    }

    /// Publishes two versions of `echo`, on in `#shop`, two of `counter`, one of them a canary there, and `transfers`,
    /// which is withdrawn; mutes `#cafe`.
    async fn prepare(&self) {
        let second = |first| version_of(first, "0.2.0");
        let upload = Operation { name: "POST /api/v1/modules".to_owned(), value: &Value::Null };
        let (echo, counter) = (guests::ECHO, guests::COUNTER);
        let transfers = guests::TRANSFERS.to_vec();
        for component in [echo.to_vec(), second(echo), counter.to_vec(), second(counter), transfers] {
            let asked = Asked {
                headers: vec![("content-type", "application/wasm")],
                body: component.into(),
                ..self.base(&upload)
            };
            assert_eq!(self.send(&asked).await.status, 201);
        }
        let any = &[("if-match", "*")];
        let canary = find_body("PUT /api/v1/modules/{name}/canary").replace("{shop}", &id_of("shop"));
        for (line, body) in [
            (format!("PUT /api/v1/channels/{}/modules/echo", id_of("shop")), r#"{"enabled": true}"#),
            (format!("PATCH /api/v1/channels/{}", id_of("cafe")), r#"{"muted_until": "2026-09-21T13:00:00Z"}"#),
            ("PUT /api/v1/modules/counter/canary".to_owned(), &canary),
            ("DELETE /api/v1/modules/transfers".to_owned(), ""),
        ] {
            let answer = self.site.send(&line, &self.site.operator, any, body).await;
            assert_eq!(answer.status, 200, "{}", answer.show());
        }
    }

    pub(super) fn list_operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let named = move |(method, value): (&'_ String, _)| (format!("{} {path}", method.to_uppercase()), value);
            item.as_object().unwrap().iter().map(named)
        });
        operations.map(|(name, value)| Operation { name, value }).collect()
    }

    fn base(&self, operation: &Operation<'_>) -> Asked {
        Asked { line: operation.name.clone(), key: self.site.operator.clone(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A request that succeeds.
    pub(super) fn good(&self, operation: &Operation<'_>) -> Asked {
        let mut asked = self.base(operation);
        if operation.has_parameter("header", "If-Match") {
            asked.headers.push(("if-match", "*"));
        }
        if operation.takes("application/json") {
            asked.body = find_body(&operation.name).replace("{shop}", &id_of("shop")).into();
        }
        if operation.takes("application/wasm") {
            asked.headers.push(("content-type", "application/wasm"));
            asked.body = guests::ECHO.into();
        }
        asked
    }

    pub(super) fn changed(&self, mut asked: Asked, changes: &[Change]) -> Asked {
        for change in changes {
            match *change {
                Change::Part(name, value) => asked.line = asked.line.replace(&format!("{{{name}}}"), value),
                Change::Channel(login) => asked.line = asked.line.replace("{channel}", &id_of(login)),
                Change::Key => asked.line = asked.line.replace("{id}", &self.site.operator[4..16]),
                Change::Query(query) => asked.line += &format!("?{query}"),
                Change::Body(body) => asked.body = body.replace("{shop}", &id_of("shop")).into(),
                Change::Version(component, version) => asked.body = version_of(component, version).into(),
                Change::Bundled(name) => asked.body = find_bundled(name).into(),
            }
        }
        asked
    }

    /// Sends a request with the open parts of its path filled in.
    pub(super) async fn send(&self, asked: &Asked) -> Answer {
        self.send_body(asked, Body::from(asked.body.clone())).await
    }

    async fn send_body(&self, asked: &Asked, body: Body) -> Answer {
        let line = asked.line.replace("{channel}", &id_of("shop")).replace("{name}", "echo");
        let line = line.replace("{version}", "0.1.0").replace("{id}", &self.spare);
        let mut headers = asked.headers.clone();
        if headers.iter().all(|(name, _)| *name != "content-type") {
            headers.push(("content-type", "application/json"));
        }
        self.site.send_body(&line, &asked.key, &headers, body).await
    }

    /// Reaches a refusal that all operations share; `None` if the status depends on the operation.
    pub(super) async fn refuse(&self, operation: &Operation<'_>, status: u16) -> Option<Answer> {
        let asked = self.good(operation);
        let asked = match status {
            401 => Asked { key: String::new(), ..asked },
            403 if operation.has_parameter("query", "channel") => {
                let line = format!("{}?channel={}", asked.line, id_of("shop"));
                Asked { key: self.site.other.clone(), line, ..asked }
            }
            403 if operation.has_parameter("query", "canary") => {
                let line = format!("{}?canary={}", asked.line, id_of("shop"));
                Asked { key: self.site.other.clone(), line, ..asked }
            }
            403 => Asked { key: self.site.other.clone(), ..asked },
            408 => return Some(self.send_without_end(&asked).await),
            412 => with_header(asked, ("if-match", "\"r0\"")),
            413 => {
                let size = TOO_LARGE[usize::from(operation.takes("application/wasm"))];
                Asked { body: vec![b' '; size].into(), ..asked }
            }
            415 => with_header(asked, ("content-type", "text/plain")),
            421 => with_header(asked, ("host", "evil.example")),
            428 => Asked { headers: Vec::new(), ..asked },
            _ => return None,
        };
        Some(self.send(&asked).await)
    }

    /// Sends a body that never arrives. No other task waits, so the paused clock jumps to the host's timeout.
    async fn send_without_end(&self, asked: &Asked) -> Answer {
        tokio::time::pause();
        let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        let answer = self.send_body(asked, body).await;
        tokio::time::resume();
        answer
    }

    /// Changes the channel each time after the request has read it.
    pub(super) async fn overtake(&self, asked: &Asked) -> Answer {
        let mut request = Box::pin(self.send(asked));
        loop {
            tokio::select! {
                biased;
                answer = &mut request => return answer,
                () = std::future::ready(()) => {}
            }
            self.change_behind().await;
        }
    }

    /// Changes `#shop` in the store, not in the host's memory.
    async fn change_behind(&self) {
        let number = self.overtaken.fetch_add(1, Ordering::Relaxed);
        let prefix = if number.is_multiple_of(2) { "?" } else { "!" };
        let effects = vec![Effect::Setup(SetupEffect::ChangePrefix(prefix.parse().unwrap()))];
        let commit = testing::commit(channel_id(&login("shop")), &format!("overtakes-{number}"), effects);
        self.site.house.store.commit(commit).await.unwrap();
    }
}

fn version_of(component: &[u8], version: &str) -> Vec<u8> {
    bytes::replaced(component, b"0.1.0a guest", format!("{version}a guest").as_bytes())
}

fn with_header(mut asked: Asked, header: (&'static str, &'static str)) -> Asked {
    asked.headers.retain(|(name, _)| *name != header.0);
    asked.headers.push(header);
    asked
}

pub(super) fn id_of(channel: &str) -> String {
    channel_id(&login(channel)).to_string()
}
