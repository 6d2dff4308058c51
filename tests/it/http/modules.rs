//! Modules over HTTP: uploads, listings and refusals.

use axum::body::Body;
use tests::guests;
use twitchy::domain::manifest::SizeClass;
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::Upload;

use super::harness::{Answer, Site};
use crate::harness::{MODULES, find_bundled};
use crate::sandbox::bytes;
use crate::sandbox::fixture::UPLOADER;

mod change;
mod hostile;

const PUSH: &str = "POST /api/v1/modules";
const COUNTER: &str = r#"201 application/json
{
  "bytes": 0,
  "capabilities": [
    {
      "granted_by": "nobody",
      "name": "log",
      "needs_grant": false
    },
    {
      "granted_by": "creator",
      "name": "storage",
      "needs_grant": true
    }
  ],
  "class": "small",
  "commands": [
    {
      "aliases": [],
      "chatter_cooldown": "0s",
      "cooldown": "0s",
      "name": "count",
      "role": "everyone",
      "summary": "adds one",
      "usage": "[key]"
    },
    {
      "aliases": [],
      "chatter_cooldown": "0s",
      "cooldown": "0s",
      "name": "count-get",
      "role": "everyone",
      "summary": "tells the count",
      "usage": "[key]"
    }
  ],
  "digest": "SHA256",
  "http_hosts": [],
  "name": "counter",
  "settings": [],
  "summary": "a guest of the tests",
  "uploaded_at": "2026-09-21T12:00:00Z",
  "uploaded_by": "545454545454",
  "version": "0.1.0"
}"#;
const WASM: (&str, &str) = ("content-type", "application/wasm");

async fn push(site: &Site, key: &str, component: &[u8]) -> Answer {
    site.send_body(PUSH, key, &[WASM], Body::from(component.to_vec())).await
}

/// The component with a custom section appended, so that its bytes differ.
fn another(component: &[u8]) -> Vec<u8> {
    [component, &[0, 2, 0, 1]].concat()
}

fn with_version(component: &[u8], version: &str) -> Vec<u8> {
    bytes::replaced(component, b"0.1.0a guest", format!("{version}a guest").as_bytes())
}

#[tokio::test]
async fn what_is_pushed_is_a_version_that_everybody_sees() {
    let site = Site::open().await;
    let pushed = push(&site, &site.own, guests::COUNTER).await;
    pushed.masked().check(COUNTER);
    let digest = pushed.json()["digest"].as_str().unwrap().parse().unwrap();
    assert_eq!(site.house.sandbox.components().load(digest).unwrap(), guests::COUNTER);
    assert_eq!(pushed.header("location"), "/api/v1/modules/counter/versions/0.1.0");
    let shown = site.ask("GET /api/v1/modules/counter/versions/0.1.0", &site.other).await;
    assert_eq!((shown.status, shown.json()), (200, pushed.json()));
    site.ask("GET /api/v1/modules/counter", &site.other).await.masked().check(
        r#"200 application/json
        {
          "enabled_in": 0,
          "latest": "0.1.0",
          "name": "counter",
          "publisher": "545454545454",
          "source": "uploaded",
          "versions": [
            {
              "bytes": 0,
              "class": "small",
              "digest": "SHA256",
              "uploaded_at": "2026-09-21T12:00:00Z",
              "uploaded_by": "545454545454",
              "version": "0.1.0"
            }
          ]
        }"#,
    );
    site.close().await;
}

#[tokio::test]
async fn the_same_bytes_again_change_nothing() {
    let site = Site::open().await;
    let first = push(&site, &site.own, guests::ECHO).await;
    let again = push(&site, &site.own, guests::ECHO).await;
    assert_eq!((first.status, again.status, again.header("location")), (201, 200, ""));
    assert_eq!(again.json(), first.json());
    assert_eq!(site.ask("GET /api/v1/modules/echo", &site.own).await.json()["versions"].as_array().unwrap().len(), 1);
    site.close().await;
}

#[tokio::test]
async fn the_highest_version_is_the_latest_whenever_it_came() {
    let site = Site::open().await;
    for version in ["0.2.0", "0.1.9"] {
        assert_eq!(push(&site, &site.own, &with_version(guests::ECHO, version)).await.status, 201);
    }
    let module = site.ask("GET /api/v1/modules/echo", &site.own).await.json();
    let versions = module["versions"].as_array().unwrap().iter().map(|version| version["version"].as_str().unwrap());
    assert_eq!((versions.collect::<Vec<_>>(), &module["latest"]), (vec!["0.1.9", "0.2.0"], &"0.2.0".into()));
    site.close().await;
}

#[tokio::test]
async fn a_version_has_its_bytes_for_ever() {
    let site = Site::open().await;
    assert_eq!(push(&site, &site.own, guests::ECHO).await.status, 201);
    push(&site, &site.own, &another(guests::ECHO)).await.masked().check(
        r#"409 application/problem+json
        {
          "code": "version_exists",
          "detail": "Version 0.1.0 is there already, with other bytes: raise the version in the module's Cargo.toml, build it again, and upload that.",
          "status": 409,
          "title": "Conflict",
          "type": "urn:twitchy:problem:version_exists"
        }"#,
    );
    site.close().await;
}

#[tokio::test]
async fn of_two_that_come_at_once_one_is_the_version() {
    let site = Site::open().await;
    let other = another(guests::ECHO);
    let (one, two) = tokio::join!(push(&site, &site.own, guests::ECHO), push(&site, &site.own, &other));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let refused = if one.status == 409 { &one } else { &two };
    assert_eq!(refused.code(), "version_exists");
    let (one, two) = tokio::join!(push(&site, &site.own, guests::COUNTER), push(&site, &site.own, guests::COUNTER));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    assert_eq!(one.json()["digest"], two.json()["digest"]);
    site.close().await;
}

