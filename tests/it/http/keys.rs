//! API keys over HTTP.

use std::time::Duration;

use super::channels::shop;
use super::harness::Site;

const NEW: &str = r#"{"name": "shop", "scopes": ["channel:100"], "role": "vip", "expires_at": "2026-12-01T00:00:00Z"}"#;

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let site = Site::open().await;
    let made = site.send("POST /api/v1/keys", &site.operator, &[], NEW).await;
    assert_eq!(made.status, 201, "{}", made.show());
    let (id, secret) =
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert!(secret.starts_with(&format!("twk_{id}_")), "{secret}");

    let own = site.ask("GET /api/v1/keys/self", &secret).await;
    own.check(&format!(
        r#"200 application/json
        {{
          "created_at": "2026-09-21T12:00:00Z",
          "expires_at": "2026-12-01T00:00:00Z",
          "id": "{id}",
          "last_used_at": "2026-09-21T12:00:00Z",
          "name": "shop",
          "role": "vip",
          "scopes": [
            "channel:100"
          ]
        }}"#
    ));
    let listed = site.ask("GET /api/v1/keys?limit=100", &site.operator).await;
    assert!(listed.body.contains(&id) && !listed.body.contains("secret") && !listed.body.contains(&secret[17..]));

    let revoked = site.ask(&format!("DELETE /api/v1/keys/{id}"), &site.operator).await;
    assert_eq!((revoked.status, &revoked.json()["revoked_at"]), (200, &"2026-09-21T12:00:00Z".into()));
    assert_eq!(site.ask("GET /api/v1/keys/self", &secret).await.code(), "invalid_key");
    site.close().await;
}

