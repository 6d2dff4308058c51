//! The metrics endpoint: who may read it, and its contents.

use std::time::Duration;

use axum::body::Body;
use axum::http::Version;
use tests::guests;
use twitchy::config::HttpConfig;

use super::harness::Site;

const METRICS: &str = "GET /metrics";

#[tokio::test]
async fn metrics_are_for_the_operator_and_for_whoever_asks_from_a_known_address() {
    let site = Site::open().await;
    assert_eq!(site.ask(METRICS, "").await.code(), "key_missing");
    assert_eq!(site.ask(METRICS, &site.own).await.code(), "forbidden");
    let answer = site.ask(METRICS, &site.operator).await;
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, format));
    assert!(answer.body.contains("\ntwitchy_answer 42.0\n") && answer.body.ends_with("# EOF\n"), "{}", answer.body);
    for peer in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        assert_eq!(site.send(METRICS, "", &[("x-peer", peer)], "").await.status, 200, "{peer}");
    }
    // A caller who shows a key is judged by the key, whatever the address.
    assert_eq!(site.send(METRICS, &site.own, &[("x-peer", "127.0.0.1:9")], "").await.status, 403);
    assert_eq!(site.send("GET /api/v1/keys", "", &[("x-peer", "127.0.0.1:9")], "").await.status, 401);
    site.close().await;
}

#[tokio::test]
async fn a_proxy_on_this_machine_does_not_lend_its_address_to_its_callers() {
    let trusting = |trusted_proxies: &[&str], metrics_from: &[&str]| HttpConfig {
        trusted_proxies: trusted_proxies.iter().map(|network| network.parse().unwrap()).collect(),
        metrics_from: metrics_from.iter().map(|network| network.parse().unwrap()).collect(),
        ..HttpConfig::default()
    };
    let ask = async |site: &Site, header| site.send(METRICS, "", &[("x-peer", "127.0.0.1:9"), header], "").await.status;
    let site = Site::with(trusting(&[], &["127.0.0.1"])).await;
    for header in [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("via", "1.1 proxy")] {
        assert_eq!(ask(&site, header).await, 401, "{header:?}");
    }
    site.close().await;
    let site = Site::with(trusting(&["127.0.0.1"], &["127.0.0.1", "10.0.0.7"])).await;
    assert_eq!(ask(&site, ("x-forwarded-for", "10.0.0.7")).await, 200);
    assert_eq!(ask(&site, ("x-forwarded-for", "10.0.0.7, 10.0.0.8")).await, 401);
    assert_eq!(ask(&site, ("accept", "*/*")).await, 401, "a proxy that does not say whose request it is");
    site.close().await;
}

/// Without configuration nginx adds no header of its own. Its requests are recognised by the Host, which it passes on.
#[tokio::test]
async fn what_was_meant_for_the_public_name_came_from_outside() {
    let public_url = |url: &str| HttpConfig { public_url: Some(url.parse().unwrap()), ..HttpConfig::default() };
    let ask =
        async |site: &Site, host| site.send(METRICS, "", &[("x-peer", "127.0.0.1:9"), ("host", host)], "").await.status;
    let site = Site::with(public_url("https://bot.example")).await;
    assert_eq!(ask(&site, "bot.example").await, 401);
    assert_eq!(ask(&site, "BOT.example:443").await, 401);
    assert_eq!(ask(&site, "localhost:8080").await, 200);
    site.close().await;
    let site = Site::with(public_url("http://localhost:8080")).await;
    assert_eq!(ask(&site, "localhost:8080").await, 200, "a public name that only this machine has");
    site.close().await;
}

