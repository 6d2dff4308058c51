//! The event stream, over real sockets.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tower::ServiceExt;
use twitchy::config::HttpConfig;
use twitchy::domain::id::ChannelId;
use twitchy::domain::report::Transition;
use twitchy::domain::role::Role;
use twitchy::http::serve;
use twitchy::http::server::address::Peer;
use twitchy::telemetry::HostEvent;

use super::harness::Site;
use crate::harness::{channel_id, login, message};

struct Served {
    site: Site,
    address: std::net::SocketAddr,
    serving: JoinHandle<()>,
}

impl Served {
    async fn open() -> Served {
        let site = Site::open().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = serve(listener, site.router.clone(), HttpConfig::default(), site.stop.clone());
        Served { address, serving: tokio::spawn(serving), site }
    }

    /// Opens an event stream; returns once the host has subscribed the caller.
    async fn listen(&self, query: &str, key: &str) -> Ear {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
             Last-Event-ID: 7\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut ear = Ear { lines: BufReader::new(stream) };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(ear.lines.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        for header in ["content-type: text/event-stream\r\n", "x-accel-buffering: no\r\n", "transfer-encoding: chunked"]
        {
            assert!(head.contains(header), "{head}");
        }
        ear
    }

    fn note_module(&self, channel: Option<u64>, change: Transition) {
        let channel = channel.map(ChannelId);
        let (module, version) = ("dice".parse().unwrap(), semver::Version::new(1, 0, 0));
        self.site.house.telemetry.note(HostEvent::Module { module, version, channel, change });
    }

    fn note_connection(&self, state: &'static str) {
        self.site.house.telemetry.note(HostEvent::Connection { account: "mybot".into(), state });
    }

    async fn close(self) {
        self.site.stop.cancel();
        self.serving.await.unwrap();
        self.site.close().await;
    }
}

/// The client's end of an event stream.
struct Ear {
    lines: BufReader<TcpStream>,
}

impl Ear {
    /// The next event: its name, its id and its data.
    async fn next(&mut self) -> (String, String, Value) {
        let (mut name, mut id, mut data) = (String::new(), String::new(), Value::Null);
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).await.unwrap(), 0, "the events have ended");
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
                // The line is a chunk's length, a chunk's end or the end of an event.
                _ if line.trim_end().is_empty() && !name.is_empty() => return (name, id, data),
                _ => {}
            }
        }
    }

    /// The field `change` of the next event, or its `state`.
    async fn next_change(&mut self) -> String {
        let (_, _, data) = self.next().await;
        data["change"].as_str().or(data["state"].as_str()).unwrap().to_owned()
    }

    /// The last chunk of a stream that sent no event.
    async fn body(mut self) -> String {
        let mut end = [0; 5];
        self.lines.read_exact(&mut end).await.unwrap();
        String::from_utf8_lossy(&end).into_owned()
    }

    /// Reads until the host ends the stream.
    async fn rest(mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

#[tokio::test]
async fn a_call_is_told_with_its_outcome_and_what_was_typed_only_to_whoever_asked_and_may() {
    let served = Served::open().await;
    let shop = channel_id(&login("shop"));
    let new = format!(r#"{{"name": "shop", "scopes": ["channel:{shop}"]}}"#);
    let made = served.site.send("POST /api/v1/keys", &served.site.operator, &[], &new).await.json();
    let key = made["secret"].as_str().unwrap();
    let mut with_text = served.listen(&format!("?channel={shop}&text=true"), key).await;
    let mut without = served.listen("", key).await;
    let mut operator = served.listen("", &served.site.operator).await;
    served.site.house.hear(message("shop", Role::Everyone, "alice", 1, "!balance confidential")).await;

    let (name, id, data) = with_text.next().await;
    let text = serde_json::json!({
        "channel": shop.to_string(), "invocation": "chat:message-1", "text": "balance confidential"
    });
    assert_eq!((name.as_str(), id.as_str(), data), ("text", "1", text));
    let (name, id, mut data) = with_text.next().await;
    for measured in ["duration", "processor", "memory"] {
        assert!(data.as_object_mut().unwrap().remove(measured).unwrap().is_number(), "{measured}");
    }
    let expected = serde_json::json!({
        "at": "2026-09-21T12:00:00Z", "invocation": "chat:message-1", "channel": shop.to_string(),
        "chatter": crate::harness::chatter_id(&login("alice")).to_string(), "module": "balance",
        "version": served_version(&served), "command": "balance", "outcome": data["outcome"].as_str().unwrap(),
        "blame": "none", "dry_run": false, "replies": 1, "runs": 1,
    });
    assert_eq!((name.as_str(), id.as_str(), data), ("invocation", "2", expected));
    for ear in [&mut without, &mut operator] {
        let (name, id, data) = ear.next().await;
        assert_eq!((name.as_str(), id.as_str()), ("invocation", "1"));
        assert!(!data.to_string().contains("confidential"), "{data}");
    }
    served.close().await;
}

/// Without the flag, a dry run would look like a call that changed something.
#[tokio::test]
async fn a_dry_run_is_told_as_one() {
    let served = Served::open().await;
    let mut ear = served.listen("", &served.site.operator).await;
    let path = format!("POST /api/v1/channels/{}/commands/help", channel_id(&login("shop")));
    let body = r#"{"chatter": {"id": "42", "login": "dora"}}"#;
    for (query, is_dry_run) in [("?dry_run=true", true), ("", false)] {
        let called = served.site.send(&format!("{path}{query}"), &served.site.operator, &[], body).await;
        assert_eq!(called.status, 200, "{}", called.show());
        let (name, _, data) = ear.next().await;
        assert_eq!((name.as_str(), &data["dry_run"]), ("invocation", &is_dry_run.into()), "{data}");
    }
    served.close().await;
}

fn served_version(served: &Served) -> String {
    let catalogue = served.site.house.setup.catalogue();
    catalogue.find(&"balance".parse().unwrap()).unwrap().latest().unwrap().version.to_string()
}

#[tokio::test]
async fn a_channels_key_hears_of_its_channel_alone() {
    let served = Served::open().await;
    let mut own = served.listen("", &served.site.own).await;
    let mut other = served.listen("?kind=module,connection", &served.site.other).await;
    let mut operator = served.listen("", &served.site.operator).await;
    let mut one_channel = served.listen("?channel=200", &served.site.operator).await;
    let mut connections = served.listen("?kind=connection", &served.site.operator).await;
    served.note_module(None, Transition::Uploaded);
    served.note_connection("online");
    served.note_module(Some(100), Transition::Blown);
    served.note_module(Some(200), Transition::Restored);
    served.note_module(Some(100), Transition::Restored);
    assert_eq!([own.next_change().await, own.next_change().await], ["blown", "restored"]);
    assert_eq!(other.next_change().await, "restored");
    assert_eq!(one_channel.next_change().await, "restored");
    assert_eq!(connections.next_change().await, "online");
    for change in ["uploaded", "online", "blown", "restored", "restored"] {
        assert_eq!(operator.next_change().await, change);
    }
    served.close().await;
}

#[tokio::test]
async fn what_may_not_be_heard_is_refused() {
    let site = Site::open().await;
    for (query, key, refusal) in [
        ("?channel=200", &site.own, "403 forbidden"),
        ("?channel=200&text=true", &site.own, "403 forbidden"),
        ("?text=true", &site.own, "400 invalid_query"),
        ("?text=true", &site.operator, "400 invalid_query"),
        ("?text=yes", &site.operator, "400 invalid_query"),
        ("?kind=module,text", &site.operator, "400 invalid_query"),
        ("?channel=shop", &site.operator, "400 invalid_query"),
    ] {
        let answer = site.ask(&format!("GET /api/v1/events{query}"), key).await;
        assert_eq!(format!("{} {}", answer.status, answer.code()), refusal, "{query}");
    }
    site.close().await;
}

#[tokio::test]
async fn one_key_has_so_many_listeners_and_takes_none_from_others() {
    let served = Served::open().await;
    let mut ears = Vec::new();
    for _ in 0..4 {
        ears.push(served.listen("", &served.site.own).await);
    }
    let answer = served.site.ask("GET /api/v1/events", &served.site.own).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_listeners"));
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(served.site.ask("GET /api/v1/events", &served.site.other).await.status, 200);
    served.close().await;
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_how_much_was_missed() {
    let served = Served::open().await;
    let mut ear = served.listen("", &served.site.own).await;
    // The events come at once, before the host can send any of them.
    for _ in 0..1_500 {
        served.note_module(Some(100), Transition::Blown);
    }
    let (name, _, data) = ear.next().await;
    assert_eq!((name.as_str(), data), ("missed", serde_json::json!({"count": 1_500 - 1_024})));
    assert_eq!(ear.next_change().await, "blown");
    served.close().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_hears_nothing_any_more() {
    let served = Served::open().await;
    let ear = served.listen("", &served.site.own).await;
    let id = &served.site.own[4..16];
    let revoked = served.site.ask(&format!("DELETE /api/v1/keys/{id}"), &served.site.operator).await;
    assert_eq!(revoked.status, 200);
    served.site.house.clock.advance(Duration::from_secs(1));
    served.note_module(Some(100), Transition::Blown);
    assert_eq!(ear.body().await, "0\r\n\r\n", "the answer ends, and the connection is kept for the next request");
    served.close().await;
}

#[tokio::test]
async fn listening_ends_with_the_host() {
    let served = Served::open().await;
    let ear = served.listen("", &served.site.operator).await;
    served.close().await;
    assert_eq!(ear.rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_quiet_listeners_answer_ends_with_its_key_too() {
    let site = Site::open().await;
    let heard = listen(&site, &site.own).await;
    site.ask(&format!("DELETE /api/v1/keys/{}", &site.own[4..16]), &site.operator).await;
    site.house.clock.advance(Duration::from_secs(10));
    tokio::time::pause();
    let said = heard.into_body().collect().await.unwrap().to_bytes();
    assert!(said.is_empty(), "{said:?}");
    site.close().await;
}

#[tokio::test]
async fn however_many_creators_listen_there_is_a_place_for_the_operator() {
    let site = Site::open().await;
    let mut ears = Vec::new();
    for number in 0..17 {
        let key = site.make_key(&format!("channel:{}", 1000 + number), None).await;
        for _ in 0..4 {
            ears.push(listen(&site, &key).await);
        }
    }
    let statuses: Vec<u16> = ears.iter().map(|ear| ear.status().as_u16()).collect();
    assert_eq!((statuses.iter().filter(|status| **status == 200).count(), statuses[67]), (64, 429));
    assert_eq!(listen(&site, &site.operator).await.status(), 200);
    site.close().await;
}

#[tokio::test]
async fn events_are_written_as_they_always_were() {
    let site = Site::open().await;
    let heard = listen(&site, &site.operator).await;
    let (module, version) = ("dice".parse().unwrap(), semver::Version::new(1, 0, 0));
    let blown = HostEvent::Module { module, version, channel: Some(ChannelId(100)), change: Transition::Blown };
    let telemetry = &site.house.telemetry;
    telemetry.note(blown);
    telemetry.note(HostEvent::Connection { account: "mybot".into(), state: "online" });
    let mut frames = heard.into_body().into_data_stream();
    let mut said = String::new();
    for _ in 0..2 {
        said += std::str::from_utf8(&frames.next().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(
        said,
        "id: 1\nevent: module\ndata: {\"at\":\"2026-09-21T12:00:00Z\",\"module\":\"dice\",\"version\":\"1.0.0\",\
         \"channel\":\"100\",\"change\":\"blown\"}\n\n\
         id: 2\nevent: connection\ndata: {\"at\":\"2026-09-21T12:00:00Z\",\"account\":\"mybot\",\"state\":\"online\"}\n\n"
    );
    site.close().await;
}

/// Opens an event stream in memory, and reads nothing of the answer.
async fn listen(site: &Site, key: &str) -> axum::response::Response {
    let request = axum::http::Request::get("/api/v1/events").header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {key}"));
    let mut request = request.body(axum::body::Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(([192, 0, 2, 1], 5000).into()));
    site.router.clone().oneshot(request).await.unwrap()
}
