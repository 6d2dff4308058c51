//! Two creators call every endpoint on each other's channels. No answer shows anything of the other creator, and
//! nothing changes. The event stream has its own tests in `events`.

use std::time::{Instant, SystemTime};

use axum::body::Body;
use serde_json::{Value, json};
use tests::guests;
use twitchy::config::HttpConfig;
use twitchy::domain::id::{InvocationId, Origin};
use twitchy::http::access::{Row, TABLE};
use twitchy::telemetry::lines::{LineLevel, LineSource};

use super::harness::{Answer, Site};
use crate::harness::{House, channel_id, header, login, patient};
use crate::sandbox::bytes;

const ANY: (&str, &str) = ("if-match", "*");
const WASM: (&str, &str) = ("content-type", "application/wasm");

/// A creator who has uploaded a module, and who has something of their own in every place that can hold it.
struct Creator {
    channel: String,
    /// Texts that no other creator may see.
    marks: [String; 2],
    key: String,
    /// The uploaded module, and the grants that it needs.
    module: &'static str,
    grants: &'static [&'static str],
}

/// An uploaded module's name, and its grants.
type Brought = (&'static str, &'static [&'static str]);

impl Creator {
    async fn settle(site: &Site, name: &str, component: &[u8], brought: Brought) -> Creator {
        let (module, grants) = brought;
        let channel = channel_id(&login(name)).to_string();
        let mark = format!("mark_{name}");
        let new = json!({ "name": mark, "scopes": [format!("channel:{channel}")] }).to_string();
        let made = site.send("POST /api/v1/keys", &site.operator, &[], &new).await.json();
        let key = made["secret"].as_str().unwrap().to_owned();
        let pushed = site.send_body("POST /api/v1/modules", &key, &[WASM], Body::from(component.to_vec())).await;
        assert_eq!(pushed.status, 201, "{}", pushed.show());
        let creator = Creator { marks: [channel.clone(), mark], channel, key, module, grants };
        creator.fill(site).await;
        creator
    }

    async fn fill(&self, site: &Site) {
        let (channel, mark, module) = (&self.channel, &self.marks[1], self.module);
        let aliases = json!({ module: { "aliases": [mark] } });
        let chatter = json!({ "id": "42", "login": mark });
        for (request, body) in [
            (
                format!("PUT /api/v1/channels/{channel}/modules/{module}"),
                json!({ "enabled": true, "grants": { "capabilities": self.grants }, "commands": aliases }),
            ),
            (format!("PATCH /api/v1/channels/{channel}"), json!({ "locale": "de" })),
            (
                format!("POST /api/v1/channels/{channel}/commands/{mark}"),
                json!({ "arguments": mark, "chatter": chatter }),
            ),
        ] {
            let done = site.send(&request, &self.key, &[ANY], &body.to_string()).await;
            assert_eq!(done.status, 200, "{request}: {}", done.show());
        }
        let source = LineSource {
            module: module.parse().unwrap(),
            version: semver::Version::new(0, 1, 0),
            channel: channel_id(&login(&mark["mark_".len()..])),
            invocation: InvocationId { origin: Origin::Chat, id: mark.as_str().into() },
            at: SystemTime::UNIX_EPOCH,
        };
        site.house.telemetry.note_lines(source, &[(LineLevel::Info, mark)], Instant::now());
    }

    fn key_id(&self) -> &str {
        &self.key[4..16]
    }

    fn is_shown_in(&self, answer: &Answer) -> bool {
        self.marks.iter().any(|mark| answer.body.contains(mark))
    }

    /// Requests of one endpoint for this creator's channel, key and module.
    fn list_requests(&self, row: &Row) -> Vec<String> {
        let path = row.path.replace("{channel}", &self.channel).replace("{id}", self.key_id());
        let path = path.replace("{version}", "0.1.0");
        let (channel, key, mark) = (&self.channel, self.key_id(), &self.marks[1]);
        let queries = [
            String::new(),
            "?limit=100".to_owned(),
            format!("?channel={channel}"),
            format!("?channel={channel}&text=true"),
            format!("?channel={channel}&limit=100&cursor=1000000"),
            format!("?limit=100&cursor={channel}"),
            format!("?cursor={key}"),
            format!("?cursor={}", self.module),
            "?cursor=1000000".to_owned(),
            "?cursor=1789992000.0".to_owned(),
            format!("?actor=key:{key}"),
            format!("?actor=claim:{key}"),
            "?actor=chatter:42".to_owned(),
            format!("?subject={mark}"),
            "?action=call-command".to_owned(),
            "?deliver=chat&dry_run=true".to_owned(),
        ];
        let names = if path.contains("{name}") { &[self.module, mark, "balance", "settings"][..] } else { &[""] };
        let paths = names.iter().map(|name| path.replace("{name}", name));
        let paths = paths.flat_map(|path| queries.iter().map(move |query| format!("{} {path}{query}", row.method)));
        paths.collect()
    }

    fn list_bodies(&self, row: &Row) -> Vec<String> {
        if ["GET", "DELETE"].contains(&row.method) {
            return vec![String::new()];
        }
        let chatter = json!({ "id": self.channel, "login": "chatter" });
        let bodies = [
            json!({ "name": "key", "scopes": [format!("channel:{}", self.channel)] }),
            json!({ "enabled": false }),
            json!({ "enabled": true, "commands": { self.module: { "aliases": ["other"] } } }),
            json!({ "prefix": "?" }),
            json!({ "to": "0.1.0" }),
            json!({ "arguments": "hi", "chatter": chatter }),
        ];
        bodies.iter().map(Value::to_string).chain([String::new()]).collect()
    }
}

/// A host with two creators.
async fn open() -> (Site, [Creator; 2]) {
    let headers = ["shop", "cafe"].map(|channel| header(channel, &[("enabled", "balance, settings, help")]));
    let house = House::open(&headers.each_ref(), patient()).await;
    let config = HttpConfig { burst: 100_000, burst_without_key: 100_000, ..HttpConfig::default() };
    let site = Site::of(house, config).await;
    let shop = Creator::settle(&site, "shop", guests::ECHO, ("echo", &[])).await;
    let cafe = Creator::settle(&site, "cafe", guests::TELLS_VERSION, ("tells-version", &["storage"])).await;
    (site, [shop, cafe])
}

/// Everything that the operator sees of the host, except when each key was last used.
async fn look(site: &Site, creators: &[Creator; 2]) -> Vec<String> {
    let mut paths: Vec<String> =
        ["channels", "keys", "modules", "audit"].map(|list| format!("{list}?limit=100")).into();
    for Creator { channel, module, .. } in creators {
        paths.extend([format!("channels/{channel}"), format!("channels/{channel}/modules?limit=100")]);
        paths.extend([module, "balance", "settings"].map(|name| format!("channels/{channel}/modules/{name}")));
        paths.extend([format!("modules/{module}"), format!("modules/{module}/versions/0.1.0")]);
    }
    let mut seen = Vec::new();
    for path in paths {
        let answer = site.ask(&format!("GET /api/v1/{path}"), &site.operator).await;
        let mut body = answer.json();
        for item in body["items"].as_array_mut().into_iter().flatten() {
            item.as_object_mut().unwrap().remove("last_used_at");
        }
        seen.push(format!("{path}: {} {body:#}", answer.status));
    }
    seen
}

#[tokio::test]
async fn no_endpoint_shows_or_changes_anything_of_the_other_channel() {
    let (site, creators) = open().await;
    let before = look(&site, &creators).await;
    let mut answered = 0;
    for (stranger, other) in [(&creators[0], &creators[1]), (&creators[1], &creators[0])] {
        for row in TABLE {
            for (request, body) in other.list_requests(row).iter().flat_map(|request| {
                let bodies = other.list_bodies(row);
                bodies.into_iter().map(move |body| (request, body))
            }) {
                let answer = site.send(request, &stranger.key, &[ANY], &body).await;
                let told = || format!("{request} with {body}: {}", answer.show());
                assert!(answer.status < 500 && answer.status != 429, "{}", told());
                if row.path.contains("{channel}") {
                    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{}", told());
                }
                if answer.status < 300 {
                    assert!(!other.is_shown_in(&answer), "{}", told());
                    assert_eq!(row.method, "GET", "{}", told());
                }
                answered += usize::from(answer.status < 300);
            }
        }
    }
    assert!(answered > 100, "the doors that are open were tried, too: {answered}");
    let after = look(&site, &creators).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    // The marks are visible to their owners, so the check above can fail.
    for creator in &creators {
        for path in ["audit", &format!("modules/{}/logs", creator.module), "keys/self"] {
            let answer = site.ask(&format!("GET /api/v1/{path}"), &creator.key).await;
            assert!(creator.is_shown_in(&answer), "{path}: {}", answer.show());
        }
    }
    site.close().await;
}

#[tokio::test]
async fn nobody_adds_a_version_to_the_module_of_another() {
    let (site, creators) = open().await;
    let before = look(&site, &creators).await;
    let newer = bytes::replaced(guests::ECHO, b"0.1.0a guest", b"9.0.0a guest");
    for component in [guests::ECHO.to_vec(), newer] {
        let pushed = site.send_body("POST /api/v1/modules", &creators[1].key, &[WASM], Body::from(component)).await;
        assert_eq!((pushed.status, pushed.code().as_str()), (409, "name_taken"));
        assert!(!creators[0].is_shown_in(&pushed), "{}", pushed.show());
    }
    assert_eq!(look(&site, &creators).await, before);
    site.close().await;
}

#[tokio::test]
async fn the_same_idempotency_key_is_another_one_in_another_hand() {
    let (site, creators) = open().await;
    for creator in &creators {
        let request = format!("POST /api/v1/channels/{}/commands/balance", creator.channel);
        let body = json!({ "chatter": { "id": "42", "login": creator.marks[1] } }).to_string();
        let answer = site.send(&request, &creator.key, &[("idempotency-key", "one")], &body).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, ""), "{}", answer.show());
        assert_eq!(answer.json()["outcome"], "answered");
        let others = creators.iter().filter(|other| other.channel != creator.channel);
        others.for_each(|other| assert!(!other.is_shown_in(&answer), "{}", answer.show()));
    }
    site.close().await;
}

#[tokio::test]
async fn the_broadcaster_of_another_channel_is_everyone_here() {
    let (site, creators) = open().await;
    let [shop, cafe] = &creators;
    let patch = json!({ "commands": { "balance": { "role": "subscriber" } } }).to_string();
    let patched = site.send(&format!("PATCH /api/v1/channels/{}", shop.channel), &shop.key, &[ANY], &patch).await;
    assert_eq!(patched.status, 200, "{}", patched.show());
    for (broadcaster, status) in [(cafe, 403), (shop, 200)] {
        let body = json!({ "chatter": { "id": broadcaster.channel, "login": "somebody" } }).to_string();
        let request = format!("POST /api/v1/channels/{}/commands/balance", shop.channel);
        let answer = site.send(&request, &shop.key, &[], &body).await;
        assert_eq!(answer.status, status, "{}", answer.show());
    }
    site.close().await;
}
