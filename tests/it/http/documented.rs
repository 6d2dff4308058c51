//! The document and the answers agree: every refusal that it tells of can be reached, and none is answered that it does not
//! tell of.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::{Body, Bytes};
use serde_json::Value;
use tests::guests;
use twitchy::config::HttpConfig;
use twitchy::domain::audit::Actor;
use twitchy::domain::effect::{Commit, Effect};
use twitchy::domain::invocation::{InvocationId, Origin};
use twitchy::domain::ports::Clock;
use twitchy::http::error::codes::CODES;

use super::harness::{Answer, Site};
use crate::harness::{House, channel_id, header, login, patient};
use crate::sandbox::bytes;

mod requests;
mod snapshot;

use requests::{Change, REQUESTS, find_body, find_bundled, find_wish};
use snapshot::Snapshot;

/// One more byte than an endpoint of JSON reads, and one more than an upload has.
const TOO_LARGE: [usize; 2] = [(64 << 10) + 1, (16 << 20) + 1];

/// A request as it is sent.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    key: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
}

/// An operation of the document.
struct Operation<'a> {
    /// `GET /api/v1/channels/{channel}`
    name: String,
    value: &'a Value,
}

impl Operation<'_> {
    fn has_parameter(&self, place: &str, name: &str) -> bool {
        let parameters = self.value["parameters"].as_array().map_or(&[][..], |all| all);
        parameters.iter().any(|parameter| parameter["in"] == place && parameter["name"] == name)
    }

    fn takes(&self, content_type: &str) -> bool {
        self.value["requestBody"]["content"][content_type].is_object()
    }

    /// The refusals that it tells of, but for those of our own making.
    fn list_refusals(&self) -> Vec<u16> {
        let statuses = self.value["responses"].as_object().unwrap().keys();
        statuses.filter_map(|status| status.parse().ok()).filter(|status| (400..500).contains(status)).collect()
    }

    #[track_caller]
    fn check(&self, status: u16, answer: &Answer) {
        let name = &self.name;
        assert_eq!(answer.status, status, "{name} should answer {status}: {}", answer.show());
        let told = &self.value["responses"][status.to_string()]["content"];
        let content_type = answer.header("content-type").split(';').next().unwrap_or_default();
        assert!(
            told[content_type].is_object(),
            "{name} answers {status} with {content_type}, and does not document it"
        );
        assert!(status < 400 || !answer.code().is_empty(), "{name}: {}", answer.show());
        let is_listed = CODES.iter().any(|(of, code, _)| *of == status && *code == answer.code());
        assert!(status < 400 || is_listed, "http/error/codes.rs lacks the code of {name}: {}", answer.show());
        for header in ["ETag", "Retry-After", "WWW-Authenticate"] {
            let is_told = self.value["responses"][status.to_string()]["headers"][header].is_object();
            let is_there = !answer.header(&header.to_lowercase()).is_empty();
            assert_eq!(is_told, is_there, "{name} answers {status}, and the document is wrong about its {header}");
        }
    }
}

/// A host on which every operation may succeed.
struct Stage {
    site: Site,
    document: Value,
    /// A key that may be revoked.
    spare: String,
    /// Changes of [`Stage::change_behind`].
    overtaken: AtomicU32,
}

