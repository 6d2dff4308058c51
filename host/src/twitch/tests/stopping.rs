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

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_break_the_limits() {
    let (twitch, mut bot) = start();
    let names: Vec<String> = (0..19).map(|number| format!("room_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.iter().for_each(|name| drop(twitch.add_channel(name)));
    let mut used = UsedLimits::default();
    for round in 0..3 {
        bot.want(&names);
        bot.until(|state| state.joined == names.len()).await;
        names.iter().for_each(|name| bot.say(name, &format!("hello, the {round}th time")));
        bot.until_settled(names.len() as u64).await;
        bot.shutdown.cancel();
        (&mut bot.task).await.unwrap();
        used = bot.state.borrow().used;
        bot = Bot::start_again(&twitch, "twitchy", &Arc::default(), &LimitsConfig::default(), used);
    }
    assert_eq!(twitch.violations(), []);
    // One message fitted beside the assumed ones, and the others after those had left the window.
    assert!(used.messages >= 18, "{used:?}");
}
