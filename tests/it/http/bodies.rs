//! Rules for request bodies that hold for every endpoint.

use axum::body::Body;
use serde_json::json;
use tests::guests;

use super::channels::shop;
use super::harness::{Answer, Site};

const ANY: (&str, &str) = ("if-match", "*");

/// PowerShell and some editors write a byte order mark.
#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_the_json() {
    let site = Site::open().await;
    let key = "\u{feff}{\"name\": \"x\", \"scopes\": [\"channel:100\"]}";
    assert_eq!(site.send("POST /api/v1/keys", &site.operator, &[], key).await.status, 201);
    let patch = "\u{feff} {\"prefix\": \"?\"}";
    let patched = site.send(&format!("PATCH {}", shop()), &site.operator, &[ANY], patch).await;
    assert_eq!(patched.json()["prefix"], "?", "{}", patched.show());
    let twice = site.send("POST /api/v1/keys", &site.operator, &[], "\u{feff}\u{feff}{}").await;
    assert_eq!(twice.json()["detail"], "The body must be a JSON object.");
    site.close().await;
}

/// serde alone would accept a list of a struct's fields in their order.
#[tokio::test]
async fn a_list_is_no_object_wherever_it_stands() {
    let site = Site::open().await;
    let shop = shop();
    for (request, body, place) in [
        (format!("POST {shop}/commands/help"), json!({ "chatter": ["42", "dora", null] }), "chatter"),
        (format!("PUT {shop}/modules/balance"), json!({ "enabled": true, "grants": [["storage"], []] }), "grants"),
        (
            format!("PUT {shop}/modules/balance"),
            json!({ "enabled": true, "grants": { "capabilities": [], "payments": ["1", "2", "3"] } }),
            "grants.payments",
        ),
        (
            format!("PUT {shop}/modules/balance"),
            json!({ "enabled": true, "commands": { "balance": ["vip", "1s", "1s", []] } }),
            "commands.balance",
        ),
        (format!("PATCH {shop}"), json!({ "commands": { "balance": ["vip", "1s", "1s"] } }), "commands.balance"),
    ] {
        let answer = site.send(&request, &site.operator, &[ANY], &body.to_string()).await;
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        let expected = format!("{place}: invalid type: sequence, expected an object");
        assert!(answer.status == 400 && detail.starts_with(&expected), "{request} {body}: {}", answer.show());
    }
    site.close().await;
}

