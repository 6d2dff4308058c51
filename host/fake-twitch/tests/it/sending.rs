use std::time::Duration;

use fake_twitch::{Kind, Refusal, Role, Rule};
use tokio::time::advance;

use crate::client::{Client, broken, said, tag, world};

const TOO_QUICK: &str = "@msg-id=msg_ratelimit :tmi.twitch.tv NOTICE #shop :Your message was not sent because you are \
                         sending messages too quickly.";

#[tokio::test(start_paused = true)]
async fn a_message_reaches_all_but_its_sender_who_gets_a_receipt() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut again = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::join(&twitch, "other", "shop").await;
    bot.lines().await;
    let receipt = bot.ask("@client-nonce=abc PRIVMSG #shop :Kappa hello").await;
    assert_eq!(receipt.len(), 1);
    assert!(receipt[0].ends_with(":tmi.twitch.tv USERSTATE #shop"));
    let message = other.lines().await.remove(0);
    assert_eq!(
        message,
        format!(
            "@badge-info=;badges=;client-nonce=abc;color=#49EBBE;display-name=bot;emotes=25:0-4;first-msg=1;flags=;\
             id={};mod=0;returning-chatter=0;room-id=3;subscriber=0;tmi-sent-ts=1767225600000;turbo=0;user-id=1;\
             user-type= :bot!bot@bot.tmi.twitch.tv PRIVMSG #shop :Kappa hello",
            tag(&receipt[0], "id").unwrap()
        )
    );
    assert!(again.lines().await.contains(&message));
}