impl Stage {
    async fn open() -> Stage {
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

    /// Two versions of `echo`, on in `#shop`, and of `counter`, one of them a canary there; and a `#cafe` that is muted.
    async fn prepare(&self) {
        let second = |first| bytes::replaced(first, b"0.1.0a guest", b"0.2.0a guest");
        let upload = Operation { name: "POST /api/v1/modules".to_owned(), value: &Value::Null };
        let (echo, counter) = (guests::ECHO, guests::COUNTER);
        for component in [echo.to_vec(), second(echo), counter.to_vec(), second(counter)] {
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
        ] {
            let answer = self.site.send(&line, &self.site.operator, any, body).await;
            assert_eq!(answer.status, 200, "{}", answer.show());
        }
    }

    fn list_operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let named = move |(method, value): (&'_ String, _)| (format!("{} {path}", method.to_uppercase()), value);
            item.as_object().unwrap().iter().map(named)
        });
        operations.map(|(name, value)| Operation { name, value }).collect()
    }

    /// Without a body.
    fn base(&self, operation: &Operation<'_>) -> Asked {
        Asked { line: operation.name.clone(), key: self.site.operator.clone(), headers: Vec::new(), body: Bytes::new() }
    }

    /// What succeeds.
    fn good(&self, operation: &Operation<'_>) -> Asked {
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

    fn changed(&self, mut asked: Asked, changes: &[Change]) -> Asked {
        for change in changes {
            match *change {
                Change::Part(name, value) => asked.line = asked.line.replace(&format!("{{{name}}}"), value),
                Change::Channel(login) => asked.line = asked.line.replace("{channel}", &id_of(login)),
                Change::Query(query) => asked.line += &format!("?{query}"),
                Change::Body(body) => asked.body = body.into(),
                Change::Bundled(name) => asked.body = find_bundled(name).into(),
            }
        }
        asked
    }

    /// Fills in what is left open of the path.
    async fn send(&self, asked: &Asked) -> Answer {
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

    /// A refusal that is reached in the same way wherever it is told of; None where the endpoint has its own.
    async fn refuse(&self, operation: &Operation<'_>, status: u16) -> Option<Answer> {
        let asked = self.good(operation);
        let asked = match status {
            401 => Asked { key: String::new(), ..asked },
            403 if operation.has_parameter("query", "channel") => {
                let line = format!("{}?channel={}", asked.line, id_of("shop"));
                Asked { key: self.site.other.clone(), line, ..asked }
            }
            403 => Asked { key: self.site.other.clone(), ..asked },
            408 => return Some(self.send_without_end(&asked).await),
            412 if operation.has_parameter("header", "If-Match") => with_header(asked, ("if-match", "\"r0\"")),
            412 => return Some(self.overtake(&asked).await),
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

    /// The body never arrives. Nothing else is waited for, and so paused time goes on to the end of the host's patience.
    async fn send_without_end(&self, asked: &Asked) -> Answer {
        tokio::time::pause();
        let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        let answer = self.send_body(asked, body).await;
        tokio::time::resume();
        answer
    }

    /// Whenever the request has looked at the channel, somebody else changes it.
    async fn overtake(&self, asked: &Asked) -> Answer {
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

    /// Changes `#shop` in the store alone.
    async fn change_behind(&self) {
        let number = self.overtaken.fetch_add(1, Ordering::Relaxed);
        let prefix = if number.is_multiple_of(2) { "?" } else { "!" };
        let commit = Commit {
            invocation: InvocationId { origin: Origin::Event, id: format!("overtakes-{number}").into() },
            channel: channel_id(&login("shop")),
            by: Actor::Host,
            address: None,
            caller: None,
            version: None,
            noted: Vec::new(),
            effects: vec![Effect::ChangePrefix(prefix.parse().unwrap())],
            replies: Vec::new(),
            at: self.site.house.clock.now().wall,
        };
        self.site.house.store.commit(commit).await.unwrap();
    }
}

fn with_header(mut asked: Asked, header: (&'static str, &'static str)) -> Asked {
    asked.headers.retain(|(name, _)| *name != header.0);
    asked.headers.push(header);
    asked
}

fn id_of(channel: &str) -> String {
    channel_id(&login(channel)).to_string()
}

#[tokio::test]
async fn every_refusal_of_the_document_can_be_reached_and_no_other() {
    let stage = Stage::open().await;
    let operations = stage.list_operations();
    let mut own: BTreeMap<(&str, u16), Vec<&[Change]>> = BTreeMap::new();
    for (name, status, changes) in REQUESTS {
        let is_there = operations.iter().any(|operation| operation.name == *name);
        assert!(is_there, "REQUESTS has a row for {name}, which the document has not: remove it");
        own.entry((name, *status)).or_default().push(changes);
    }
    let (mut missing, mut snapshot) = (Vec::new(), Snapshot::default());
    for operation in &operations {
        let name = operation.name.as_str();
        for status in operation.list_refusals() {
            // Reached by another host, below.
            if status == 429 {
                continue;
            }
            let rows = own.remove(&(name, status)).unwrap_or_default();
            for changes in &rows {
                let asked = stage.changed(stage.good(operation), changes);
                let answer = stage.send(&asked).await;
                operation.check(status, &answer);
                snapshot.add(&asked.line, &answer);
            }
            match stage.refuse(operation, status).await {
                Some(answer) => {
                    operation.check(status, &answer);
                    snapshot.add(name, &answer);
                }
                None if rows.is_empty() => missing.push(format!("    (\"{name}\", {status}, &[...]),")),
                None => {}
            }
        }
    }
    let missing = missing.join("\n");
    assert!(
        missing.is_empty(),
        "the document tells of refusals that nothing reaches. Add a row of each to REQUESTS in \
         tests/it/http/documented/requests.rs, with what is changed of the request that succeeds, or take the status out of \
         the document:\n{missing}"
    );
    let undocumented: Vec<_> = own.keys().collect();
    assert!(undocumented.is_empty(), "REQUESTS has rows that the document does not tell of: {undocumented:?}");
    snapshot.check("refusals.txt");
    drop(operations);
    stage.site.close().await;
}

/// A client is generated from it: its methods are named by the operations, and each field says what it is.
#[tokio::test]
async fn a_client_can_be_generated_from_the_document() {
    let stage = Stage::open().await;
    let mut names: Vec<&str> =
        stage.list_operations().iter().map(|operation| operation.value["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    let doubled: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubled.is_empty(), "operations need operation_id = \"...\" of their own: {doubled:?}");
    let mut silent = Vec::new();
    for (name, schema) in stage.document["components"]["schemas"].as_object().unwrap() {
        for (field, value) in schema["properties"].as_object().into_iter().flatten() {
            let is_plain = ["string", "integer", "number"].iter().any(|kind| value["type"] == *kind);
            let is_told = value["description"].is_string() || value["$ref"].is_string() || value["oneOf"].is_array();
            let is_shown = ["example", "default", "enum"].iter().any(|key| !value[key].is_null());
            if !is_told || is_plain && !is_shown {
                silent.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "these fields need a description, and an example where they are texts or numbers: {silent:?}"
    );
    stage.site.close().await;
}

/// Whoever mistypes `dry_run` does not mean to call the command.
#[tokio::test]
async fn no_operation_overlooks_a_parameter_that_it_does_not_know() {
    let stage = Stage::open().await;
    for operation in stage.list_operations().iter().filter(|operation| operation.list_refusals().contains(&400)) {
        let asked = stage.changed(stage.good(operation), &[Change::Query("no-such=1")]);
        let answer = stage.send(&asked).await;
        operation.check(400, &answer);
        assert_eq!(answer.code(), "invalid_query", "{}: {}", operation.name, answer.show());
    }
    stage.site.close().await;
}

/// The requests that the refused ones are made of.
#[tokio::test]
async fn every_operation_of_the_document_succeeds() {
    let (stage, mut snapshot) = (Stage::open().await, Snapshot::default());
    for operation in stage.list_operations() {
        // What one changes, another one finds as it was.
        let changed = if operation.name.starts_with("GET") { None } else { Some(Stage::open().await) };
        let on = changed.as_ref().unwrap_or(&stage);
        let asked = on.changed(on.good(&operation), find_wish(&operation.name));
        let answer = on.send(&asked).await;
        operation.check(answer.status, &answer);
        snapshot.add(&asked.line, &answer);
        assert!((200..300).contains(&answer.status), "{}: {}", operation.name, answer.show());
        if let Some(changed) = changed {
            changed.site.close().await;
        }
    }
    snapshot.check("successes.txt");
    stage.site.close().await;
}

#[tokio::test]
async fn every_operation_of_the_document_may_be_asked_too_often() {
    let stage = Stage::open().await;
    let once = HttpConfig { burst: 1, burst_without_key: 1, ..HttpConfig::default() };
    let site = Site::with(once).await;
    // The first request each is answered, and the clock stands still.
    for key in [&site.operator, ""] {
        assert!(site.ask("GET /api/v1/keys/self", key).await.status != 429);
    }
    for operation in stage.list_operations() {
        let key = if operation.value["security"].is_array() { &site.operator } else { "" };
        let answer = site.ask(&operation.name.replace(['{', '}'], ""), key).await;
        operation.check(429, &answer);
    }
    site.close().await;
    stage.site.close().await;
}

#[tokio::test]
async fn the_document_says_what_it_said_before() {
    let stage = Stage::open().await;
    Snapshot::of(format!("{:#}\n", stage.document)).check("openapi.json");
    stage.site.close().await;
}

/// Their names, what they mean, and the labels of each: dashboards and alerts are made of these.
#[tokio::test]
async fn the_metrics_are_those_that_there_were() {
    let stage = Stage::open().await;
    let call = format!("POST /api/v1/channels/{}/commands/echo", id_of("shop"));
    let body = find_body("POST /api/v1/channels/{channel}/commands/{name}");
    assert_eq!(stage.site.send(&call, &stage.site.operator, &[], body).await.status, 200);
    let text = stage.site.ask("GET /metrics", &stage.site.operator).await.body;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = if line.starts_with('#') { line.to_owned() } else { without_values(line) };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Snapshot::of(lines.join("\n") + "\n").check("metrics.txt");
    stage.site.close().await;
}

/// `name{label="value"} 1` -> `name{label}`
fn without_values(sample: &str) -> String {
    let Some((name, rest)) = sample.split_once('{') else { return sample.split(' ').next().unwrap().to_owned() };
    let names = rest.split("=\"").filter_map(|part| part.rsplit(['"', ',', '{']).next());
    let names: Vec<&str> = names.take(rest.matches("=\"").count()).collect();
    format!("{name}{{{}}}", names.join(","))
}
