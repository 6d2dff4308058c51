use std::time::Duration;

use tokio::time::advance;

use crate::client::{Client, broken, said};
use crate::web_client::{
    SECRET, consent, encode, exchange, post, refresh, try_request, validate, world_with_applications,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn a_code_is_for_one_use_by_its_application_at_its_address_within_its_time() {
    let twitch = world_with_applications();
    let code = consent(&twitch, "bot").await;
    assert_eq!(exchange(&twitch, &code, &[]).await.status, 200);
    exchange(&twitch, &code, &[]).await.refused(400, "Invalid authorization code");
    exchange(&twitch, "made-up", &[]).await.refused(400, "Invalid authorization code");
    let code = consent(&twitch, "bot").await;
    let theirs = [("client_id", "rival"), ("client_secret", "secret-of-rival")];
    exchange(&twitch, &code, &theirs).await.refused(400, "Invalid authorization code");
    let code = consent(&twitch, "bot").await;
    let elsewhere = [("redirect_uri", "http://localhost/a?b=c")];
    exchange(&twitch, &code, &elsewhere).await.refused(400, "Invalid authorization code");
    let code = consent(&twitch, "bot").await;
    advance(Duration::from_secs(600)).await;
    exchange(&twitch, &code, &[]).await.refused(400, "Invalid authorization code");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_exchange_is_refused_with_its_reason() {
    let twitch = world_with_applications();
    for (change, status, message) in [
        (("client_id", ""), 400, "missing client id"),
        (("client_id", "nobody"), 400, "invalid client"),
        (("client_secret", ""), 400, "missing client secret"),
        (("client_secret", "wrong"), 403, "invalid client secret"),
        (("grant_type", ""), 400, "missing grant type"),
        (("grant_type", "password"), 400, "invalid grant type"),
        (("code", ""), 400, "missing code"),
        (("redirect_uri", ""), 400, "missing redirect uri"),
        (("redirect_uri", "http://evil.test/"), 400, "Parameter redirect_uri does not match registered URI"),
        (("client_id", "device"), 403, "invalid client secret"),
    ] {
        let code = consent(&twitch, "bot").await;
        exchange(&twitch, &code, &[change]).await.refused(status, message);
    }
    assert!(twitch.issued_tokens().is_empty());
}

#[tokio::test(start_paused = true)]
async fn parameters_in_the_address_of_a_post_do_not_count() {
    let twitch = world_with_applications();
    let fields = [("client_id", "host"), ("client_secret", SECRET), ("grant_type", "client_credentials")];
    let line = format!("POST /oauth2/token?{}", encode(&fields));
    try_request(&twitch, &line, "", "").await.unwrap().refused(400, "missing client id");
    try_request(&twitch, "GET /oauth2/elsewhere", "", "").await.unwrap().refused(404, "not found");
    assert_eq!(try_request(&twitch, "GET /oauth2/token", "", "").await.unwrap().status, 405);
}

#[tokio::test(start_paused = true)]
async fn a_confidential_application_keeps_its_refresh_token_with_50_valid_access_tokens() {
    let twitch = world_with_applications();
    let first = exchange(&twitch, &consent(&twitch, "bot").await, &[]).await;
    let refresh_token = first.text("refresh_token");
    for _ in 1..50 {
        let next = refresh(&twitch, &refresh_token, &[]).await;
        assert_eq!(next.text("refresh_token"), refresh_token);
        assert_eq!(next.json()["scope"], first.json()["scope"]);
    }
    assert_eq!(validate(&twitch, &first.text("access_token")).await.status, 200);
    let last = refresh(&twitch, &refresh_token, &[]).await;
    validate(&twitch, &first.text("access_token")).await.refused(401, "invalid access token");
    assert_eq!(validate(&twitch, &last.text("access_token")).await.status, 200);
    assert_eq!(twitch.issued_tokens().iter().filter(|token| token.is_valid).count(), 50);
    advance(365 * DAY).await;
    assert_eq!(refresh(&twitch, &refresh_token, &[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_public_applications_refresh_token_is_for_one_use_within_30_days() {
    let twitch = world_with_applications();
    let public = [("client_id", "device"), ("client_secret", "")];
    let first = twitch.issue_token("device", "bot", &["chat:read"]).refresh_token.unwrap();
    advance(30 * DAY - HOUR).await;
    let second = refresh(&twitch, first.expose(), &public).await;
    assert_ne!(second.text("refresh_token"), first.expose());
    let again = refresh(&twitch, first.expose(), &public).await;
    again.refused(400, "Invalid refresh token");
    assert_eq!(again.text("error"), "Bad Request");
    assert_eq!(validate(&twitch, &second.text("access_token")).await.status, 200);
    advance(30 * DAY).await;
    refresh(&twitch, &second.text("refresh_token"), &public).await.refused(400, "Invalid refresh token");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_refresh_is_refused_with_its_reason() {
    let twitch = world_with_applications();
    let issued = twitch.issue_token("host", "bot", &["chat:read"]);
    let refresh_token = issued.refresh_token.unwrap();
    for (changes, status, message) in [
        ([("refresh_token", ""), ("scope", "")], 400, "missing refresh token"),
        ([("refresh_token", "made-up"), ("scope", "")], 400, "Invalid refresh token"),
        ([("refresh_token", issued.access_token.expose()), ("scope", "")], 400, "Invalid refresh token"),
        ([("client_secret", ""), ("scope", "")], 400, "missing client secret"),
        ([("client_secret", "wrong"), ("scope", "")], 403, "invalid client secret"),
        ([("client_id", "rival"), ("client_secret", "secret-of-rival")], 400, "Invalid refresh token"),
        ([("client_id", "device"), ("client_secret", "")], 400, "Invalid refresh token"),
    ] {
        refresh(&twitch, refresh_token.expose(), &changes).await.refused(status, message);
    }
    assert_eq!(refresh(&twitch, refresh_token.expose(), &[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_application_gets_a_token_of_its_own() {
    let twitch = world_with_applications();
    let fields = [("client_id", "host"), ("client_secret", SECRET), ("grant_type", "client_credentials")];
    let answer = post(&twitch, "/oauth2/token", &fields).await;
    assert_eq!(answer.json().as_object().unwrap().len(), 3, "neither a refresh token nor scopes: {answer:?}");
    let token = answer.text("access_token");
    let validated = validate(&twitch, &token).await.json();
    assert_eq!(
        validated,
        serde_json::json!({
            "client_id": "host", "login": null, "user_id": null, "scopes": null, "expires_in": 5_184_000,
        })
    );
    let mut client = Client::connect(&twitch);
    client.send(&format!("PASS oauth:{token}\r\nNICK bot")).await;
    assert_eq!(client.rest().await, [":tmi.twitch.tv NOTICE * :Login authentication failed"]);
    for (client_id, secret, status, message) in [
        ("host", "", 400, "missing client secret"),
        ("host", "wrong", 403, "invalid client secret"),
        ("device", "wrong", 403, "invalid client secret"),
    ] {
        let fields = [("client_id", client_id), ("client_secret", secret), ("grant_type", "client_credentials")];
        post(&twitch, "/oauth2/token", &fields).await.refused(status, message);
    }
    let scoped = [&fields[..], &[("scope", "no:such:scope")]].concat();
    post(&twitch, "/oauth2/token", &scoped).await.refused(400, "invalid scope requested: 'no:such:scope'");
}

#[tokio::test(start_paused = true)]
async fn validation_takes_both_schemes_and_refuses_what_is_missing_expired_or_made_up() {
    let twitch = world_with_applications();
    twitch.set_token_lifetime(HOUR);
    let token = twitch.issue_token("host", "bot", &[]).access_token;
    for scheme in ["OAuth", "Bearer"] {
        let head = format!("authorization: {scheme} {}\r\n", token.expose());
        let answer = try_request(&twitch, "GET /oauth2/validate", &head, "").await.unwrap();
        assert_eq!((answer.status, &answer.json()["expires_in"]), (200, &3_600.into()));
    }
    for head in ["", "authorization: Basic abc\r\n", "authorization: OAuth \r\n"] {
        let answer = try_request(&twitch, "GET /oauth2/validate", head, "").await.unwrap();
        answer.refused(401, "missing authorization token");
    }
    validate(&twitch, "made-up").await.refused(401, "invalid access token");
    advance(HOUR).await;
    validate(&twitch, token.expose()).await.refused(401, "invalid access token");
    let given = validate(&twitch, "token-of-bot").await.json();
    assert_eq!((&given["login"], &given["user_id"], &given["expires_in"]), (&"bot".into(), &"1".into(), &0.into()));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_login_that_was_recycled_is_invalid() {
    let twitch = world_with_applications();
    let token = twitch.issue_token("host", "bot", &["chat:read"]).access_token;
    twitch.recycle_login("bot", "77");
    validate(&twitch, token.expose()).await.refused(401, "invalid access token");
}

#[tokio::test(start_paused = true)]
async fn a_renamed_account_keeps_its_id_its_tokens_and_its_channel() {
    let twitch = world_with_applications();
    let issued = twitch.issue_token("host", "shop", &["chat:read"]).access_token;
    twitch.rename("Shop", "Store");
    for token in [issued.expose(), "token-of-shop"] {
        let validated = validate(&twitch, token).await;
        assert_eq!((validated.text("login").as_str(), validated.text("user_id").as_str()), ("store", "3"));
        let mut client = Client::connect(&twitch);
        let answer = client.ask(&format!("PASS oauth:{token}\r\nNICK shop\r\nJOIN #store")).await;
        assert_eq!(answer[0], ":tmi.twitch.tv 001 store :Welcome, GLHF!");
        assert!(twitch.is_joined("store", "store"));
    }
    assert!(!twitch.has_channel("shop"));
    assert_ne!(twitch.user_id("shop"), "3");
}

#[tokio::test(start_paused = true)]
async fn revoking_ends_the_token_and_its_refresh_token_and_no_other() {
    let twitch = world_with_applications();
    let (gone, other) = (twitch.issue_token("host", "bot", &[]), twitch.issue_token("host", "bot", &[]));
    let token = gone.access_token.expose();
    for (fields, status, message) in [
        ([("token", token), ("client_id", "")], 400, "missing client id"),
        ([("token", token), ("client_id", "nobody")], 404, "client does not exist"),
        ([("token", ""), ("client_id", "host")], 400, "missing oauth token"),
        ([("token", "made-up"), ("client_id", "host")], 400, "Invalid token"),
        ([("token", token), ("client_id", "rival")], 400, "Invalid token"),
    ] {
        post(&twitch, "/oauth2/revoke", &fields).await.refused(status, message);
    }
    let fields = [("token", token), ("client_id", "host")];
    let answer = post(&twitch, "/oauth2/revoke", &fields).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    post(&twitch, "/oauth2/revoke", &fields).await.refused(400, "Invalid token");
    validate(&twitch, token).await.refused(401, "invalid access token");
    refresh(&twitch, gone.refresh_token.unwrap().expose(), &[]).await.refused(400, "Invalid refresh token");
    assert_eq!(validate(&twitch, other.access_token.expose()).await.status, 200);
    assert_eq!(refresh(&twitch, other.refresh_token.unwrap().expose(), &[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn withdrawn_consent_ends_what_one_application_has_of_one_account() {
    let twitch = world_with_applications();
    let gone = twitch.issue_token("host", "bot", &[]);
    let code = consent(&twitch, "bot").await;
    let kept = [twitch.issue_token("rival", "bot", &[]), twitch.issue_token("host", "other", &[])];
    twitch.disconnect_application("host", "bot");
    validate(&twitch, gone.access_token.expose()).await.refused(401, "invalid access token");
    refresh(&twitch, gone.refresh_token.unwrap().expose(), &[]).await.refused(400, "Invalid refresh token");
    exchange(&twitch, &code, &[]).await.refused(400, "Invalid authorization code");
    for token in &kept {
        assert_eq!(validate(&twitch, token.access_token.expose()).await.status, 200);
    }
    let valid: Vec<bool> = twitch.issued_tokens().iter().map(|token| token.is_valid).collect();
    assert_eq!(valid, [false, true, true]);
    assert!(twitch.revoke_token(kept[0].access_token.expose()));
    assert!(!twitch.revoke_token(kept[0].access_token.expose()));
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_ends_every_token_of_the_account() {
    let twitch = world_with_applications();
    let gone = [twitch.issue_token("host", "bot", &[]), twitch.issue_token("rival", "bot", &[])];
    let kept = twitch.issue_token("host", "other", &[]);
    twitch.change_password("Bot");
    for token in &gone {
        validate(&twitch, token.access_token.expose()).await.refused(401, "invalid access token");
    }
    validate(&twitch, "token-of-bot").await.refused(401, "invalid access token");
    assert_eq!(validate(&twitch, kept.access_token.expose()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_issued_token_logs_in_to_chat_as_its_scopes_allow_until_it_ends() {
    let twitch = world_with_applications();
    let log_in = async |token: &str| {
        let mut client = Client::connect(&twitch);
        client.send(&format!("PASS oauth:{token}\r\nNICK bot\r\nJOIN #shop\r\nPRIVMSG #shop :by {token}")).await;
        client
    };
    let full = twitch.issue_token("host", "bot", &["chat:read", "chat:edit"]).access_token;
    assert_eq!(log_in(full.expose()).await.lines().await[0], ":tmi.twitch.tv 001 bot :Welcome, GLHF!");
    assert_eq!(said(&twitch, "shop"), [format!("by {}", full.expose())]);
    let reader = twitch.issue_token("host", "bot", &["chat:read"]).access_token;
    assert_eq!(log_in(reader.expose()).await.lines().await[0], ":tmi.twitch.tv 001 bot :Welcome, GLHF!");
    assert_eq!((said(&twitch, "shop").len(), broken(&twitch)), (1, vec![fake_twitch::Rule::MissingScope]));
    let writer = twitch.issue_token("host", "bot", &["chat:edit"]).access_token;
    let refused = [":tmi.twitch.tv NOTICE * :Login authentication failed"];
    assert_eq!(log_in(writer.expose()).await.rest().await, refused);
    twitch.revoke_token(reader.expose());
    assert_eq!(log_in(reader.expose()).await.rest().await, refused);
    advance(4 * HOUR).await;
    assert_eq!(log_in(full.expose()).await.rest().await, refused);
    Client::log_in(&twitch, "bot").await;
}

#[tokio::test(start_paused = true)]
async fn an_account_without_a_static_token_logs_in_to_chat_with_an_issued_one() {
    let twitch = world_with_applications();
    let token = twitch.issue_token("host", "carol", &["chat:read"]).access_token;
    let mut client = Client::connect(&twitch);
    let answer = client.ask(&format!("PASS oauth:{}\r\nNICK carol", token.expose())).await;
    assert_eq!(answer[0], ":tmi.twitch.tv 001 carol :Welcome, GLHF!");
}

#[tokio::test(start_paused = true)]
async fn two_runs_issue_the_same_and_no_debug_output_shows_it() {
    let run = async || {
        let twitch = world_with_applications();
        exchange(&twitch, &consent(&twitch, "bot").await, &[]).await;
        twitch
    };
    let (twitch, other) = (run().await, run().await);
    let secrets = twitch.issued_secrets();
    assert_eq!(secrets.len(), 3, "a code, a refresh token and an access token");
    assert_eq!(secrets, other.issued_secrets());
    let shown = format!("{:?} {:?}", twitch.issued_tokens(), secrets);
    assert!(secrets.iter().all(|secret| !shown.contains(secret.expose())), "{shown}");
    let application = format!("{:?}", fake_twitch::Application::confidential("a", SECRET, &[]));
    assert!(!application.contains(SECRET), "{application}");
}
