use std::time::Duration;

use fake_twitch::{FakeTwitch, Rule};
use tokio::time::advance;

use crate::client::broken;
use crate::web_client::{Answer, change, get, post, refresh, validate, world_with_applications};

async fn start(twitch: &FakeTwitch) -> Answer {
    post(twitch, "/oauth2/device", &[("client_id", "device"), ("scopes", "chat:read chat:edit")]).await
}

/// The exchange of a device code by `device`, with changes.
async fn poll(twitch: &FakeTwitch, device_code: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "device"),
        ("scopes", "chat:read chat:edit"),
        ("device_code", device_code),
    ];
    post(twitch, "/oauth2/token", &change(&usual, changes)).await
}

#[tokio::test(start_paused = true)]
async fn a_device_gets_tokens_once_a_person_has_entered_its_code() {
    let twitch = world_with_applications();
    let started = start(&twitch).await;
    let (device_code, user_code) = (started.text("device_code"), started.text("user_code"));
    assert_eq!((&started.json()["expires_in"], &started.json()["interval"]), (&1_800.into(), &5.into()));
    assert_eq!(started.text("verification_uri"), format!("http://id.test/activate?device-code={user_code}"));
    poll(&twitch, &device_code, &[]).await.refused(400, "authorization_pending");
    let page = get(&twitch, "/activate", &[("device-code", &user_code)]).await;
    for part in ["device wants to access", "<li>chat:edit</li>", &user_code, "<option>bot</option>"] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
    let typed = format!("{}-{}", &user_code[..4].to_lowercase(), &user_code[4..]);
    let entered = [("device-code", typed.as_str()), ("choice", "approve"), ("login", "bot")];
    let done = post(&twitch, "/activate", &entered).await;
    assert!(done.status == 200 && done.body.contains("Done"), "{done:?}");
    let tokens = poll(&twitch, &device_code, &[]).await;
    assert_eq!(validate(&twitch, &tokens.text("access_token")).await.text("login"), "bot");
    poll(&twitch, &device_code, &[]).await.refused(400, "invalid device code");
    let changes = [("client_id", "device"), ("client_secret", "")];
    let refreshed = refresh(&twitch, &tokens.text("refresh_token"), &changes).await;
    assert_ne!(refreshed.text("refresh_token"), tokens.text("refresh_token"));
    // The code of the person is used up too.
    assert_eq!(post(&twitch, "/activate", &entered).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_page_without_a_code_asks_for_it() {
    let twitch = world_with_applications();
    for page in [get(&twitch, "/activate", &[]).await, get(&twitch, "/activate", &[("device-code", "<WRONG>")]).await] {
        assert!(page.body.contains("<input name=\"device-code\""), "{}", page.body);
        assert!(!page.body.contains("<WRONG>"), "{}", page.body);
    }
    let unknown = [("device-code", "WRONGONE"), ("choice", "approve"), ("login", "bot")];
    assert_eq!(post(&twitch, "/activate", &unknown).await.status, 400);
    let stranger = [("device-code", "WRONGONE"), ("choice", "approve"), ("login", "stranger")];
    post(&twitch, "/activate", &stranger).await.refused(400, "no account has this login");
}

#[tokio::test(start_paused = true)]
async fn a_denied_an_expired_and_a_foreign_device_code_are_invalid() {
    let twitch = world_with_applications();
    let denied = start(&twitch).await;
    let denial = [("device-code", &*denied.text("user_code")), ("choice", "deny")];
    assert_eq!(post(&twitch, "/activate", &denial).await.status, 200);
    poll(&twitch, &denied.text("device_code"), &[]).await.refused(400, "invalid device code");
    let ours = start(&twitch).await;
    let theirs = poll(&twitch, &ours.text("device_code"), &[("client_id", "rival")]).await;
    theirs.refused(400, "invalid device code");
    assert!(!twitch.deny_device("WRONGONE"));
    advance(Duration::from_secs(1_800)).await;
    poll(&twitch, &ours.text("device_code"), &[]).await.refused(400, "invalid device code");
    assert!(!twitch.approve_device(&ours.text("user_code"), "bot"));
}

#[tokio::test(start_paused = true)]
async fn consent_that_is_withdrawn_before_the_device_asks_again_gives_nothing() {
    let twitch = world_with_applications();
    let (ours, theirs) = (start(&twitch).await, start(&twitch).await);
    assert!(twitch.approve_device(&ours.text("user_code"), "bot"));
    assert!(twitch.approve_device(&theirs.text("user_code"), "other"));
    twitch.disconnect_application("device", "bot");
    poll(&twitch, &ours.text("device_code"), &[]).await.refused(400, "invalid device code");
    assert_eq!(poll(&twitch, &theirs.text("device_code"), &[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_wait_for_the_interval_breaks_a_rule() {
    let twitch = world_with_applications();
    let started = start(&twitch).await;
    for (wait, expected) in [(0, 0), (5, 0), (4, 1), (5, 1)] {
        advance(Duration::from_secs(wait)).await;
        poll(&twitch, &started.text("device_code"), &[]).await.refused(400, "authorization_pending");
        assert_eq!(broken(&twitch), vec![Rule::Polling; expected]);
    }
    assert_eq!(twitch.violations()[0].account, "device");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_of_a_device_is_refused_with_its_reason() {
    let twitch = world_with_applications();
    for (fields, message) in [
        ([("client_id", ""), ("scopes", "")], "missing client id"),
        ([("client_id", "nobody"), ("scopes", "")], "invalid client"),
        ([("client_id", "device"), ("scopes", "chat:raed")], "invalid scope requested: 'chat:raed'"),
    ] {
        post(&twitch, "/oauth2/device", &fields).await.refused(400, message);
    }
    poll(&twitch, "", &[]).await.refused(400, "missing device code");
    poll(&twitch, "made-up", &[]).await.refused(400, "invalid device code");
}

#[tokio::test(start_paused = true)]
async fn a_confidential_application_may_use_the_device_flow_and_keeps_its_refresh_token() {
    let twitch = world_with_applications();
    let started = post(&twitch, "/oauth2/device", &[("client_id", "host"), ("scopes", "chat:read")]).await;
    assert!(twitch.approve_device(&started.text("user_code"), "bot"));
    let tokens = poll(&twitch, &started.text("device_code"), &[("client_id", "host")]).await;
    let refreshed = refresh(&twitch, &tokens.text("refresh_token"), &[]).await;
    assert_eq!(refreshed.text("refresh_token"), tokens.text("refresh_token"));
}
