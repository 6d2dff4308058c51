//! Each row of the access table, and its agreement with the OpenAPI document.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;
use twitchy::config::HttpConfig;
use twitchy::http::access::{CallerKind, METRICS, ROOT, TABLE, find_row};

use super::harness::{CHANNEL, OTHER_CHANNEL, Site};
use crate::harness::{House, channel_id, header, login, patient};

/// Calls every row as each of the four principals. Only those without access get 401 or 403.
#[tokio::test]
async fn every_row_of_the_table_is_kept() {
    let site = Site::open().await;
    for row in TABLE {
        let path = row.path.replace("{channel}", CHANNEL).replace("{id}", "ffffffffffff");
        let path = path.replace("{name}", "balance").replace("{version}", "9.9.9");
        let request = format!("{} {path}", row.method);
        for (standing, key) in [
            (CallerKind::WithoutKey, ""),
            (CallerKind::Operator, site.operator.as_str()),
            (CallerKind::OwnChannel, &site.own),
            (CallerKind::OtherChannel, &site.other),
        ] {
            let answer = site.ask(&request, key).await;
            let refusal = if standing == CallerKind::WithoutKey { "key_missing" } else { "forbidden" };
            let is_refused = [401, 403].contains(&answer.status);
            assert_eq!(is_refused, !row.is_open_to(standing), "{request} as {standing:?}: {}", answer.show());
            assert!(!is_refused || answer.code() == refusal, "{request} as {standing:?}: {}", answer.show());
            assert!(answer.status < 500, "{request} as {standing:?}: {}", answer.show());
        }
    }
    assert_ne!(CHANNEL, OTHER_CHANNEL);
    site.close().await;
}

/// Both channels exist, and each request would succeed with the other channel's key.
#[tokio::test]
async fn two_creators_reach_nothing_of_each_other() {
    let headers = ["shop", "cafe"].map(|channel| header(channel, &[]));
    let site = Site::of(House::open(&headers.each_ref(), patient()).await, HttpConfig::default()).await;
    let channels = ["shop", "cafe"].map(|channel| channel_id(&login(channel)));
    let mut keys = Vec::new();
    for channel in channels {
        keys.push(site.make_key(&format!("channel:{channel}"), None).await);
    }
    let headers = [("if-match", "*"), ("content-type", "application/json")];
    for (channel, key) in [(channels[0], &keys[1]), (channels[1], &keys[0])] {
        for row in TABLE.iter().filter(|row| row.path.contains("{channel}")) {
            let path = row.path.replace("{channel}", &channel.to_string()).replace("{name}", "balance");
            let request = format!("{} {path}", row.method);
            let body = match (row.method, row.path.contains("commands")) {
                ("POST", true) => r#"{"chatter": {"id": "42", "login": "alice"}}"#,
                ("PUT", _) => r#"{"enabled": false}"#,
                ("PATCH", _) => r#"{"prefix": "?"}"#,
                _ => "{}",
            };
            let answer = site.send(&request, key, &headers, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{request}");
        }
        let there = site.house.setup.find_channel(channel).unwrap();
        assert_eq!(there.revision.0, 1, "nothing was changed");
    }
    site.close().await;
}

#[tokio::test]
async fn a_path_that_cannot_be_read_is_in_nobodys_channel() {
    let site = Site::open().await;
    for path in [
        "/api/v1/channels/100/modules/%ff",
        "/api/v1/channels/%ff",
        "/api/v1/channels/%31%30%30%00",
        "/api/v1/channels/100%2F",
        "/api/v1/channels/+100",
        "/api/v1/channels/%F0%9D%9F%8F00",
    ] {
        let answer = site.ask(&format!("GET {path}"), &site.other).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{path}");
    }
    for path in
        ["//api/v1/keys", "/api/v1/keys/", "/API/v1/keys", "/api/v1/./keys", "/api/v1/x/../keys", "/api/v1%2Fkeys"]
    {
        let answer = site.ask(&format!("GET {path}"), &site.other).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_path"), "{path}");
    }
    site.close().await;
}

#[tokio::test]
async fn every_route_of_the_document_has_a_row_and_every_row_a_route() {
    let site = Site::open().await;
    let document = site.ask("GET /api/v1/openapi.json", "").await.json();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let row = find_row(&method, path).unwrap_or_else(|| panic!("{method} {path} has no row"));
            // An empty list means that no key is needed. Without a list, a client cannot tell.
            let schemes = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} says nothing"));
            assert_eq!(!schemes.is_empty(), row.needs_key(), "{method} {path}");
            assert!(operation["responses"]["429"].is_object(), "{method} {path}");
            routes.insert((method, path.clone()));
        }
    }
    // The document describes a JSON API; `/` is for browsers, `/metrics` for Prometheus.
    let documented = TABLE.iter().filter(|row| ![METRICS, ROOT].contains(&row.path));
    let rows: BTreeSet<_> = documented.map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(routes, rows);
    site.close().await;
}

