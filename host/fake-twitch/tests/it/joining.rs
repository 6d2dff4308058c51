use std::time::Duration;

use fake_twitch::{Role, RoomChange, Rule};
use tokio::time::advance;

use crate::client::{Client, broken, tag, world};

#[tokio::test(start_paused = true)]
async fn a_join_is_answered_with_the_names_and_both_states() {
    let twitch = world();
    twitch.change_room_state("shop", RoomChange::Slow(Some(Duration::from_secs(5)))).unwrap();
    let mut bot = Client::log_in(&twitch, "bot").await;
    assert_eq!(
        bot.ask("JOIN #Shop").await,
        [
            ":bot!bot@bot.tmi.twitch.tv JOIN #shop",
            ":bot.tmi.twitch.tv 353 bot = #shop :bot",
            ":bot.tmi.twitch.tv 366 bot #shop :End of /NAMES list",
            "@badge-info=;badges=;color=#49EBBE;display-name=bot;emote-sets=0;mod=0;subscriber=0;user-type= \
             :tmi.twitch.tv USERSTATE #shop",
            "@emote-only=0;followers-only=-1;r9k=0;room-id=3;slow=5;subs-only=0 :tmi.twitch.tv ROOMSTATE #shop",
        ]
    );
    assert!(bot.ask("JOIN #shop").await.is_empty());
    assert_eq!(bot.ask("PART #shop").await, [":bot!bot@bot.tmi.twitch.tv PART #shop"]);
    assert!(bot.ask("PART #shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn others_come_and_go_for_those_with_the_membership_capability() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::join(&twitch, "other", "shop").await;
    other.ask("PART #shop").await;
    assert_eq!(
        bot.lines().await,
        [":other!other@other.tmi.twitch.tv JOIN #shop", ":other!other@other.tmi.twitch.tv PART #shop"]
    );
}

#[tokio::test(start_paused = true)]
async fn channels_that_are_missing_suspended_or_closed_to_the_account_are_not_joined() {
    let twitch = world();
    twitch.suspend_channel("den").unwrap();
    twitch.ban("shop", "bot").unwrap();
    let mut bot = Client::log_in(&twitch, "bot").await;
    assert!(bot.ask("JOIN #nowhere").await.is_empty());
    assert_eq!(
        bot.ask("JOIN #den,#shop").await,
        [
            "@msg-id=msg_channel_suspended :tmi.twitch.tv NOTICE #den :This channel does not exist or has been \
             suspended.",
            "@msg-id=msg_banned :tmi.twitch.tv NOTICE #shop :You are permanently banned from talking in shop.",
        ]
    );
    twitch.pardon("shop", "bot").unwrap();
    assert!(!bot.ask("JOIN #shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_than_20_joins_in_10_s_are_ignored_and_noted() {
    let twitch = world();
    let names: Vec<String> = (0..22).map(|n| format!("#c{n}")).collect();
    for name in &names {
        twitch.add_channel(&name[1..]);
    }
    let mut bot = Client::log_in(&twitch, "bot").await;
    let mut second = Client::log_in(&twitch, "bot").await;
    let joined = bot.ask(&format!("JOIN {}", names[..19].join(","))).await;
    assert_eq!(joined.iter().filter(|line| line.contains(" JOIN ")).count(), 19);
    // The limit is the account's, not the connection's, and a channel that does not exist counts as well.
    assert!(second.ask("JOIN #nowhere").await.is_empty());
    assert_eq!(broken(&twitch), []);
    assert!(second.ask("JOIN #c20,#c21").await.is_empty());
    assert_eq!(broken(&twitch), [Rule::Joins, Rule::Joins]);
    advance(Duration::from_secs(10)).await;
    assert!(!second.ask("JOIN #c20").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_hundred_and_first_channel_is_joined_only_by_its_moderators() {
    let twitch = world();
    for n in 0..102 {
        twitch.add_channel(&format!("c{n}"));
    }
    twitch.set_roles("c101", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::log_in(&twitch, "bot").await;
    for start in (0..100).step_by(20) {
        let names: Vec<String> = (start..start + 20).map(|n| format!("#c{n}")).collect();
        bot.ask(&format!("JOIN {}", names.join(","))).await;
        advance(Duration::from_secs(10)).await;
    }
    assert!(bot.ask("JOIN #c100").await.is_empty());
    assert_eq!(broken(&twitch), [Rule::Channels]);
    assert!(!bot.ask("JOIN #c101").await.is_empty());
    // A second connection of the account in the same channel does not count again.
    let mut second = Client::log_in(&twitch, "bot").await;
    assert!(!second.ask("JOIN #c0").await.is_empty());
    bot.ask("PART #c1").await;
    assert!(!bot.ask("JOIN #c100").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_recycled_login_is_another_room() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.set_roles("shop", "bot", &[Role::Moderator]).unwrap();
    twitch.recycle_login("shop", "777");
    twitch.say("shop", "alice", "who are you?").unwrap();
    assert!(bot.lines().await.is_empty());
    let joined = bot.ask("JOIN #shop").await;
    assert_eq!(tag(&joined[4], "room-id"), Some("777"));
    assert_eq!(tag(&joined[3], "mod"), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn a_ban_takes_the_account_out_of_the_channel() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.ban("shop", "bot").unwrap();
    let lines = bot.lines().await;
    assert_eq!(tag(&lines[0], "target-user-id"), Some("1"));
    assert_eq!(tag(&lines[0], "ban-duration"), None);
    assert!(lines[0].ends_with(":tmi.twitch.tv CLEARCHAT #shop :bot"));
    assert_eq!(lines[1..], [":bot!bot@bot.tmi.twitch.tv PART #shop"]);
}

#[tokio::test(start_paused = true)]
async fn those_with_the_membership_capability_are_told_who_is_there() {
    let twitch = world();
    let _bot = Client::join(&twitch, "bot", "shop").await;
    let mut other = Client::log_in(&twitch, "other").await;
    assert_eq!(
        other.ask("NAMES #shop").await,
        [":other.tmi.twitch.tv 353 other = #shop :bot", ":other.tmi.twitch.tv 366 other #shop :End of /NAMES list"]
    );
    let joined = other.ask("JOIN #shop").await;
    assert_eq!(joined[1], ":other.tmi.twitch.tv 353 other = #shop :bot other");
    let mut plain = Client::connect(&twitch);
    plain.ask("NICK justinfan1").await;
    assert_eq!(plain.ask("JOIN #shop").await[1], ":justinfan1.tmi.twitch.tv 353 justinfan1 = #shop :justinfan1");
    assert_eq!(other.lines().await, [":justinfan1!justinfan1@justinfan1.tmi.twitch.tv JOIN #shop"]);
    let names = other.ask("NAMES #Shop,#den,#nowhere").await;
    assert_eq!(
        names,
        [
            ":other.tmi.twitch.tv 353 other = #shop :bot justinfan1 other",
            ":other.tmi.twitch.tv 366 other #shop :End of /NAMES list",
            ":other.tmi.twitch.tv 366 other #den :End of /NAMES list",
            ":other.tmi.twitch.tv 366 other #nowhere :End of /NAMES list",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_names_comes_in_several_lines() {
    let twitch = world();
    let mut readers = Vec::new();
    for n in 0..100 {
        let mut reader = Client::connect(&twitch);
        reader.send(&format!("NICK justinfan{n}\r\nJOIN #shop")).await;
        reader.lines().await;
        readers.push(reader);
    }
    let mut bot = Client::log_in(&twitch, "bot").await;
    let names = bot.ask("NAMES #shop").await;
    let lists = names.iter().filter_map(|line| line.strip_prefix(":bot.tmi.twitch.tv 353 bot = #shop :"));
    assert_eq!(lists.flat_map(|list| list.split(' ')).count(), 100);
    assert!(names.len() > 2 && names.iter().all(|line| line.len() <= 510), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_room_of_more_than_1000_lists_its_moderators_and_does_not_tell_who_comes() {
    let twitch = world();
    twitch.set_roles("shop", "bot", &[Role::Moderator]).unwrap();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut readers = Vec::new();
    for n in 0..999 {
        let mut reader = Client::connect(&twitch);
        reader.send(&format!("NICK justinfan{n}\r\nJOIN #shop")).await;
        reader.lines().await;
        readers.push(reader);
    }
    assert_eq!(bot.lines().await.len(), 999);
    let mut other = Client::join(&twitch, "other", "shop").await;
    assert!(bot.lines().await.is_empty());
    assert_eq!(other.ask("NAMES #shop").await[0], ":other.tmi.twitch.tv 353 other = #shop :bot");
}
