//! Commands called over HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use twitchy::chat::worker::run_dispatch;
use twitchy::config::HttpConfig;
use twitchy::domain::message::{Event, KnownChatter, OutgoingMessage, Reply};
use twitchy::domain::ports::Clock;
use twitchy::domain::role::Role;
use twitchy::telemetry::{HostEvent, listening};
use twitchy::transcript::Heard;

use super::channels::shop;
use super::harness::{Answer, Site};
use crate::harness::bots::bot;
use crate::harness::{House, channel_id, chatter_id, header, login, message, patient};

struct Counter {
    site: Site,
    own: String,
}

/// A body that claims `name` as the chatter of the call, with these arguments.
fn by(name: &str, arguments: &Value) -> Value {
    json!({ "arguments": arguments, "chatter": { "id": chatter_id(&login(name)).to_string(), "login": name } })
}

impl Counter {
    async fn open(guests: &[&str]) -> Counter {
        let site = Site::of(House::with_guests(guests).await, HttpConfig::default()).await;
        let own = site.make_key(&format!("channel:{}", channel_id(&login("shop"))), None).await;
        Counter { site, own }
    }

    async fn call(&self, command: &str, body: &Value) -> Answer {
        self.call_with(&self.own, command, &[], body).await
    }

    async fn call_with(&self, key: &str, command: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.site.send(&format!("POST {}/commands/{command}", shop()), key, headers, &body.to_string()).await
    }

    async fn hear(&self, role: Role, name: &str, id: usize, text: &str) -> Heard {
        self.site.house.hear(message("shop", role, name, id, text)).await
    }

    async fn close(self) {
        self.site.close().await;
    }
}

