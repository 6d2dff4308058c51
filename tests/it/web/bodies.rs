//! Answers that never end, never begin, or are not HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use twitchy::config::WebConfig;

use super::internet::{API, Encrypted, Internet, ok, read_request, request, say, say_for_ever, send, shown};

const URL: &str = "https://api.example.com/v1/dice?sides=6";

async fn ask(internet: &Arc<Internet>) -> String {
    internet.ask(URL).await
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_told() {
    let internet = Internet::new();
    let heard = internet.answer(API, "HTTP/1.1 404 No\r\nX-Dice: 4\r\nx-dice: 5\r\ncontent-length: 5\r\n\r\nnever");
    let response = internet.get(URL).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (404, b"never".as_slice()));
    let dice: Vec<_> = response.headers.iter().filter(|(name, _)| name == "x-dice").map(|(_, value)| value).collect();
    assert_eq!(dice, ["4", "5"]);
    let version = env!("CARGO_PKG_VERSION");
    let lines = [
        "GET /v1/dice?sides=6 HTTP/1.1",
        "host: api.example.com",
        &format!("user-agent: twitchy/{version}"),
        "connection: close",
        "accept: text/plain",
        "x-key: Bearer hunter2",
    ];
    assert_eq!(heard.list(), [format!("{}\r\n\r\n", lines.join("\r\n"))], "and nothing else");
}

#[tokio::test(start_paused = true)]
async fn what_may_change_something_carries_a_key() {
    let internet = Internet::new();
    let heard = internet.answer(API, ok("done"));
    let client = internet.client();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET, Method::HEAD] {
        let sent = send(&client, &request(method.clone(), URL)).await.unwrap();
        assert_eq!(sent.body, if method == Method::HEAD { "" } else { "done" }.as_bytes());
        let last = heard.list().pop().unwrap();
        assert_eq!(last.contains("idempotency-key: message-1\r\n"), !method.is_safe(), "{last}");
    }
    assert!(heard.list()[0].ends_with("\r\n\r\nhello"));
}

async fn hears_nothing(stream: Encrypted) {
    let _held = stream;
    std::future::pending::<()>().await;
}