#[tokio::test(start_paused = true)]
async fn connections_without_capabilities_get_the_bare_message() {
    let twitch = world();
    let mut plain = Client::connect(&twitch);
    plain.ask("PASS oauth:token-of-other\r\nNICK other").await;
    plain.ask("JOIN #shop").await;
    twitch.say("shop", "alice", "hi").unwrap();
    twitch.clear_chat("shop");
    assert_eq!(plain.lines().await, [":alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :hi"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_500_code_points_is_cut_off_and_noted() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask(&format!("PRIVMSG #shop :{}", "ü".repeat(500))).await;
    assert_eq!(broken(&twitch), []);
    advance(Duration::from_secs(1)).await;
    bot.ask(&format!("PRIVMSG #shop :{}", "ö".repeat(501))).await;
    assert_eq!(broken(&twitch), [Rule::OverLength]);
    assert_eq!(said(&twitch, "shop")[1], "ö".repeat(500));
}

#[tokio::test(start_paused = true)]
async fn a_leading_slash_or_dot_eats_the_first_word() {
    let twitch = world();
    twitch.set_roles("shop", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask("PRIVMSG #shop :.foo bar").await;
    assert_eq!(
        bot.ask("PRIVMSG #shop :/ban alice").await,
        ["@msg-id=unrecognized_cmd :tmi.twitch.tv NOTICE #shop :Unrecognized command: /ban"]
    );
    assert_eq!(
        bot.ask("PRIVMSG #shop :.foo").await,
        ["@msg-id=unrecognized_cmd :tmi.twitch.tv NOTICE #shop :Unrecognized command: /foo"]
    );
    assert_eq!(said(&twitch, "shop"), ["bar"]);
    assert_eq!(broken(&twitch), [Rule::LeadingCommand; 3]);
}

#[tokio::test(start_paused = true)]
async fn me_is_an_action() {
    let twitch = world();
    twitch.set_roles("shop", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::join(&twitch, "other", "shop").await;
    bot.ask("PRIVMSG #shop :/me waves Kappa").await;
    bot.ask("PRIVMSG #shop :\u{1}ACTION bows\u{1}").await;
    let heard = other.lines().await;
    assert!(heard[0].ends_with("PRIVMSG #shop :\u{1}ACTION waves Kappa\u{1}"));
    assert_eq!(tag(&heard[0], "emotes"), Some("25:6-10"));
    assert!(heard[1].ends_with("PRIVMSG #shop :\u{1}ACTION bows\u{1}"));
    assert!(twitch.messages("shop").iter().all(|message| message.kind == Kind::Action));
    assert_eq!(broken(&twitch), []);
}

#[tokio::test(start_paused = true)]
async fn a_reply_names_its_parent_and_its_thread() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::join(&twitch, "other", "shop").await;
    let first = twitch.say("shop", "Alice", "a; b").unwrap();
    bot.ask(&format!("@reply-parent-msg-id={first} PRIVMSG #shop :one")).await;
    let second = twitch.messages("shop")[1].id.clone();
    other.lines().await;
    other.ask(&format!("@reply-parent-msg-id={second} PRIVMSG #shop :two")).await;
    let heard = bot.lines().await.pop().unwrap();
    assert!(heard.ends_with("PRIVMSG #shop :@bot two"));
    assert_eq!(tag(&heard, "reply-parent-msg-id"), Some(second.as_str()));
    assert_eq!(tag(&heard, "reply-parent-user-login"), Some("bot"));
    assert_eq!(tag(&heard, "reply-thread-parent-msg-id"), Some(first.as_str()));
    assert_eq!(tag(&heard, "reply-thread-parent-user-login"), Some("alice"));
    let observed = &twitch.messages("shop")[2];
    assert_eq!((observed.text.as_str(), observed.reply_to.as_ref()), ("two", Some(&second)));
}

#[tokio::test(start_paused = true)]
async fn a_reply_shows_what_it_answers_escaped() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::join(&twitch, "other", "shop").await;
    let id = twitch.say("shop", "Alice", "a; b\\").unwrap();
    bot.ask(&format!("@reply-parent-msg-id={id} PRIVMSG #shop :yes")).await;
    let heard = other.lines().await.pop().unwrap();
    assert!(heard.ends_with("PRIVMSG #shop :@Alice yes"));
    assert_eq!(tag(&heard, "reply-parent-msg-body"), Some("a\\:\\sb\\\\"));
    assert_eq!(tag(&heard, "reply-parent-display-name"), Some("Alice"));
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_nothing_is_an_ordinary_message() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask("@reply-parent-msg-id=none PRIVMSG #shop :yes").await;
    assert_eq!(twitch.messages("shop")[0].reply_to, None);
}

#[tokio::test(start_paused = true)]
async fn the_same_text_within_30_s_is_a_duplicate() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask("PRIVMSG #shop :hi there").await;
    advance(Duration::from_millis(29_999)).await;
    assert_eq!(
        bot.ask("PRIVMSG #shop : hi  there ").await,
        ["@msg-id=msg_duplicate :tmi.twitch.tv NOTICE #shop :Your message was not sent because it is identical to \
          the previous one you sent, less than 30 seconds ago."]
    );
    assert_eq!(broken(&twitch), [Rule::Duplicate]);
    advance(Duration::from_secs(1)).await;
    bot.ask("PRIVMSG #shop :hi there \u{34f}").await;
    advance(Duration::from_secs(1)).await;
    bot.ask("PRIVMSG #shop :hi there \u{34f} \u{e0000}").await;
    assert_eq!(broken(&twitch), [Rule::Duplicate; 2], "the block of tags is dropped before texts are compared");
    advance(Duration::from_secs(30)).await;
    bot.ask("PRIVMSG #shop :hi \u{e0041}there \u{34f}").await;
    assert_eq!(said(&twitch, "shop")[1..], ["hi there \u{34f}"; 2]);
    assert_eq!(broken(&twitch), [Rule::Duplicate; 2]);
}

#[tokio::test(start_paused = true)]
async fn moderators_vips_and_the_broadcaster_may_repeat_themselves_at_once() {
    for role in [Role::Moderator, Role::LeadModerator, Role::Vip] {
        let twitch = world();
        twitch.set_roles("shop", "bot", &[role]).unwrap();
        let mut bot = Client::join(&twitch, "bot", "shop").await;
        bot.ask("PRIVMSG #shop :hi\r\nPRIVMSG #shop :hi").await;
        assert_eq!((said(&twitch, "shop").len(), broken(&twitch)), (2, vec![]), "{role:?}");
    }
    let twitch = world();
    let mut shop = Client::join(&twitch, "shop", "shop").await;
    shop.ask("PRIVMSG #shop :hi\r\nPRIVMSG #shop :hi").await;
    assert_eq!((said(&twitch, "shop").len(), broken(&twitch)), (2, vec![]));
}

#[tokio::test(start_paused = true)]
async fn two_messages_in_a_second_are_one_too_many_without_privileges() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask("PRIVMSG #shop :one").await;
    advance(Duration::from_millis(999)).await;
    assert_eq!(bot.ask("PRIVMSG #shop :two").await, [TOO_QUICK]);
    assert_eq!(broken(&twitch), [Rule::MessagesInChannel]);
    bot.ask("PRIVMSG #den :two").await;
    advance(Duration::from_millis(1)).await;
    bot.ask("PRIVMSG #shop :three").await;
    assert_eq!(said(&twitch, "shop"), ["one", "three"]);
    assert_eq!(said(&twitch, "den"), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn the_21st_message_in_30_s_brings_an_hour_of_silence_where_unprivileged() {
    let twitch = world();
    twitch.set_roles("den", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    for n in 0..20 {
        bot.ask(&format!("PRIVMSG #shop :{n}")).await;
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(broken(&twitch), []);
    assert!(bot.ask("PRIVMSG #shop :one too many").await.is_empty());
    assert_eq!(broken(&twitch), [Rule::Messages]);
    advance(Duration::from_secs(3599)).await;
    assert!(bot.ask("PRIVMSG #shop :still silenced").await.is_empty());
    bot.ask("PRIVMSG #den :but here I moderate").await;
    advance(Duration::from_secs(1)).await;
    bot.ask("PRIVMSG #shop :back").await;
    assert_eq!(said(&twitch, "shop").len(), 21);
    assert_eq!(said(&twitch, "den"), ["but here I moderate"]);
    assert_eq!(broken(&twitch), [Rule::Messages]);
}

#[tokio::test(start_paused = true)]
async fn messages_by_a_moderator_use_up_the_20_but_stop_only_at_100() {
    let twitch = world();
    twitch.set_roles("den", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    for n in 0..100 {
        bot.ask(&format!("PRIVMSG #den :{n}")).await;
    }
    assert_eq!((said(&twitch, "den").len(), broken(&twitch)), (100, vec![]));
    assert!(bot.ask("PRIVMSG #shop :hi").await.is_empty());
    assert_eq!(broken(&twitch), [Rule::Messages]);
    assert!(bot.ask("PRIVMSG #den :hi").await.is_empty());
    assert_eq!(broken(&twitch), [Rule::Messages, Rule::Messages]);
    assert_eq!(said(&twitch, "shop").len() + said(&twitch, "den").len(), 100);
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_the_accounts_and_not_the_connections() {
    let twitch = world();
    let mut one = Client::join(&twitch, "bot", "shop").await;
    let mut two = Client::join(&twitch, "bot", "shop").await;
    one.ask("PRIVMSG #shop :one").await;
    two.ask("PRIVMSG #shop :two").await;
    assert_eq!(broken(&twitch), [Rule::MessagesInChannel]);
    let mut other = Client::join(&twitch, "other", "shop").await;
    other.ask("PRIVMSG #shop :three").await;
    assert_eq!(said(&twitch, "shop"), ["one", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_carriage_return_in_a_message_is_two_commands_and_noted() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    bot.ask("PRIVMSG #shop :hi\rPRIVMSG #den :pwned").await;
    assert_eq!(said(&twitch, "den"), ["pwned"]);
    assert_eq!(broken(&twitch), [Rule::ForbiddenBytes]);
}

#[tokio::test(start_paused = true)]
async fn control_characters_are_refused_and_noted() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    for (n, bytes) in [&b"\0"[..], b"\x07", b"\x1b[0m", "\u{85}".as_bytes()].into_iter().enumerate() {
        bot.send_bytes(&[b"PRIVMSG #shop :hi", bytes, b"\r\n"].concat()).await;
        let answer = bot.lines().await;
        assert_eq!(tag(&answer[0], "msg-id"), Some("msg_bad_characters"), "{bytes:?}");
        assert_eq!(broken(&twitch).len(), n + 1);
        advance(Duration::from_secs(1)).await;
    }
    bot.send_bytes(b"PRIVMSG #shop :\xff\r\n").await;
    bot.lines().await;
    assert_eq!(broken(&twitch), [Rule::ForbiddenBytes; 5]);
    assert_eq!(said(&twitch, "shop"), ["\u{fffd}"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_to_nowhere_is_dropped_without_a_word() {
    let twitch = world();
    let mut bot = Client::log_in(&twitch, "bot").await;
    assert!(bot.ask("PRIVMSG #nowhere :hi").await.is_empty());
    assert!(bot.ask("PRIVMSG alice :hi").await.is_empty());
    assert!(bot.ask("PRIVMSG #shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_are_refused_on_demand_one_by_one() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let told = [
        (Refusal::Silent, None),
        (Refusal::AutoMod, Some("msg_rejected")),
        (Refusal::BlockedTerm, Some("msg_rejected_mandatory")),
        (Refusal::ChannelBlocked, Some("msg_channel_blocked")),
        (Refusal::AccountSuspended, Some("msg_suspended")),
        (Refusal::Duplicate, Some("msg_duplicate")),
        (Refusal::RateLimit, Some("msg_ratelimit")),
        (Refusal::SlowMode(Duration::from_secs(3)), Some("msg_slowmode")),
        (Refusal::UnverifiedPhone, Some("msg_requires_verified_phone_number")),
        (Refusal::UnverifiedEmail, Some("msg_verified_email")),
    ];
    twitch.refuse_next("shop", "bot", &told.map(|(refusal, _)| refusal)).unwrap();
    for (refusal, msg_id) in told {
        let answer = bot.ask("PRIVMSG #shop :hi").await;
        assert_eq!(answer.first().and_then(|line| tag(line, "msg-id")), msg_id, "{refusal:?}");
        advance(Duration::from_secs(1)).await;
    }
    bot.ask("PRIVMSG #shop :hi").await;
    assert_eq!((said(&twitch, "shop"), broken(&twitch)), (vec!["hi".to_owned()], vec![]));
}