#[tokio::test]
async fn a_dry_run_that_is_misspelt_is_not_a_real_one() {
    let counter = Counter::open(&["counter"]).await;
    for query in ["dryrun=true", "dry-run=true", "dry_run=1", "dry_run", "DRY_RUN=true", "dry_run=true&deliver=tv"] {
        let request = format!("POST {}/commands/count?{query}", shop());
        let answer = counter.site.send(&request, &counter.own, &[], &by("alice", &json!("")).to_string()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_query"), "{query}");
    }
    counter.close().await;
}

#[tokio::test]
async fn a_chatters_id_may_be_left_out_where_the_host_knows_it() {
    let counter = Counter::open(&["echo"]).await;
    let without_id = |name: &str| json!({ "arguments": ["hello"], "chatter": { "login": name } });
    assert_eq!(counter.call("echo", &without_id("shop")).await.status, 200);
    let unseen = counter.call("echo", &without_id("zoe")).await;
    assert_eq!((unseen.status, unseen.code().as_str()), (422, "invalid_values"));
    assert!(unseen.body.contains("nobody was seen in this channel under this login"), "{}", unseen.body);
    let zoe = KnownChatter { id: chatter_id(&login("zoe")), login: login("zoe"), display_name: "Zoe".into() };
    let (store, now) = (&counter.site.house.store, counter.site.house.clock.now().wall);
    store.save_seen(channel_id(&login("shop")), vec![zoe], now).await.unwrap();
    let answer = counter.call("echo", &without_id("zoe")).await;
    assert_eq!(answer.json()["replies"][0]["text"], "hello", "{}", answer.body);
    // A wrong login is reported once, not for the missing id as well.
    let wrong = counter.call("echo", &without_id("z o e")).await;
    assert!(wrong.body.contains("chatter.login") && !wrong.body.contains("chatter.id"), "{}", wrong.body);
    counter.close().await;
}

#[tokio::test]
async fn a_mistyped_command_is_answered_with_the_one_that_was_meant() {
    let counter = Counter::open(&["echo"]).await;
    for (typed, meant) in [("ehco", Some("echo")), ("BALANCES", Some("balance")), ("nothing-like-it", None)] {
        let answer = counter.call(typed, &by("alice", &json!([]))).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_command"), "{typed}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        match meant {
            Some(meant) => assert!(detail.ends_with(&format!("Did you mean {meant}?")), "{detail}"),
            None => assert!(!detail.contains("mean"), "{detail}"),
        }
    }
    counter.close().await;
}

#[tokio::test]
async fn a_command_is_answered_noted_and_takes_its_cooldown() {
    let counter = Counter::open(&[]).await;
    let answer =
        counter.call_with(&counter.own, "balance", &[("idempotency-key", "k1")], &by("alice", &json!([]))).await;
    let (id, first) = (&counter.own[4..16], answer.body.clone());
    answer.check_without(
        "invocation_id",
        r#"200 application/json
        {
          "duration": "0.000s",
          "outcome": "answered",
          "replies": [
            {
              "kind": "answer",
              "text": "you have 0 points"
            }
          ]
        }"#,
    );
    let again =
        counter.call_with(&counter.own, "balance", &[("idempotency-key", "k1")], &by("alice", &json!([]))).await;
    assert_eq!((again.body.as_str(), again.header("idempotency-replayed")), (first.as_str(), "true"));
    let soon = counter.call("points", &by("alice", &json!(""))).await;
    soon.check(
        r#"429 application/problem+json
        {
          "code": "cooldown",
          "detail": "The command's cooldown ends in 3 s.",
          "status": 429,
          "title": "Too Many Requests",
          "type": "urn:twitchy:problem:cooldown"
        }"#,
    );
    assert_eq!(soon.header("retry-after"), "3");
    let audit = counter.site.ask("GET /api/v1/audit?action=call-command", &counter.own).await.json();
    let alice = chatter_id(&login("alice")).to_string();
    let actor = json!({ "kind": "claim", "key": id, "key_name": "made", "chatter": alice, "login": "alice" });
    let lines = audit["items"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{audit}");
    assert_eq!(
        (&lines[0]["actor"], &lines[0]["subject"], &lines[0]["after"]),
        (&actor, &json!("balance"), &json!("answered"))
    );
    assert_eq!(lines[0]["address"], "192.0.2.1");
    counter.close().await;
}

#[tokio::test]
async fn a_claimed_chatter_is_everyone_but_for_the_broadcaster_and_what_the_key_says() {
    let counter = Counter::open(&[]).await;
    let mute = json!(["mute", "1m"]);
    let refused = counter.call("settings", &by("alice", &mute)).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "role_too_low"));
    let scope = format!("channel:{}", channel_id(&login("shop")));
    let trusted = counter.site.make_key(&scope, Some("moderator")).await;
    let let_in = counter.call_with(&trusted, "settings", &[], &by("alice", &mute)).await.json();
    assert_eq!(
        (&let_in["outcome"], &let_in["replies"][0]["text"]),
        (&json!("refused"), &json!("you can't change that here: only the broadcaster can"))
    );
    let broadcaster = counter.call("settings", &by("shop", &mute)).await.json();
    assert_eq!(broadcaster["outcome"], "answered", "{broadcaster}");
    let muted = counter.call("balance", &by("alice", &json!([]))).await;
    assert_eq!((muted.status, muted.code().as_str()), (409, "muted"));
    let audit = counter.site.ask("GET /api/v1/audit?actor=claim&action=mute", &counter.own).await.json();
    let line = &audit["items"][0];
    assert_eq!((&line["actor"]["login"], &line["address"]), (&json!("shop"), &json!("192.0.2.1")), "{audit}");
    counter.close().await;
}

#[tokio::test]
async fn no_money_is_spent_for_a_claim() {
    let counter = Counter::open(&["transfers"]).await;
    let (shop, alice) = (channel_id(&login("shop")), chatter_id(&login("alice")));
    counter.site.house.store.seed_balance(shop, alice, "100".parse().unwrap()).await.unwrap();
    for key in [&counter.own, &counter.site.operator] {
        let refused = counter.call_with(key, "charge", &[], &by("alice", &json!("5"))).await.json();
        let told = "only the chatter may ask for this: in chat, or logged in as themselves";
        assert_eq!((&refused["outcome"], &refused["replies"][0]["text"]), (&json!("refused"), &json!(told)));
    }
    let left = Heard::Replies(vec!["@alice left: 95".to_owned()]);
    assert_eq!(counter.hear(Role::Everyone, "alice", 1, "!charge 5").await, left);
    counter.close().await;
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let counter = Counter::open(&["counter"]).await;
    for _ in 0..2 {
        counter.call("count?dry_run=true&deliver=chat", &by("alice", &json!([]))).await.check_without(
            "invocation_id",
            r#"200 application/json
            {
              "changes": [
                {
                  "data": {
                    "bytes": 1,
                    "key": "count",
                    "module": "counter",
                    "value": "1"
                  },
                  "kind": "save-entry",
                  "text": "writes 1 byte to count"
                }
              ],
              "delivered": 0,
              "duration": "0.000s",
              "outcome": "answered",
              "replies": [
                {
                  "kind": "answer",
                  "text": "count is 1"
                }
              ]
            }"#,
        );
    }
    assert_eq!(
        counter.hear(Role::Everyone, "bob", 1, "!count-get").await,
        Heard::Replies(vec!["@bob count is 0".to_owned()])
    );
    let audit = counter.site.ask("GET /api/v1/audit?action=call-command", &counter.own).await.json();
    assert_eq!(audit["items"], json!([]));
    let mute = counter.call("settings?dry_run=true", &by("shop", &json!(["mute", "1m"]))).await.json();
    let change = json!([{
        "kind": "mute", "text": "is silent until 2026-09-21T12:01:00Z", "data": { "until": "2026-09-21T12:01:00Z" },
    }]);
    assert_eq!(mute["changes"], change);
    counter.close().await;
}

