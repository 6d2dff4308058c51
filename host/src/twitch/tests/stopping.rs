use super::*;

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_before_the_end() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    for n in 0..5 {
        bot.say("shop", &n.to_string());
    }
    bot.shutdown.cancel();
    bot.until_phase(Phase::Stopped).await;
    assert_eq!(texts(&twitch, "shop"), ["0", "1", "2", "3", "4"]);
    (&mut bot.task).await.unwrap();
    twitch.until_connected(0).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_what_cannot_be_sent_in_time() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    for n in 0..30 {
        bot.say("shop", &n.to_string());
    }
    bot.twitch.ping_and_wait().await;
    let stopped_at = Instant::now();
    bot.shutdown.cancel();
    bot.until_phase(Phase::Stopped).await;
    assert_eq!(stopped_at.elapsed(), Duration::from_secs(10));
    assert!(texts(&twitch, "shop").len() < 15);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_online_stops_at_once() {
    let (_twitch, mut bot) = start();
    bot.token.set(Err(FetchTokenError::Unavailable("the vault is closed".into())));
    bot.until_phase(Phase::NoToken).await;
    let stopped_at = Instant::now();
    bot.shutdown.cancel();
    bot.until_phase(Phase::Stopped).await;
    assert_eq!(stopped_at.elapsed(), Duration::ZERO);
}
