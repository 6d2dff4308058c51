//! Servers that repeat a secret from the request in their answers.

use axum::http::Method;

use super::internet::{API, Internet, OTHER, ok, redirect, request, send, shown};

const URL: &str = "https://api.example.com/";

#[tokio::test(start_paused = true)]
async fn a_key_that_an_answer_repeats_is_blotted_out() {
    let internet = Internet::new();
    let body = r#"{"error":"no such key: hunter2"}"#;
    let head = format!("HTTP/1.1 401 No\r\nx-key: Bearer hunter2\r\ncontent-length: {}\r\n\r\n", body.len());
    let heard = internet.answer(API, format!("{head}{body}"));
    let response = internet.get(URL).await.unwrap();
    assert!(heard.list()[0].contains("x-key: Bearer hunter2\r\n"));
    assert_eq!(response.body, br#"{"error":"no such key: *******"}"#);
    let told = [("x-key", "Bearer *******"), ("content-length", "32")];
    assert_eq!(response.headers, told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // The secret may be split over chunks.
    internet.answer(API, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhunt\r\n3\r\ner2\r\n0\r\n\r\n");
    assert_eq!(internet.ask(URL).await, "200 *******");
}

#[tokio::test(start_paused = true)]
async fn so_it_is_where_another_host_was_led_to_repeat_it() {
    let internet = Internet::new();
    internet.answer(API, redirect(302, "https://other.example.com/?key=hunter2"));
    internet.answer(OTHER, ok("your key is hunter2"));
    assert_eq!(internet.ask(URL).await, "200 your key is *******");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_redirect_leads_to_tells_no_secret() {
    let internet = Internet::new();
    internet.answer(API, redirect(302, "https://Hunter2.example.com/"));
    assert_eq!(internet.ask(URL).await, "unreachable: the host redirects to an address that is never asked");
}

#[tokio::test(start_paused = true)]
async fn what_looks_like_a_secret_and_was_not_sent_stays() {
    let internet = Internet::new();
    internet.answer(API, ok("hunter2"));
    let mut asked = request(Method::GET, URL);
    asked.headers.clear();
    assert_eq!(shown(send(&internet.client(), &asked).await), "200 hunter2");
}