#[tokio::test]
async fn a_repeated_call_is_made_once_and_the_answer_names_it() {
    let counter = Counter::open(&["counter"]).await;
    let count = async |key: &str, body: &Value| {
        let answer = counter.call_with(&counter.own, "count", &[("idempotency-key", key)], body).await;
        (answer.status, answer.code(), answer.json()["replies"][0]["text"].as_str().unwrap_or_default().to_owned())
    };
    let (alice, bob) = (by("alice", &json!([])), by("bob", &json!([])));
    let one = (200, String::new(), "count is 1".to_owned());
    assert_eq!(count("a", &alice).await, one);
    assert_eq!(count("a", &alice).await, one);
    assert_eq!(count("a", &bob).await.1, "idempotency_key_reused");
    assert_eq!(count("b", &bob).await.2, "count is 2");
    let other = counter.call_with(&counter.site.operator, "count", &[("idempotency-key", "a")], &alice).await.json();
    assert_eq!(other["replies"][0]["text"], "count is 3", "another key's ids are its own");
    assert_eq!(counter.call("count", &alice).await.json()["replies"][0]["text"], "count is 4");
    counter.close().await;
}

#[tokio::test]
async fn what_cannot_be_called_is_told_why() {
    let counter = Counter::open(&["traps", "loops-forever"]).await;
    let alice = |arguments: Value| by("alice", &arguments);
    let code = async |command: &str, body: Value| {
        let answer = counter.call(command, &body).await;
        format!("{} {}", answer.status, answer.code())
    };
    assert_eq!(code("nothing", alice(json!([]))).await, "404 unknown_command");
    assert_eq!(code("balance", alice(json!("x".repeat(501)))).await, "422 arguments_too_long");
    assert_eq!(code("balance", alice(json!(1))).await, "400 invalid_body");
    assert_eq!(code("balance", json!({ "arguments": "" })).await, "400 invalid_body");
    assert_eq!(code("balance?deliver=mail", alice(json!([]))).await, "400 invalid_query");
    assert_eq!(code("balance?dry_run=perhaps", alice(json!([]))).await, "400 invalid_query");
    let nobody = json!({ "chatter": { "id": "007", "login": "a b", "display_name": "" } });
    let answer = counter.call("balance", &nobody).await;
    let fields: Vec<_> = answer.json()["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!(
        (answer.status, fields),
        (422, vec![json!("chatter.id"), json!("chatter.login"), json!("chatter.display_name")])
    );
    counter.site.house.clock.step_processor(patient().cpu_budget);
    let broken = counter.call("loops-forever", &alice(json!([]))).await;
    counter.site.house.clock.stop_processor();
    broken.check(
        r#"502 application/problem+json
        {
          "code": "module_broke",
          "detail": "Nothing was changed: the module used up its processor time. The module's own log says more.",
          "status": 502,
          "title": "Bad Gateway",
          "type": "urn:twitchy:problem:module_broke"
        }"#,
    );
    assert_eq!(code("traps", alice(json!([]))).await, "502 module_broke");
    let audit = counter.site.ask("GET /api/v1/audit?action=call-command", &counter.own).await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 2, "only what was called is noted: {audit}");
    assert_eq!(code("traps", alice(json!([]))).await, "502 module_broke");
    let ignored = counter.call("traps", &alice(json!([]))).await;
    assert_eq!(
        (ignored.status, ignored.code().as_str(), ignored.header("retry-after")),
        (429, "chatter_ignored", "600")
    );
    let elsewhere = "POST /api/v1/channels/100/commands/balance";
    let answer = counter.site.send(elsewhere, &counter.site.own, &[], &alice(json!([])).to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_channel"));
    let answer = counter.call_with(&counter.site.other, "balance", &[], &alice(json!([]))).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    counter.close().await;
}