#[tokio::test]
async fn a_name_belongs_to_the_key_that_brought_it() {
    let site = Site::open().await;
    assert_eq!(push(&site, &site.own, guests::ECHO).await.status, 201);
    let offered = site.house.sandbox.registry_counts().offered;
    let taken = push(&site, &site.other, &another(guests::ECHO)).await;
    taken.check(
        r#"409 application/problem+json
        {
          "code": "name_taken",
          "detail": "The name echo belongs to another API key.",
          "status": 409,
          "title": "Conflict",
          "type": "urn:twitchy:problem:name_taken"
        }"#,
    );
    // The owner's own bytes are refused as well if another key uploads them.
    assert_eq!(push(&site, &site.other, guests::ECHO).await.code(), "name_taken");
    // The refused bytes are no longer offered; those of a published version still are.
    assert_eq!(site.house.sandbox.registry_counts().offered, offered);
    site.close().await;
}

#[tokio::test]
async fn bundled_names_and_words_are_reserved() {
    let site = Site::open().await;
    for bytes in [find_bundled("help").to_vec(), another(find_bundled("help"))] {
        let refused = push(&site, &site.operator, &bytes).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "reserved_name"));
    }
    let refused = push(&site, &site.operator, &bytes::replaced(guests::TRAPS, b"traps", b"leave")).await;
    refused.check(
        r#"409 application/problem+json
        {
          "code": "reserved_word",
          "detail": "The word leave belongs to the module join of this host.",
          "status": 409,
          "title": "Conflict",
          "type": "urn:twitchy:problem:reserved_word"
        }"#,
    );
    site.close().await;
}

/// The store does not know who uploaded the bytes, as after a loss or a restore from an older copy.
#[tokio::test]
async fn a_refused_upload_takes_away_its_own_bytes_and_none_that_were_there_before() {
    let site = Site::open().await;
    let (bytes, components) = (another(find_bundled("help")), site.house.sandbox.components().clone());
    let upload = Upload { bytes: bytes.clone(), size: SizeClass::Small, by: UPLOADER };
    let digest = site.house.sandbox.admit(upload).await.unwrap().manifest.digest;
    components.save(digest, &bytes).unwrap();
    assert_eq!(push(&site, &site.operator, &bytes).await.code(), "reserved_name");
    assert!(components.has(digest));
    components.delete(digest).unwrap();
    assert_eq!(push(&site, &site.operator, &bytes).await.code(), "reserved_name");
    assert!(!components.has(digest));
    assert_eq!(site.house.store.host.list_begun_uploads().await.unwrap(), []);
    site.close().await;
}

#[tokio::test]
async fn modules_are_listed_page_by_page() {
    let site = Site::open().await;
    assert_eq!(push(&site, &site.own, guests::ECHO).await.status, 201);
    let (mut names, mut path) = (Vec::new(), "/api/v1/modules?limit=3".to_owned());
    loop {
        let page = site.ask(&format!("GET {path}"), &site.own).await.json();
        names.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/modules?limit=3&cursor={cursor}");
    }
    assert!(names.is_sorted() && names.contains(&"echo".to_owned()), "{names:?}");
    assert_eq!(names.len(), MODULES.len() + 1);
    site.close().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let site = Site::open().await;
    let mut told = Vec::new();
    for path in ["nowhere", "A!", "help/versions/99.0.0", "help/versions/one", "nowhere/versions/1.0.0"] {
        let answer = site.ask(&format!("GET /api/v1/modules/{path}"), &site.own).await;
        told.push(format!("{path}: {} {}", answer.status, answer.json()["detail"].as_str().unwrap()));
    }
    let expected = [
        "nowhere: 404 There is no such module.",
        "A!: 400 That is no module's name.",
        "help/versions/99.0.0: 404 There is no such version.",
        "help/versions/one: 400 A version is a semantic version such as 1.2.0.",
        "nowhere/versions/1.0.0: 404 There is no such module.",
    ];
    assert_eq!(told, expected);
    site.close().await;
}

#[tokio::test]
async fn an_upload_under_a_key_is_answered_once() {
    let site = Site::open().await;
    let once = [WASM, ("idempotency-key", "first")];
    let send = |bytes: &[u8]| site.send_body(PUSH, &site.own, &once, Body::from(bytes.to_vec()));
    let (first, again) = (send(guests::ECHO).await, send(guests::ECHO).await);
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, "true"));
    assert_eq!(first.json(), again.json());
    assert_eq!([&first, &again].map(|answer| answer.header("location")), ["/api/v1/modules/echo/versions/0.1.0"; 2]);
    assert_eq!(send(guests::COUNTER).await.code(), "idempotency_key_reused");
    site.close().await;
}

#[tokio::test]
async fn no_large_module_where_the_operator_allows_none() {
    let site = Site::open().await;
    let path = "POST /api/v1/modules?class=large";
    let refused = site.send_body(path, &site.operator, &[WASM], Body::from(guests::ECHO)).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "size_class_not_allowed"));
    let unknown = site.send_body("POST /api/v1/modules?class=huge", &site.operator, &[WASM], Body::from("x")).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (400, "invalid_query"));
    assert_eq!(site.house.sandbox.find_upload_limit(SizeClass::Large), Err(CompileError::SizeClass));
    site.close().await;
}
