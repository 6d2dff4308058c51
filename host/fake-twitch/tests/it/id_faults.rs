use std::time::Duration;

use fake_twitch::{Endpoint, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::web_client::{get, post, refresh, try_post, try_request, validate, world_with_applications};

#[tokio::test(start_paused = true)]
async fn the_next_requests_fail_as_asked_and_those_after_them_work() {
    let twitch = world_with_applications();
    let token = twitch.issue_token("host", "bot", &[]).access_token;
    twitch.fail_next_requests(Endpoint::Validate, &[Fault::Status(503), Fault::None, Fault::Status(401)]);
    validate(&twitch, token.expose()).await.refused(503, "service unavailable");
    assert_eq!(validate(&twitch, token.expose()).await.status, 200);
    validate(&twitch, token.expose()).await.refused(401, "unauthorized");
    assert_eq!(validate(&twitch, token.expose()).await.status, 200);
    assert_eq!(twitch.request_count(Endpoint::Validate), 4);
    assert_eq!(twitch.request_count(Endpoint::Token), 0);
}

#[tokio::test(start_paused = true)]
async fn a_standing_failure_lasts_until_it_is_lifted_and_is_of_one_endpoint() {
    let twitch = world_with_applications();
    twitch.fail_requests(Endpoint::Device, Fault::Status(500));
    let fields = [("client_id", "device")];
    for _ in 0..2 {
        post(&twitch, "/oauth2/device", &fields).await.refused(500, "internal server error");
    }
    assert_eq!(get(&twitch, "/activate", &[]).await.status, 200);
    twitch.fail_requests(Endpoint::Device, Fault::None);
    assert_eq!(post(&twitch, "/oauth2/device", &fields).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_takes_its_time() {
    let twitch = world_with_applications();
    let (token, began) = (twitch.issue_token("host", "bot", &[]).access_token, Instant::now());
    twitch.fail_next_requests(Endpoint::Validate, &[Fault::Slow(Duration::from_secs(20))]);
    assert_eq!(validate(&twitch, token.expose()).await.status, 200);
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_changes_nothing_and_a_lost_answer_has_rotated_the_token() {
    let twitch = world_with_applications();
    let old = twitch.issue_token("device", "bot", &[]).refresh_token.unwrap();
    let fields = [("grant_type", "refresh_token"), ("client_id", "device"), ("refresh_token", old.expose())];
    twitch.fail_next_requests(Endpoint::Token, &[Fault::Drop, Fault::LoseAnswer]);
    assert!(try_post(&twitch, "/oauth2/token", &fields).await.is_none());
    assert_eq!(twitch.issued_tokens().len(), 1);
    assert!(try_post(&twitch, "/oauth2/token", &fields).await.is_none());
    assert_eq!(twitch.issued_tokens().len(), 2);
    let public = [("client_id", "device"), ("client_secret", "")];
    refresh(&twitch, old.expose(), &public).await.refused(400, "Invalid refresh token");
    let lost = twitch.issued_tokens()[1].refresh_token.clone().unwrap();
    assert_eq!(refresh(&twitch, lost.expose(), &public).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_test_can_wait_for_a_request() {
    let twitch = world_with_applications();
    let waiting = tokio::spawn({
        let twitch = twitch.clone();
        async move { twitch.until_requested(Endpoint::Validate, 2).await }
    });
    validate(&twitch, "made-up").await;
    assert!(!waiting.is_finished());
    validate(&twitch, "made-up").await;
    waiting.await.unwrap();
    assert!(try_request(&twitch, "GET /elsewhere", "", "").await.is_some());
    assert_eq!(twitch.request_count(Endpoint::Validate), 2);
}

#[tokio::test]
async fn the_same_server_is_on_the_loopback_interface() {
    let twitch = world_with_applications();
    let mut stream = TcpStream::connect(twitch.listen_id().await.unwrap()).await.unwrap();
    stream.write_all(b"GET /oauth2/validate HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    assert!(answer.ends_with("{\"message\":\"missing authorization token\",\"status\":401}"), "{answer}");
}