#[tokio::test]
async fn a_module_that_broke_too_often_is_shown_as_off_and_restored_by_enabling_it() {
    let house = House::open(&[&header("shop", &[("configured", "traps")])], patient()).await;
    let site = Site::of(house, HttpConfig::default()).await;
    let own = site.make_key(&format!("channel:{}", channel_id(&login("shop"))), None).await;
    let counter = Counter { site, own };
    let path = format!("{}/modules/traps", shop());
    for name in ["alice", "bob", "carol", "dan", "erin"] {
        assert_eq!(counter.call("traps", &by(name, &json!([]))).await.status, 502);
    }
    assert_eq!(counter.call("traps", &by("frank", &json!([]))).await.code(), "unknown_command");
    let off = counter.site.ask(&format!("GET {path}"), &counter.own).await.json();
    assert_eq!(
        (&off["enabled"], &off["running"], &off["blown"]["times"]),
        (&json!(true), &json!(false), &json!(1)),
        "{off}"
    );
    let (any, on) = ([("if-match", "*")], json!({ "enabled": true }).to_string());
    let restored = counter.site.send(&format!("PUT {path}"), &counter.own, &any, &on).await.json();
    assert_eq!((&restored["running"], &restored["blown"]), (&json!(true), &json!(null)), "{restored}");
    assert_eq!(counter.call("traps", &by("frank", &json!([]))).await.status, 502);
    let audit = counter.site.ask("GET /api/v1/audit?subject=traps&actor=host", &counter.own).await.json();
    assert_eq!(audit["items"][0]["action"], "blow-fuse", "{audit}");
    counter.close().await;
}

#[tokio::test]
async fn replies_are_said_in_the_channel_where_the_caller_wants_it() {
    let counter = Counter::open(&["counter"]).await;
    let (events, taken) = mpsc::channel::<Event>(16);
    let (outgoing, mut outbox) = mpsc::channel::<OutgoingMessage>(16);
    let shutdown = CancellationToken::new();
    let outboxes = Arc::new(HashMap::from([(bot("twitchy").id.unwrap(), outgoing)]));
    let dispatch = counter.site.house.dispatch.clone();
    let task = tokio::spawn(run_dispatch(dispatch, taken, outboxes, |_| async {}, shutdown.clone()));
    // The worker loop has its outboxes once one message has passed through it.
    let first = message("shop", Role::Moderator, "carol", 1, "!count-get");
    events.send(Event::Message(Box::new(first))).await.unwrap();
    assert!(outbox.recv().await.is_some());
    let once: &[(&str, &str)] = &[("idempotency-key", "k")];
    for _ in 0..2 {
        let said = counter.call_with(&counter.own, "count?deliver=chat", once, &by("alice", &json!([]))).await.json();
        assert_eq!(said["delivered"], 1);
    }
    assert_eq!(counter.call("count", &by("alice", &json!([]))).await.json()["delivered"], json!(null));
    shutdown.cancel();
    task.await.unwrap();
    let mut sent = Vec::new();
    while let Some(message) = outbox.recv().await {
        sent.push(message.reply);
    }
    assert_eq!(sent, [Reply::Say("@alice count is 1".to_owned())]);
    counter.close().await;
}

/// The id in an answer is the id of the call in events and logs.
#[tokio::test]
async fn an_answer_names_its_call_as_events_and_logs_do() {
    let counter = Counter::open(&["counts-slowly"]).await;
    let mut heard = counter.site.house.telemetry.listen();
    for headers in [&[][..], &[("idempotency-key", "order/7?")][..]] {
        let answer = counter.call_with(&counter.own, "counts-slowly", headers, &by("alice", &json!([]))).await.json();
        let named = answer["invocation_id"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let id = named.strip_prefix("http:").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{answer}");
        assert!(!named.contains(&counter.own[4..16]), "{answer}");
        let Some(listening::Received::Event(event)) = heard.next().await else { panic!("no call is told") };
        assert!(matches!(&*event, HostEvent::Invocation(report) if report.id.to_string() == named), "{event:?}");
        let logs = counter.site.ask("GET /api/v1/modules/counts-slowly/logs", &counter.own).await.json();
        assert_eq!(logs["items"].as_array().unwrap().last().unwrap()["invocation"], named, "{logs}");
    }
    counter.close().await;
}
