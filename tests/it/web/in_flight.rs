//! Limits on requests in flight, and requests that are cancelled.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use twitchy::config::WebConfig;
use twitchy::domain::id::ChannelId;
use twitchy::sandbox::web::client::WebClient;

use super::internet::{API, Internet, ok, read_request, request, send, send_for, shown};

const URL: &str = "https://api.example.com/";

/// Sets a server that never answers. Its receiver gets "asked" for each request and "gone" when the client disconnects.
fn serve_nobody(internet: &Internet) -> mpsc::UnboundedReceiver<&'static str> {
    let (tell, told) = mpsc::unbounded_channel();
    internet.serve(API, move |mut stream| {
        let tell = tell.clone();
        async move {
            read_request(&mut stream).await;
            tell.send("asked").ok();
            while stream.read_u8().await.is_ok() {}
            tell.send("gone").ok();
        }
    });
    told
}

fn start(client: &Arc<WebClient>, channel: u64) -> tokio::task::JoinHandle<String> {
    let client = Arc::clone(client);
    tokio::spawn(async move { shown(send_for(&client, &request(Method::GET, URL), ChannelId(channel)).await) })
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_place() {
    let internet = Internet::new();
    let mut told = serve_nobody(&internet);
    let config = WebConfig { connections: 3, connections_per_module: 2, ..WebConfig::default() };
    let client = Arc::new(internet.client_with(&config));
    let mut running = Vec::new();
    for channel in [1, 1, 2] {
        running.push(start(&client, channel));
        assert_eq!(told.recv().await, Some("asked"));
    }
    let asked_at = Instant::now();
    for channel in [1, 2, 3] {
        assert_eq!(start(&client, channel).await.unwrap(), "unreachable: too many requests at once");
    }
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
    for running in running {
        assert_eq!(running.await.unwrap(), "the host did not answer in time");
    }
    internet.answer(API, ok("hello"));
    assert_eq!(start(&client, 1).await.unwrap(), "200 hello");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_ends() {
    let internet = Internet::new();
    let mut told = serve_nobody(&internet);
    let client = Arc::new(internet.client());
    let running = start(&client, 1);
    assert_eq!(told.recv().await, Some("asked"));
    let asked_at = Instant::now();
    running.abort();
    assert_eq!(told.recv().await, Some("gone"));
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_no_more_than_its_share() {
    let internet = Internet::new();
    let config = WebConfig { response_bytes: 5, ..WebConfig::default() };
    let client = internet.client_with(&config);
    for (body, expected) in [("12345", "200 12345"), ("123456", "the answer is too large")] {
        internet.answer(API, ok(body));
        assert_eq!(shown(send(&client, &request(Method::GET, URL)).await), expected);
    }
}
