use fake_twitch::{Kind, Role as TwitchRole, Say, SharedFrom};

use super::*;

#[tokio::test(start_paused = true)]
async fn replies_of_each_kind_arrive_as_they_are_meant() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    let asked = twitch.say("shop", "alice", "!balance").unwrap();
    let answer = bot.message("shop", Reply::Answer("5 points".into()));
    bot.send(OutgoingMessage { reply_to: Some(MessageId(asked.clone().into())), ..answer });
    bot.send(bot.message("shop", Reply::Action("waves".into())));
    bot.send(bot.message("shop", Reply::Answer("to nobody".into())));
    bot.until_settled(3).await;
    twitch.ping_and_wait().await;
    let said: Vec<_> = twitch.messages("shop").into_iter().skip(1).map(|m| (m.text, m.kind, m.reply_to)).collect();
    let expected = [
        ("5 points".to_owned(), Kind::Message, Some(asked)),
        ("waves".to_owned(), Kind::Action, None),
        ("to nobody".to_owned(), Kind::Message, None),
    ];
    assert_eq!(said, expected);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_said_becomes_a_command() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.add_channel("victim");
    for text in [
        "hi\r\nPRIVMSG #victim :pwned",
        "hi\nJOIN #victim",
        "a\0b",
        "/ban alice",
        ".me waves",
        "\u{1}ACTION x\u{1}",
        "!give",
    ] {
        bot.say("shop", text);
    }
    let odd_id = bot.message("shop", Reply::Answer("odd".into()));
    bot.send(OutgoingMessage { reply_to: Some(MessageId("x PRIVMSG #victim :pwned\r\n".into())), ..odd_id });
    bot.until_settled(8).await;
    twitch.ping_and_wait().await;
    let said = [
        "hi PRIVMSG #victim :pwned",
        "hi JOIN #victim",
        "ab",
        "·/ban alice",
        "·.me waves",
        "ACTION x",
        "·!give",
        "odd",
    ];
    assert_eq!(texts(&twitch, "shop"), said);
    assert!(twitch.messages("shop").iter().all(|message| message.kind == Kind::Message));
    assert_eq!(texts(&twitch, "victim"), [""; 0]);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_long_action_arrives_whole() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    let text = "word ".repeat(150);
    bot.send(bot.message("shop", Reply::Action(text.clone())));
    bot.until_settled(1).await;
    twitch.ping_and_wait().await;
    assert_eq!(texts(&twitch, "shop").join(" "), text.trim_end());
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn repetitions_are_varied_invisibly_where_twitch_would_refuse_them() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    for _ in 0..6 {
        bot.say("shop", "same");
    }
    bot.until_settled(6).await;
    twitch.ping_and_wait().await;
    let said = texts(&twitch, "shop");
    assert_eq!(said.len(), 6);
    assert!(said.iter().all(|text| text.trim_end_matches(['\u{34f}', '\u{2800}', ' ']) == "same"));
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn five_people_who_ask_the_same_within_eight_seconds_are_all_answered() {
    for text in ["type !help WORD for more", "pong"] {
        let (twitch, mut bot) = start();
        bot.join("shop").await;
        for _ in 0..5 {
            bot.say("shop", text);
            tokio::time::sleep(Duration::from_millis(1_600)).await;
        }
        let state = bot.until_settled(5).await;
        twitch.ping_and_wait().await;
        assert_eq!(texts(&twitch, "shop").len(), 5, "{:?}", state.counts);
        assert_eq!((state.counts.find("refused_duplicate"), twitch.violations()), (0, Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_moderator_speaks_at_once_and_repeats_itself() {
    let (twitch, mut bot) = start();
    twitch.add_channel("shop");
    twitch.set_roles("shop", "twitchy", &[TwitchRole::Moderator]).unwrap();
    bot.enter("shop").await;
    let started_at = Instant::now();
    for _ in 0..50 {
        bot.say("shop", "same");
    }
    bot.until_settled(50).await;
    twitch.ping_and_wait().await;
    assert_eq!(started_at.elapsed(), Duration::ZERO);
    assert_eq!(texts(&twitch, "shop"), ["same"; 50]);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_far_too_many_replies_breaks_no_limit() {
    let (twitch, mut bot) = start();
    let names = ["a", "b", "c", "d", "e", "modded", "vip"];
    names.iter().for_each(|name| drop(twitch.add_channel(name)));
    twitch.set_roles("modded", "twitchy", &[TwitchRole::Moderator]).unwrap();
    twitch.set_roles("vip", "twitchy", &[TwitchRole::Vip]).unwrap();
    bot.want(&names);
    bot.until(|state| state.joined == names.len()).await;
    let mut sent = 0;
    for second in 0..3_600u64 {
        for name in &names[..5] {
            bot.say(name, if second % 3 == 0 { "same" } else { "other" });
            sent += 1;
        }
        // Privileged traffic comes and goes.
        if second % 600 < 60 {
            bot.say("modded", "same");
            bot.say("vip", "same");
            sent += 2;
        }
        if second % 900 == 450 {
            twitch.drop_connections();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let state = bot.until_settled(sent).await;
    twitch.ping_and_wait().await;
    assert_eq!(twitch.violations(), []);
    assert!(state.counts.stale > 0 && state.waiting == 0);
    // 20 in 32.5 s make 2,215 an hour. Reconnects cost a few, and so do the privileged channels' unused shares.
    let delivered: Vec<usize> = names.iter().map(|name| texts(&twitch, name).len()).collect();
    let unprivileged: usize = delivered[..5].iter().sum();
    assert!((1_500..2_216).contains(&unprivileged), "{delivered:?}");
    let fairness = delivered[..5].iter().max().unwrap() - delivered[..5].iter().min().unwrap();
    assert!(fairness < 100, "{delivered:?}");
    assert!(delivered[5..].iter().all(|&count| count > 60), "{delivered:?}");
    // One connection despite all messages, and another after each of the four losses.
    assert_eq!(*bot.dialled.borrow(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_noisy_channel_fills_only_its_own_share() {
    let (twitch, mut bot) = start();
    twitch.add_channel("noisy");
    twitch.add_channel("calm");
    bot.want(&["noisy", "calm"]);
    bot.until(|state| state.joined == 2).await;
    for n in 0..200 {
        bot.say("noisy", &n.to_string());
    }
    bot.say("calm", "hello");
    let state = bot.until(|state| state.settled > 1).await;
    assert!(state.counts.no_room > 0);
    twitch.ping_and_wait().await;
    assert_eq!(texts(&twitch, "calm"), ["hello"]);
    let state = bot.until_settled(201).await;
    // One message left at once, and 50 were queued.
    assert_eq!(state.counts.no_room, 149);
    assert_eq!(state.counts.stale as usize, 51 - texts(&twitch, "noisy").len());
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn bots_of_ours_do_not_hear_each_other_but_do_hear_who_types_with_their_login() {
    let twitch = FakeTwitch::new(&Settings::default());
    twitch.add_account("twitchy", "1000", "secret");
    twitch.add_account("second", "2000", "secret");
    let own = Arc::default();
    let mut first = Bot::start_with(&twitch, "twitchy", &own, &LimitsConfig::default());
    let mut second = Bot::start_with(&twitch, "second", &own, &LimitsConfig::default());
    first.join("shop").await;
    second.enter("shop").await;
    let asked = twitch.say("shop", "alice", "!echo !balance").unwrap();
    let answer = first.message("shop", Reply::Answer("!balance".into()));
    first.send(OutgoingMessage { reply_to: Some(MessageId(asked.into())), ..answer });
    first.say("shop", "!help");
    first.until_settled(2).await;
    twitch.say("shop", "twitchy", "!balance").unwrap();
    assert_eq!(&*second.next_message().await.text, "!echo !balance");
    assert_eq!(&*second.next_message().await.text, "!balance");
    second.expect_no_event().await;
    assert_eq!(&*first.next_message().await.text, "!echo !balance");
    assert_eq!(&*first.next_message().await.text, "!balance");
    first.expect_no_event().await;
    assert_eq!(texts(&twitch, "shop").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_with_the_accounts_login_uses_up_its_limits_too() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.add_channel("cafe");
    bot.want(&["shop", "cafe"]);
    bot.until(|state| state.joined == 2).await;
    for n in 0..20 {
        twitch.say("cafe", "twitchy", &format!("by hand {n}")).unwrap();
    }
    let copied = SharedFrom { room_id: "1".into(), message_id: "2".into() };
    twitch.say_with("shop", "twitchy", "a copy", Say { shared_from: Some(copied), ..Say::default() }).unwrap();
    twitch.ping_and_wait().await;
    let typed_at = Instant::now();
    tokio::time::sleep(Duration::from_secs(15)).await;
    bot.say("shop", "by the bot");
    bot.until_settled(1).await;
    assert_eq!(typed_at.elapsed(), Duration::from_millis(32_500), "copies within a shared chat do not count");
}