#[tokio::test]
async fn an_encoded_body_is_refused_whatever_it_is_for() {
    let site = Site::open().await;
    let (shop, wasm) = (shop(), ("content-type", "application/wasm"));
    let send = async |request: &str, headers: &[(&str, &str)]| -> Answer {
        let body = match request {
            "POST /api/v1/modules" => Body::from(guests::ECHO),
            "POST /api/v1/keys" => Body::from(r#"{"name": "x", "scopes": ["channel:100"]}"#),
            "POST /api/v1/modules/echo/rollback" => Body::from("{}"),
            _ => Body::from(r#"{"prefix": "?"}"#),
        };
        let content = if request.ends_with("/modules") { wasm } else { ("content-type", "application/json") };
        site.send_body(request, &site.operator, &[headers, &[ANY, content]].concat(), body).await
    };
    let patch = format!("PATCH {shop}");
    for request in ["POST /api/v1/keys", &patch, "POST /api/v1/modules", "POST /api/v1/modules/echo/rollback"] {
        for coding in ["gzip", "br", "identity, deflate", "x-own"] {
            for once in [&[][..], &[("idempotency-key", "once")]] {
                let answer = send(request, &[&[("content-encoding", coding)], once].concat()).await;
                let found = (answer.status, answer.code(), answer.header("accept-encoding").to_owned());
                let expected = (415, "unsupported_encoding".to_owned(), "identity".to_owned());
                assert_eq!(found, expected, "{request} {coding}: {}", answer.show());
            }
        }
    }
    for request in ["POST /api/v1/keys", &patch, "POST /api/v1/modules"] {
        let answer = send(request, &[("content-encoding", "Identity")]).await;
        assert!(answer.status < 300, "{request}: {}", answer.show());
    }
    site.close().await;
}

#[tokio::test]
async fn bytes_of_any_kind_may_be_a_component_and_texts_may_not() {
    let site = Site::open().await;
    let upload = async |content: &str| {
        let headers = [("content-type", content)];
        site.send_body("POST /api/v1/modules", &site.operator, &headers, Body::from(guests::ECHO)).await.status
    };
    assert_eq!(upload("application/octet-stream").await, 201);
    assert_eq!(upload("application/wasm; v=1").await, 200, "the same bytes");
    for content in ["text/plain", "application/json", "multipart/form-data; boundary=x", ""] {
        assert_eq!(upload(content).await, 415, "{content}");
    }
    site.close().await;
}

/// Clients log answers that they do not understand.
#[tokio::test]
async fn a_secret_in_the_wrong_place_does_not_come_back() {
    let site = Site::open().await;
    let (shop, key, token) = (shop(), site.own.clone(), "abcdefghij0123456789abcdefghij");
    for secret in [key.as_str(), token] {
        let (put, help) = (format!("PUT {shop}/modules/balance"), format!("POST {shop}/commands/help"));
        for (request, body) in [
            ("POST /api/v1/keys".to_owned(), json!({ "name": "x", "scopes": secret })),
            ("POST /api/v1/keys".to_owned(), json!({ "name": "x", "scopes": [secret] })),
            ("POST /api/v1/keys".to_owned(), json!({ "name": "x", "scopes": ["operator"], "role": secret })),
            ("POST /api/v1/keys".to_owned(), json!({ "name": "x", secret: "y", "scopes": [] })),
            (put.clone(), json!({ "enabled": secret })),
            (put.clone(), json!({ "enabled": true, "settings": { secret: "x" } })),
            (put.clone(), json!({ "enabled": true, "settings": { secret: 1 } })),
            (put.clone(), json!({ "enabled": true, "secrets": { secret: "x" } })),
            (put.clone(), json!({ "enabled": true, "grants": { "capabilities": [secret] } })),
            (put.clone(), json!({ "enabled": true, "commands": { secret: { "role": "x" } } })),
            (put, json!({ "enabled": true, "version": secret, "accept": secret })),
            (format!("PATCH {shop}"), json!({ "commands": { secret: {} }, "locale": secret, "prefix": secret })),
            (help.clone(), json!({ "chatter": { "id": secret, "login": secret } })),
            (format!("{help}?{secret}=1"), json!({ "chatter": { "id": "42", "login": "dora" } })),
            (format!("{help}?deliver={secret}"), json!({ "chatter": { "id": "42", "login": "dora" } })),
            (format!("{help}?dry_run={secret}"), json!({ "chatter": { "id": "42", "login": "dora" } })),
            (format!("POST /api/v1/modules?class={secret}"), json!({})),
            (format!("GET /api/v1/keys?cursor={secret}"), json!({})),
            (format!("GET /api/v1/audit?since={secret}"), json!({})),
            (format!("GET /api/v1/events?kind={secret}"), json!({})),
            (format!("DELETE /api/v1/keys/{secret}"), json!({})),
            (format!("GET /api/v1/modules/{secret}"), json!({})),
            (format!("GET /nothing/{secret}"), json!({})),
        ] {
            let answer = site.send(&request, &site.operator, &[ANY], &body.to_string()).await;
            assert!((400..500).contains(&answer.status), "{request} {body}: {}", answer.show());
            assert!(!answer.body.contains(secret), "{request} {body}: {}", answer.show());
        }
    }
    // A mistyped field that cannot be a secret is named.
    let typo = site.send(&format!("PATCH {shop}"), &site.operator, &[ANY], r#"{"prefx": "?"}"#).await;
    assert!(typo.body.contains("Unknown field `prefx`"), "{}", typo.show());
    site.close().await;
}
