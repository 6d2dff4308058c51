//! Redirects: each is checked like the first request, and sends no secret to another host.

use axum::http::Method;

use super::internet::{API, Internet, OTHER, STRANGER, ok, redirect, request, send, shown};

const URL: &str = "https://api.example.com/";

#[tokio::test(start_paused = true)]
async fn another_host_gets_the_request_without_its_secrets() {
    let internet = Internet::new();
    let first = internet.answer(API, redirect(307, "https://other.example.com/there"));
    let second = internet.answer(OTHER, ok("hello"));
    assert_eq!(internet.ask(URL).await, "200 hello");
    assert!(first.list()[0].contains("x-key: Bearer hunter2\r\n"));
    let asked = &second.list()[0];
    assert!(asked.starts_with("GET /there HTTP/1.1\r\nhost: other.example.com\r\n"), "{asked}");
    assert!(asked.contains("accept: text/plain\r\n") && !asked.contains("hunter2"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_post_is_not_made_twice_by_a_redirect_that_means_an_answer() {
    let internet = Internet::new();
    internet.answer(API, redirect(303, "https://other.example.com/"));
    let second = internet.answer(OTHER, ok("hello"));
    assert_eq!(shown(send(&internet.client(), &request(Method::POST, URL)).await), "200 hello");
    let asked = &second.list()[0];
    assert!(asked.starts_with("GET / ") && asked.ends_with("\r\n\r\n"), "{asked}");
    assert!(!asked.contains("idempotency-key") && !asked.contains("content-length"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends() {
    let internet = Internet::new();
    let heard = internet.answer(API, redirect(302, "/again"));
    assert_eq!(internet.ask(URL).await, "unreachable: more than 3 redirects");
    assert_eq!(heard.list().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_leads_where_a_request_could_not_go() {
    let internet = Internet::new();
    let never = "unreachable: the host redirects to an address that is never asked";
    internet.answer(STRANGER, ok("hello"));
    for (location, expected) in [
        ("http://api.example.com/", never),
        ("https://127.0.0.1/", never),
        ("https://[::1]/", never),
        ("https://2130706433/", never),
        ("https://api.example.com:8443/", never),
        ("https://name:word@api.example.com/", never),
        ("//169.254.169.254/latest/meta-data/", never),
        ("file:///etc/passwd", never),
        ("gopher://api.example.com/", never),
        ("https://stranger.example.com/", "stranger.example.com is not granted"),
        ("https://localhost/", "localhost is not granted"),
    ] {
        internet.answer(API, redirect(302, location));
        assert_eq!(internet.ask(URL).await, expected, "{location}");
    }
    assert!(internet.dialled().iter().all(|address| address == "93.184.215.14:443"));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_looked_up_and_checked_anew() {
    let internet = Internet::new();
    internet.answer(API, redirect(302, "/again"));
    internet.name(API, &[&["93.184.215.14"], &["10.0.0.1"]]);
    let refused = internet.ask(URL).await;
    assert_eq!(refused, "unreachable: the host's name leads to an address that is not public");
    assert_eq!(internet.dialled(), ["93.184.215.14:443"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_leads_nowhere_is_an_answer() {
    let internet = Internet::new();
    for status in [300, 304, 302] {
        internet.answer(API, format!("HTTP/1.1 {status} Here\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(internet.get(URL).await.unwrap().status, status);
    }
}