async fn drips(mut stream: Encrypted) {
    read_request(&mut stream).await;
    let mut goes_on = say(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    while goes_on {
        sleep(Duration::from_millis(100)).await;
        goes_on = say(&mut stream, b"a").await;
    }
}

async fn drips_headers(mut stream: Encrypted) {
    read_request(&mut stream).await;
    let mut goes_on = say(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
    while goes_on {
        sleep(Duration::from_millis(100)).await;
        goes_on = say(&mut stream, b"a").await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_left_when_the_time_is_over() {
    let internet = Internet::new();
    let within = WebConfig::default().answer_within;
    for server in [0, 1, 2] {
        match server {
            0 => internet.serve(API, hears_nothing),
            1 => internet.serve(API, drips),
            _ => internet.serve(API, drips_headers),
        }
        let asked_at = Instant::now();
        assert_eq!(ask(&internet).await, "the host did not answer in time", "server {server}");
        assert_eq!(asked_at.elapsed().as_millis(), within.as_millis(), "server {server}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_or_is_cut_off() {
    let internet = Internet::new();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk.as_str()),
        ("HTTP/1.1 200 OK\r\n\r\n", &"a".repeat(1000)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\n", "x-a: b\r\n"),
        ("HTTP/1.1 200 OK\r\nx-a: ", &"b".repeat(1000)),
        ("HTTP/1.1 200 ", &"b".repeat(1000)),
    ] {
        let (first, again) = (first.to_owned(), again.to_owned());
        let name = format!("{first:?}");
        internet.serve(API, move |stream| {
            let (first, again) = (first.clone(), again.clone());
            async move { say_for_ever(stream, &first, &again).await }
        });
        let asked_at = Instant::now();
        assert_eq!(ask(&internet).await, "the answer is too large", "{name}");
        assert_eq!(asked_at.elapsed(), Duration::ZERO, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_follow_a_body_end_too() {
    let internet = Internet::new();
    internet.serve(API, |stream| async move {
        say_for_ever(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "x-a: b\r\n").await;
    });
    let asked_at = Instant::now();
    assert_eq!(ask(&internet).await, "unreachable: the connection broke");
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn promises_of_an_answer_are_no_answer() {
    let internet = Internet::new();
    internet.serve(API, |stream| async move {
        say_for_ever(stream, "", &"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)).await;
    });
    assert_eq!(ask(&internet).await, "the answer is too large");
}

#[tokio::test(start_paused = true)]
async fn too_many_headers_are_too_large_and_many_are_not() {
    let internet = Internet::new();
    let answer = |count| format!("HTTP/1.1 204 No\r\n{}\r\n", "x-a: b\r\n".repeat(count));
    internet.answer(API, answer(64));
    assert_eq!(internet.get(URL).await.unwrap().headers.len(), 64);
    internet.answer(API, answer(65));
    assert_eq!(ask(&internet).await, "the answer is too large");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_told_in_our_own_words() {
    let internet = Internet::new();
    let ended = "unreachable: the connection ended before the answer";
    let garbage = "unreachable: what came back is not HTTP";
    for (answer, expected) in [
        ("", ended),
        ("HTTP/1.1 200 OK\r\ncontent-", ended),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhunter2", "unreachable: the connection broke"),
        ("hunter2 hunter2\r\n\r\n", garbage),
        ("HTTP/0.9 200 OK\r\n\r\n", garbage),
        ("HTTP/1.1 200 OK\r\nhunter2\r\n\r\n", garbage),
        ("HTTP/1.1 200 OK\r\ncontent-length: hunter2\r\n\r\n", garbage),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhunter2\r\n", "unreachable: the connection broke"),
    ] {
        internet.answer(API, answer);
        assert_eq!(ask(&internet).await, expected, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let internet = Internet::new();
    internet.answer(API, "HTTP/1.1 200 OK\r\n\r\nall of it");
    assert_eq!(ask(&internet).await, "200 all of it");
    // A connection cut by an attacker: it ends without TLS's closing alert.
    internet.serve(API, |mut stream| async move {
        read_request(&mut stream).await;
        say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nhalf of").await;
        stream.get_mut().0.shutdown().await.unwrap();
    });
    assert!(ask(&internet).await.starts_with("unreachable: "));
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_not_begun() {
    let internet = Internet::new();
    internet.answer(API, "HTTP/1.1 101 Now\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello");
    assert_eq!(ask(&internet).await, "101 ");
    internet
        .answer(API, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nand");
    assert_eq!(ask(&internet).await, "200 ok", "what follows is nobody's answer");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_before_the_question_ends() {
    let internet = Internet::new();
    // The server refuses the request without reading its body, and closes the connection.
    internet.serve(API, |mut stream| async move {
        say(&mut stream, b"HTTP/1.1 413 Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much").await;
        stream.shutdown().await.ok();
    });
    let mut asked = request(Method::POST, URL);
    asked.body = Some(vec![b'a'; 300 << 10]);
    assert_eq!(shown(send(&internet.client(), &asked).await), "413 too much");
}

#[tokio::test(start_paused = true)]
async fn two_lengths_are_none() {
    let internet = Internet::new();
    internet.answer(API, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc");
    assert!(ask(&internet).await.starts_with("unreachable: "));
}

#[tokio::test(start_paused = true)]
async fn a_longer_answer_than_promised_is_cut_there() {
    let internet = Internet::new();
    internet.answer(API, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef");
    assert_eq!(ask(&internet).await, "200 abc");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_unpacked_and_nothing_is_kept() {
    let internet = Internet::new();
    let body = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nset-cookie: a=b\r\ncontent-length: 3\r\n\r\nabc";
    let heard = internet.answer(API, body);
    let client = internet.client();
    for _ in 0..2 {
        assert_eq!(shown(send(&client, &request(Method::GET, URL)).await), "200 abc");
    }
    assert!(heard.list().iter().all(|asked| !asked.contains("cookie") && !asked.contains("accept-encoding")));
}
