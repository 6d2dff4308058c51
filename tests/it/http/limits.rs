//! Rate limits by key and address, and the host names that a request may name.

use std::time::Duration;

use twitchy::config::HttpConfig;

use super::harness::Site;

const OWN: &str = "GET /api/v1/keys/self";

#[tokio::test]
async fn one_key_has_its_rate_and_no_other_pays_for_it() {
    let site = Site::with(HttpConfig { rate: 2, burst: 3, ..HttpConfig::default() }).await;
    for _ in 0..3 {
        assert_eq!(site.ask(OWN, &site.own).await.status, 200);
    }
    let answer = site.ask(OWN, &site.own).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(site.ask(OWN, &site.other).await.status, 200);
    site.house.clock.advance(Duration::from_millis(500));
    assert_eq!(site.ask(OWN, &site.own).await.status, 200);
    site.close().await;
}

#[tokio::test]
async fn who_tries_keys_is_slowed_by_address_even_with_a_right_one() {
    let site = Site::open().await;
    let wrong = format!("twk_ffffffffffff_{}", "0".repeat(64));
    for _ in 0..10 {
        assert_eq!(site.ask(OWN, &wrong).await.status, 401);
    }
    let answer = site.ask(OWN, &wrong).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "6"));
    assert_eq!(site.ask(OWN, &site.own).await.status, 429);
    assert_eq!(site.send(OWN, &site.own, &[("x-peer", "192.0.2.2:1")], "").await.status, 200);
    site.house.clock.advance(Duration::from_secs(6));
    assert_eq!(site.ask(OWN, &site.own).await.status, 200);
    site.close().await;
}

#[tokio::test]
async fn without_a_key_an_address_has_its_rate() {
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let site = Site::with(HttpConfig { burst_without_key: 2, trusted_proxies, ..HttpConfig::default() }).await;
    let ask = async |peer, forwarded| {
        site.send("GET /healthz", "", &[("x-peer", peer), ("x-forwarded-for", forwarded)], "").await.status
    };
    assert_eq!(ask("192.0.2.1:1", "1.1.1.1").await, 200);
    assert_eq!(ask("192.0.2.1:2", "2.2.2.2").await, 200);
    assert_eq!(ask("192.0.2.1:3", "3.3.3.3").await, 429, "a stranger's word on its address does not count");
    for forwarded in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        assert_eq!(ask("10.0.0.1:1", forwarded).await, 200);
    }
    site.close().await;
}

#[tokio::test]
async fn a_request_for_another_host_is_not_ours() {
    let site = Site::open().await;
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
        let answer = site.send(OWN, &site.own, &[("host", host)], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (421, "unknown_host"), "{host}");
    }
    assert_eq!(site.send(OWN, &site.own, &[("host", "127.0.0.1:8080")], "").await.status, 200);
    site.close().await;
}

#[tokio::test]
async fn who_showed_a_right_key_before_is_not_locked_out_by_others_at_its_address() {
    let site = Site::open().await;
    assert_eq!(site.ask(OWN, &site.own).await.status, 200);
    // The revoked key stands for a job that still uses its old key.
    let spare = site.make_key("channel:100", None).await;
    assert_eq!(site.ask(OWN, &spare).await.status, 200);
    site.ask(&format!("DELETE /api/v1/keys/{}", &spare[4..16]), &site.operator).await;
    for _ in 0..10 {
        assert_eq!(site.ask(OWN, &spare).await.status, 401);
    }
    assert_eq!(site.ask(OWN, &spare).await.status, 429, "it was right once");
    assert_eq!(site.ask(OWN, &site.own).await.status, 200);
    let mut guessed = site.own.clone();
    guessed.replace_range(guessed.len() - 1.., "0");
    assert_eq!(site.ask(OWN, &guessed).await.status, 429, "nobody may guess faster for knowing a key's id");
    assert_eq!(site.ask(OWN, &site.other).await.status, 429, "it was not shown from here before");
    site.close().await;
}
