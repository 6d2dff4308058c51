use super::*;

/// Expects that the account is in its channel again and receives messages.
async fn expect_back(twitch: &FakeTwitch, bot: &mut Bot, text: &str) {
    assert!(matches!(bot.next_event().await, Event::Joined { .. }));
    twitch.say("shop", "alice", text).unwrap();
    assert_eq!(&*bot.next_message().await.text, text);
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_from_whatever_happens_to_the_connection() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.reconnect();
    expect_back(&twitch, &mut bot, "after a RECONNECT").await;
    twitch.raw(":tmi.twitch.tv RECONNECT");
    expect_back(&twitch, &mut bot, "after a RECONNECT that was not followed by an end").await;
    twitch.drop_connections();
    expect_back(&twitch, &mut bot, "after an end").await;
    let stopped_at = Instant::now();
    twitch.stop_answering();
    expect_back(&twitch, &mut bot, "after a half-open connection").await;
    assert!(stopped_at.elapsed() < Duration::from_secs(120), "{:?}", stopped_at.elapsed());
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_kept() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    tokio::time::sleep(Duration::from_secs(6 * 60 * 60)).await;
    assert_eq!(*bot.dialled.borrow(), 1);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_keeps_ending_is_made_ever_more_rarely() {
    let (twitch, mut bot) = start();
    let end_at = Instant::now() + Duration::from_secs(60 * 60);
    while Instant::now() < end_at {
        bot.until_phase(Phase::Online).await;
        twitch.drop_connections();
        bot.until_phase(Phase::Connecting).await;
    }
    let attempts = *bot.dialled.borrow();
    assert!((30..80).contains(&attempts), "{attempts}");
    assert_eq!(twitch.violations(), []);
}

/// No such host; no listener; no network; a server that cannot prove its identity.
#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_is_asked_ever_more_rarely_and_found_when_it_is_back() {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, InvalidData, NotFound};

    let (twitch, mut bot) = start();
    bot.join("shop").await;
    for kind in [NotFound, ConnectionRefused, HostUnreachable, InvalidData] {
        let before = *bot.dialled.borrow();
        *bot.failing.lock().unwrap() = Some(kind);
        twitch.drop_connections();
        tokio::time::sleep(Duration::from_secs(60 * 60)).await;
        let attempts = *bot.dialled.borrow() - before;
        assert!((25..80).contains(&attempts), "{kind}: {attempts}");
        *bot.failing.lock().unwrap() = None;
        expect_back(&twitch, &mut bot, "back again").await;
        // Long enough for the connection to count as good again.
        tokio::time::sleep(Duration::from_secs(120)).await;
    }
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn what_waits_survives_a_reconnect_while_it_is_fresh() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.refuse_connections(true);
    twitch.drop_connections();
    bot.until_phase(Phase::Connecting).await;
    bot.say("shop", "stale");
    tokio::time::sleep(Duration::from_secs(19)).await;
    bot.say("shop", "fresh");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bot.state.borrow().counts.stale, 1);
    twitch.refuse_connections(false);
    let state = bot.until(|state| state.settled == 2).await;
    assert_eq!(state.counts.stale, 2 - texts(&twitch, "shop").len() as u64);
}

#[tokio::test(start_paused = true)]
async fn strange_lines_are_counted_and_the_connection_lives() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.raw("@a=b");
    twitch.raw("PRIVMSG  #shop :two spaces");
    twitch.raw(b"@id=\xff :alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :\xff");
    twitch.raw("");
    twitch.raw("x".repeat(1_000_000));
    twitch.say("shop", "alice", "still there?").unwrap();
    assert_eq!(&*bot.next_message().await.text, "still there?");
    let counts = bot.until(|state| state.counts.long_lines == 1).await.counts;
    assert_eq!((counts.malformed_lines, *bot.dialled.borrow()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_nobody_empties_costs_events_and_not_the_connection() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    for n in 0..1_500 {
        twitch.say("shop", "alice", &n.to_string()).unwrap();
        if n % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bot.state.borrow().counts.events_dropped, 500);
    for n in 0..1_000 {
        assert_eq!(*bot.next_message().await.text, n.to_string());
    }
    twitch.say("shop", "alice", "again").unwrap();
    assert_eq!(&*bot.next_message().await.text, "again");
    assert_eq!(*bot.dialled.borrow(), 1);
    assert_eq!(twitch.violations(), []);
}