#[tokio::test]
async fn unknown_expired_revoked_and_malformed_keys_are_told_alike() {
    let site = Site::open().await;
    let soon = NEW.replace("2026-12-01T00:00:00Z", "2026-09-21T12:01:00Z");
    let made = site.send("POST /api/v1/keys", &site.operator, &[], &soon).await.json();
    let expiring = made["secret"].as_str().unwrap();
    assert_eq!(site.ask("GET /api/v1/keys/self", expiring).await.status, 200);
    site.house.clock.advance(Duration::from_secs(60));
    let mut wrong = site.own.clone();
    wrong.replace_range(wrong.len() - 1.., "0");
    let unknown = format!("twk_ffffffffffff_{}", "0".repeat(64));
    let answers = [
        site.ask("GET /api/v1/keys/self", expiring).await,
        site.ask("GET /api/v1/keys/self", &wrong).await,
        site.ask("GET /api/v1/keys/self", &unknown).await,
        site.ask("GET /api/v1/keys/self", "nonsense").await,
        site.send("GET /api/v1/keys/self", "", &[("authorization", "Basic YTpi")], "").await,
    ];
    for answer in &answers {
        assert_eq!(answer.show(), answers[0].show());
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_key"));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    site.close().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused_with_all_that_is_wrong() {
    let site = Site::open().await;
    let body =
        r#"{"name": " ", "scopes": ["channel:shop"], "role": "broadcaster", "expires_at": "2020-01-01T00:00:00Z"}"#;
    let answer = site.send("POST /api/v1/keys", &site.operator, &[], body).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_values"));
    let fields: Vec<String> =
        answer.json()["errors"].as_array().unwrap().iter().map(|error| error["field"].to_string()).collect();
    assert_eq!(fields, ["\"name\"", "\"scopes\"", "\"role\"", "\"expires_at\""]);
    site.close().await;
}

#[tokio::test]
async fn what_is_not_well_formed_is_told_by_its_place() {
    let site = Site::open().await;
    let send = |request: &'static str, headers: &'static [(&str, &str)], body: &'static str| {
        let site = &site;
        async move {
            let answer = site.send(request, &site.operator, headers, body).await;
            format!("{} {}", answer.status, answer.code())
        }
    };
    let text: &[(&str, &str)] = &[("content-type", "text/plain")];
    assert_eq!(send("POST /api/v1/keys", &[], "{").await, "400 invalid_body");
    assert_eq!(send("POST /api/v1/keys", &[], "{\"name\": 1}").await, "400 invalid_body");
    assert_eq!(send("POST /api/v1/keys", text, NEW).await, "415 unsupported_media_type");
    assert_eq!(send("GET /api/v1/keys?limit=0", &[], "").await, "400 invalid_query");
    assert_eq!(send("GET /api/v1/keys?limit=101", &[], "").await, "400 invalid_query");
    assert_eq!(send("GET /api/v1/keys?cursor=x", &[], "").await, "400 invalid_query");
    assert_eq!(send("DELETE /api/v1/keys/shop", &[], "").await, "400 invalid_path");
    assert_eq!(send("DELETE /api/v1/keys/%ff", &[], "").await, "400 invalid_path");
    assert_eq!(send("DELETE /api/v1/keys/ffffffffffff", &[], "").await, "404 not_found");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
    let answer = site.send("POST /api/v1/keys", &site.operator, &[], &large).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    site.close().await;
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let site = Site::open().await;
    let (mut names, mut path) = (Vec::new(), "/api/v1/keys?limit=2".to_owned());
    loop {
        let page = site.ask(&format!("GET {path}"), &site.operator).await.json();
        names.extend(page["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/keys?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["op", "own", "other"]);
    site.close().await;
}

/// People read a key's name in lists and in the audit.
#[tokio::test]
async fn a_name_that_looks_like_another_one_is_refused() {
    let site = Site::open().await;
    for name in ["\u{202e}golive", "a\u{2066}b", "shop\u{200b}", "\u{feff}", "a\u{2028}b", "a\u{e0041}", "\u{7}"] {
        let key = serde_json::json!({ "name": name, "scopes": ["channel:100"] }).to_string();
        let made = site.send("POST /api/v1/keys", &site.operator, &[], &key).await;
        assert_eq!((made.status, made.code().as_str()), (422, "invalid_values"), "{name:?}: {}", made.show());
        let chatter =
            serde_json::json!({ "chatter": { "id": "42", "login": "dora", "display_name": name } }).to_string();
        let called = site.send(&format!("POST {}/commands/help", shop()), &site.operator, &[], &chatter).await;
        assert_eq!((called.status, called.code().as_str()), (422, "invalid_values"), "{name:?}: {}", called.show());
    }
    for name in ["\u{5D7}\u{5E0}\u{5D5}\u{5EA}", "the \u{2764}\u{fe0f} shop", "\u{65e5}\u{672c}"] {
        let key = serde_json::json!({ "name": name, "scopes": ["channel:100"] }).to_string();
        assert_eq!(site.send("POST /api/v1/keys", &site.operator, &[], &key).await.status, 201, "{name:?}");
    }
    site.close().await;
}

/// Without such a key, the API could not make another one.
#[tokio::test]
async fn the_last_key_that_opens_everything_is_not_revoked() {
    let site = Site::open().await;
    let revoke = async |key: &str| {
        let answer = site.ask(&format!("DELETE /api/v1/keys/{}", &key[4..16]), &site.operator).await;
        (answer.status, answer.code())
    };
    let refused = (409, "last_operator_key".to_owned());
    assert_eq!(revoke(&site.operator).await, refused);
    let soon = r#"{"name": "soon over", "scopes": ["operator"], "expires_at": "2026-09-21T12:01:00Z"}"#;
    assert_eq!(site.send("POST /api/v1/keys", &site.operator, &[], soon).await.status, 201);
    site.house.clock.advance(Duration::from_secs(60));
    assert_eq!(revoke(&site.operator).await, refused, "the other one has expired");
    assert_eq!(revoke(&site.own).await.0, 200, "a channel's");
    let second = site.make_key("operator", None).await;
    assert_eq!(revoke(&second).await.0, 200);
    assert_eq!(revoke(&second).await.0, 200, "again: nothing is changed");
    assert_eq!(revoke(&site.operator).await, refused);
    let third = site.make_key("operator", None).await;
    assert_eq!(revoke(&site.operator).await.0, 200);
    assert_eq!(site.ask("GET /api/v1/keys/self", &third).await.status, 200);
    site.close().await;
}
