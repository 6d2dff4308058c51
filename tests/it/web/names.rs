//! Names that lead to private addresses, and hosts without a valid certificate.

use axum::http::Method;
use tokio::time::Instant;

use super::internet::{API, Internet, PRETENDER, ok, request, send, shown};

const URL: &str = "https://api.example.com/";
const NOT_PUBLIC: &str = "unreachable: the host's name leads to an address that is not public";

#[tokio::test(start_paused = true)]
async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
    let internet = Internet::new();
    internet.answer(API, ok("hello"));
    // The first look-up, for the check, finds a public address; a second one would find a private address.
    internet.name(API, &[&["93.184.215.14"], &["127.0.0.1"]]);
    let client = internet.client();
    assert_eq!(shown(send(&client, &request(Method::GET, URL)).await), "200 hello");
    assert_eq!((internet.lookups(), internet.dialled()), (1, vec!["93.184.215.14:443".to_owned()]));
    assert_eq!(shown(send(&client, &request(Method::GET, URL)).await), NOT_PUBLIC);
    assert_eq!(internet.dialled().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_private_address_is_enough_to_ask_none() {
    let internet = Internet::new();
    internet.answer(API, ok("hello"));
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::ffff:93.184.215.14",
        "fd00:ec2::254",
        "fe80::1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
    ] {
        for addresses in [&[private][..], &["93.184.215.14", private], &[private, "93.184.215.14"]] {
            internet.name(API, &[addresses]);
            assert_eq!(internet.ask(URL).await, NOT_PUBLIC, "{addresses:?}");
        }
    }
    assert_eq!(internet.dialled(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_where_nobody_answers() {
    let internet = Internet::new();
    internet.answer(API, ok("hello"));
    internet.name(API, &[&["2606:4700::1", "93.184.215.14"]]);
    assert_eq!(internet.ask(URL).await, "200 hello");
    let dead = ["1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4", "93.184.215.14"];
    internet.name(API, &[&dead]);
    assert_eq!(internet.ask(URL).await, "unreachable: no connection: connection refused", "the fifth is not tried");
    internet.name(API, &[&[]]);
    assert_eq!(internet.ask(URL).await, "unreachable: the host has no address");
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_does_not_use_up_the_time_of_the_next() {
    let internet = Internet::new();
    internet.answer(API, ok("hello"));
    internet.silence("2606:4700::1");
    internet.name(API, &[&["2606:4700::1", "93.184.215.14"]]);
    let asked_at = Instant::now();
    assert_eq!(internet.ask(URL).await, "200 hello");
    assert_eq!(asked_at.elapsed().as_millis(), 250);
    // The last address may use all the time left.
    internet.name(API, &[&["2606:4700::1"]]);
    assert_eq!(internet.ask(URL).await, "the host did not answer in time");
}

#[tokio::test(start_paused = true)]
async fn only_hosts_that_were_granted_are_even_looked_up() {
    let internet = Internet::new();
    for (url, host) in [
        ("https://stranger.example.com/", "stranger.example.com"),
        ("https://sub.api.example.com/", "sub.api.example.com"),
        ("https://example.com/", "example.com"),
        ("https://api.example.com.evil.example/", "api.example.com.evil.example"),
        ("https://localhost/", "localhost"),
    ] {
        assert_eq!(internet.ask(url).await, format!("{host} is not granted"));
    }
    for url in ["http://api.example.com/", "https://api.example.com:8443/", "https://a@api.example.com/", "file:///"] {
        assert!(internet.ask(url).await.starts_with("invalid request: the address "), "{url}");
    }
    assert_eq!(internet.lookups(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_proves_who_it_is_before_it_is_told_anything() {
    let internet = Internet::new();
    let heard = internet.answer(PRETENDER, ok("hello"));
    let untrusted = "unreachable: the host's certificate is not valid for it";
    assert_eq!(internet.ask("https://pretender.example.com/").await, untrusted);
    // A certificate for the right name, which no trusted authority has signed.
    let (mine, theirs) = (Internet::new(), Internet::new());
    mine.answer(API, ok("hello"));
    theirs.answer(API, ok("hello"));
    let client = mine.client_of(&theirs);
    assert_eq!(shown(send(&client, &request(Method::GET, URL)).await), untrusted);
    assert_eq!(heard.list(), Vec::<String>::new());
}