#[tokio::test]
async fn the_document_names_what_a_query_may_say() {
    let site = Site::open().await;
    let document = site.ask("GET /api/v1/openapi.json", "").await.json();
    let list = |path: &str, method: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap().iter();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == false);
        in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(list("/api/v1/audit", "get"), "channel actor action subject since until limit cursor");
    assert_eq!(list("/api/v1/channels/{channel}/commands/{name}", "post"), "deliver dry_run");
    site.close().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let site = Site::open().await;
    site.ask("GET /nowhere", "").await.check(
        r#"404 application/problem+json
        {
          "code": "unknown_path",
          "detail": "There is nothing at this path; /api/docs lists what there is.",
          "status": 404,
          "title": "Not Found",
          "type": "urn:twitchy:problem:unknown_path"
        }"#,
    );
    let answer = site.ask("PUT /api/v1/keys", &site.operator).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    site.close().await;
}

#[tokio::test]
async fn every_answer_wears_its_headers() {
    let site = Site::open().await;
    for request in ["GET /nowhere", "GET /healthz", "GET /api/v1/keys", "PATCH /healthz", "GET /api/docs"] {
        let answer = site.ask(request, "").await;
        assert_eq!(answer.header("cache-control"), "no-store", "{request}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{request}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{request}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{request}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{request}");
        assert_eq!(answer.header("x-request-id").len(), 16, "{request}");
    }
    site.close().await;
}

#[tokio::test]
async fn the_page_loads_nothing_but_its_own_style() {
    let site = Site::open().await;
    let page = site.ask("GET /api/docs", "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let loaded: Vec<&str> =
        ["src=", "<script", "@import", "url("].into_iter().filter(|way| page.body.contains(way)).collect();
    assert!(loaded.is_empty() && page.body.matches("<link").count() == 1, "{loaded:?}");
    for row in TABLE {
        assert!(page.body.contains(row.path), "{row:?}");
    }
    let style = site.ask("GET /api/docs.css", "").await;
    assert!(style.status == 200 && style.body.contains("prefers-color-scheme"));
    site.close().await;
}

#[tokio::test]
async fn a_host_that_is_not_ready_says_what_is_not() {
    let site = Site::open().await;
    assert_eq!(site.ask("GET /readyz", "").await.status, 200);
    site.unready.lock().unwrap().push(("account mybot".to_owned(), "It has no token.".to_owned()));
    site.ask("GET /readyz", "").await.check(
        r#"503 application/problem+json
        {
          "code": "not_ready",
          "detail": "The host is not ready.",
          "errors": [
            {
              "detail": "It has no token.",
              "field": "account mybot"
            }
          ],
          "status": 503,
          "title": "Service Unavailable",
          "type": "urn:twitchy:problem:not_ready"
        }"#,
    );
    assert_eq!(site.ask("GET /healthz", "").await.status, 200);
    site.close().await;
}

/// Container platforms and load balancers probe by IP address, which no configuration names.
#[tokio::test]
async fn a_probe_is_answered_whatever_host_it_names() {
    let site = Site::open().await;
    for host in ["10.244.0.5:8080", "evil.example", "", "not a host"] {
        for path in ["/healthz", "/readyz"] {
            let answer = site.send(&format!("GET {path}"), "", &[("host", host)], "").await;
            assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ok")), "{path} {host}");
            let head = site.send(&format!("HEAD {path}"), "", &[("host", host)], "").await;
            assert_eq!(head.status, 200, "{path} {host}");
        }
        for path in ["/metrics", "/api/docs", "/api/v1/openapi.json", "/", "/nowhere", "/healthz/", "/api/v1/keys"] {
            let answer = site.send(&format!("GET {path}"), &site.operator, &[("host", host)], "").await;
            assert_eq!((answer.status, answer.code().as_str()), (421, "unknown_host"), "{path} {host}");
        }
    }
    site.close().await;
}

#[tokio::test]
async fn a_browser_that_knows_only_the_address_finds_the_documentation() {
    let site = Site::open().await;
    let answer = site.ask("GET /", "").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/api/docs"));
    assert_eq!(site.ask(&format!("GET {}", answer.header("location")), "").await.status, 200);
    site.close().await;
}

/// Collects what the test's own thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_the_route_of_a_request_and_nothing_of_its_path() {
    let log = Log::default();
    let listen = |log: Log| fmt().with_max_level(LevelFilter::TRACE).with_writer(move || log.clone()).finish();
    // With a single subscriber, `tracing` lets the first thread that reaches a line disable it for all others.
    let _guards = (listen(Log::default()).set_default(), listen(log.clone()).set_default());
    let site = Site::open().await;
    let secret = &site.own[17..];
    for path in [
        format!("/api/v1/keys/{}", site.own),
        format!("/x/{secret}"),
        format!("/api/v1/channels/{secret}/modules/{secret}?{secret}={secret}"),
        format!("/api/v1/keys/t%77k_0123456789ab_{secret}"),
    ] {
        assert!(site.ask(&format!("GET {path}"), &site.operator).await.status >= 400, "{path}");
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/api/v1/channels/{channel}/modules/{name}"), "{text}");
    assert!(!text.contains(secret), "{text}");
    site.close().await;
}