/// With nothing but `proxy_pass http://127.0.0.1:8080`, nginx sends HTTP/1.0 and that address as the Host. Other
/// proxies name the caller in headers of their own.
#[tokio::test]
async fn what_looks_as_if_a_proxy_had_passed_it_on_is_asked_for_a_key() {
    let hosts = vec!["bot.example".parse().unwrap(), "bot".parse().unwrap()];
    let metrics_from = ["127.0.0.0/8", "::1", "10.0.0.7"].map(|network| network.parse().unwrap()).into();
    let site = Site::with(HttpConfig { hosts, metrics_from, burst_without_key: 1000, ..HttpConfig::default() }).await;
    let ask = async |peer, version, headers: &[(&str, &str)]| {
        let peer = ("x-peer", peer);
        site.send_version(version, METRICS, "", &[headers, &[peer]].concat()).await.status
    };
    let (here, old, new) = ("127.0.0.1:9", Version::HTTP_10, Version::HTTP_11);
    for host in ["127.0.0.1:8080", "localhost", "[::1]:8080"] {
        assert_eq!(ask(here, new, &[("host", host)]).await, 200, "{host}");
        assert_eq!(ask(here, old, &[("host", host)]).await, 401, "{host}");
        assert_eq!(ask("[::1]:9", old, &[("host", host)]).await, 401, "{host}");
    }
    assert_eq!(ask(here, new, &[("host", "bot.example")]).await, 401, "who is here says so");
    assert_eq!(ask("10.0.0.7:9", new, &[("host", "bot:8080")]).await, 200, "a scraper on another machine");
    assert_eq!(ask("10.0.0.7:9", old, &[("host", "bot:8080")]).await, 401);
    for name in [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-client-ip",
        "x-original-forwarded-for",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-ray",
        "cdn-loop",
    ] {
        assert_eq!(ask(here, new, &[(name, "127.0.0.1")]).await, 401, "{name}");
        assert_eq!(ask("10.0.0.7:9", new, &[("host", "bot"), (name, "10.0.0.7")]).await, 401, "{name}");
    }
    site.close().await;
}

#[tokio::test]
async fn requests_are_counted_by_the_template_of_their_route() {
    let site = Site::open().await;
    site.ask("GET /api/v1/keys", &site.operator).await;
    site.ask("DELETE /api/v1/keys/ffffffffffff", &site.operator).await;
    site.ask("DELETE /api/v1/keys/eeeeeeeeeeee", &site.own).await;
    site.ask("GET /no/such/path", "").await;
    site.ask("BREW /healthz", "").await;
    site.house.clock.advance(Duration::from_secs(1));
    let text = site.ask(METRICS, &site.operator).await.body;
    for line in [
        r#"twitchy_http_requests_total{route="/api/v1/keys",method="GET",status="2xx"} 1"#,
        r#"twitchy_http_requests_total{route="/api/v1/keys/{id}",method="DELETE",status="4xx"} 2"#,
        r#"twitchy_http_requests_total{route="other",method="GET",status="4xx"} 1"#,
        r#"twitchy_http_requests_total{route="/healthz",method="other",status="4xx"} 1"#,
        r#"twitchy_http_request_seconds_count{route="/api/v1/keys",method="GET"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("ffffffffffff") && !text.contains("/no/such/path"));
    site.close().await;
}

#[tokio::test]
async fn uploads_are_counted_by_what_became_of_them() {
    let site = Site::open().await;
    let upload = async |bytes: &'static [u8]| {
        let headers = [("content-type", "application/wasm")];
        site.send_body("POST /api/v1/modules", &site.own, &headers, Body::from(bytes)).await.status
    };
    assert_eq!([upload(guests::ECHO).await, upload(guests::ECHO).await, upload(b"hello").await], [201, 200, 422]);
    let text = site.ask(METRICS, &site.operator).await.body;
    for result in ["accepted", "unchanged", "invalid_component"] {
        let line = format!("twitchy_uploads_total{{result=\"{result}\"}} 1");
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    site.close().await;
}

#[tokio::test]
async fn the_older_format_is_given_to_whoever_asks_for_it() {
    let site = Site::open().await;
    let ask = async |accept| site.send(METRICS, &site.operator, &[("accept", accept)], "").await;
    for accept in ["text/plain;version=0.0.4", "text/plain", "application/openmetrics-text;q=0.1, text/plain"] {
        let answer = ask(accept).await;
        let found = (answer.status, answer.header("content-type"), answer.header("vary"));
        assert_eq!(found, (200, "text/plain; version=0.0.4; charset=utf-8", "accept"), "{accept}");
        assert!(answer.body.contains("\n# TYPE twitchy_web_requests_total counter\n"), "{}", answer.body);
        assert!(answer.body.contains("\ntwitchy_answer 42.0\n") && !answer.body.contains("# EOF"), "{}", answer.body);
    }
    for accept in ["*/*", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"] {
        let answer = ask(accept).await;
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{accept}");
        assert!(answer.body.ends_with("# EOF\n"), "{accept}");
    }
    site.close().await;
}
