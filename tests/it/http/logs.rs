//! Modules' logs, as read by the operator and by channels' keys.

use std::time::{Instant, SystemTime};

use twitchy::domain::id::{ChannelId, InvocationId, Origin};
use twitchy::telemetry::lines::{LineLevel, LineSource};

use super::harness::Site;

const LOGS: &str = "GET /api/v1/modules/balance/logs";

/// Adds log lines as if the module had written them in a call in the channel.
fn log(site: &Site, channel: u64, lines: &[(LineLevel, &str)]) {
    let source = LineSource {
        module: "balance".parse().unwrap(),
        version: semver::Version::new(1, 2, 3),
        channel: ChannelId(channel),
        invocation: InvocationId { origin: Origin::Chat, id: "message-1".into() },
        at: SystemTime::UNIX_EPOCH,
    };
    site.house.telemetry.note_lines(source, lines, Instant::now());
}

async fn texts(site: &Site, request: &str, key: &str) -> Vec<String> {
    let answer = site.ask(request, key).await;
    let items = answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.show())).clone();
    items.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_line_is_shown_with_its_call() {
    let site = Site::open().await;
    log(&site, 100, &[(LineLevel::Warn, "low on coins")]);
    site.ask(LOGS, &site.own).await.check(
        r#"200 application/json
        {
          "items": [
            {
              "at": "1970-01-01T00:00:00Z",
              "channel": "100",
              "invocation": "chat:message-1",
              "level": "warn",
              "text": "low on coins",
              "version": "1.2.3"
            }
          ],
          "later_cursor": "1789992000.1"
        }"#,
    );
    site.close().await;
}

#[tokio::test]
async fn a_channels_key_reads_what_was_logged_there_and_nowhere_else() {
    let site = Site::open().await;
    for (channel, text) in [(100, "own"), (200, "other"), (300, "third")] {
        log(&site, channel, &[(LineLevel::Info, text)]);
    }
    assert_eq!(texts(&site, LOGS, &site.operator).await, ["own", "other", "third"]);
    assert_eq!(texts(&site, LOGS, &site.own).await, ["own"]);
    assert_eq!(texts(&site, LOGS, &site.other).await, ["other"]);
    let of = |channel: &str| format!("{LOGS}?channel={channel}");
    assert_eq!(texts(&site, &of("300"), &site.operator).await, ["third"]);
    assert_eq!(texts(&site, &of("100"), &site.own).await, ["own"]);
    let answer = site.ask(&of("200"), &site.own).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    let new = r#"{"name": "two", "scopes": ["channel:100", "channel:300"]}"#;
    let made = site.send("POST /api/v1/keys", &site.operator, &[], new).await.json();
    assert_eq!(texts(&site, LOGS, made["secret"].as_str().unwrap()).await, ["own", "third"]);
    site.close().await;
}

#[tokio::test]
async fn lines_are_read_page_by_page_and_on_from_where_one_was() {
    let site = Site::open().await;
    log(&site, 100, &["a", "b", "c"].map(|text| (LineLevel::Info, text)));
    let first = site.ask(&format!("{LOGS}?limit=2"), &site.own).await.json();
    assert_eq!(first["next_cursor"], first["later_cursor"]);
    let next = format!("{LOGS}?cursor={}", first["next_cursor"].as_str().unwrap());
    let last = site.ask(&next, &site.own).await.json();
    assert_eq!((&last["items"][0]["text"], &last["next_cursor"]), (&"c".into(), &serde_json::Value::Null));
    let later = format!("{LOGS}?cursor={}", last["later_cursor"].as_str().unwrap());
    assert_eq!(texts(&site, &later, &site.own).await, [""; 0]);
    log(&site, 100, &[(LineLevel::Info, "d")]);
    assert_eq!(texts(&site, &later, &site.own).await, ["d"]);
    // The cursor is of an earlier process, whose lines are gone: reading starts from the beginning.
    assert_eq!(texts(&site, &format!("{LOGS}?cursor=5.3"), &site.own).await, ["a", "b", "c", "d"]);
    site.close().await;
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let site = Site::open().await;
    for (request, refusal) in [
        ("GET /api/v1/modules/nothing/logs", "404 not_found"),
        ("GET /api/v1/modules/Balance!/logs", "400 invalid_path"),
        ("GET /api/v1/modules/balance/logs?channel=shop", "400 invalid_query"),
        ("GET /api/v1/modules/balance/logs?cursor=7", "400 invalid_query"),
        ("GET /api/v1/modules/balance/logs?limit=0", "400 invalid_query"),
    ] {
        let answer = site.ask(request, &site.operator).await;
        assert_eq!(format!("{} {}", answer.status, answer.code()), refusal, "{request}");
    }
    site.close().await;
}

#[tokio::test]
async fn the_document_knows_each_parameter_once() {
    let site = Site::open().await;
    let document = site.ask("GET /api/v1/openapi.json", "").await.json();
    for (path, expected) in [
        ("/api/v1/modules/{name}/logs", &["name path", "channel query", "limit query", "cursor query"][..]),
        ("/api/v1/events", &["channel query", "kind query", "text query"]),
    ] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let text = |parameter: &serde_json::Value, key: &str| parameter[key].as_str().unwrap().to_owned();
        let mut found: Vec<_> = parameters.iter().map(|one| text(one, "name") + " " + &text(one, "in")).collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{path}");
    }
    site.close().await;
}
