use proptest::prelude::*;

use super::*;
use crate::domain::calling::find_call;
use crate::domain::id::AccountId;
use crate::domain::message::ChatMessage;
use crate::domain::prefix::Prefix;
use crate::twitch::irc::event::{ParsedLine, parse_any, parse_line};

const ACCOUNT: &str = "twitchy";

fn bot_named(login: &str) -> BotAccount {
    BotAccount { login: login.parse().unwrap(), id: Some(AccountId(login.len() as u64)) }
}

/// Room 1000 has the prefix `!`, room 1001 `~>`, and another account answers in room 1002.
struct Rooms;

impl Rooms {
    fn find(channel: ChannelId) -> Option<(Prefix, BotAccount)> {
        let (prefix, bot) = match channel.0 {
            1000 => ("!", ACCOUNT),
            1001 => ("~>", ACCOUNT),
            1002 => ("!", "other"),
            _ => return None,
        };
        Some((prefix.parse().unwrap(), bot_named(bot)))
    }
}

impl Prefixes for Rooms {
    fn is_call(&self, channel: ChannelId, account: &BotAccount, text: &str, is_reply: bool) -> Option<bool> {
        let (prefix, bot) = Rooms::find(channel).filter(|(_, bot)| bot.is(account))?;
        Some(find_call(text, &prefix, &bot.login, is_reply).is_some())
    }
}

fn filter() -> Filter<'static> {
    Filter::new(bot_named(ACCOUNT), &Rooms)
}

/// Whether dispatch would look for a command in a message parsed by the full parser.
fn is_call(message: &ChatMessage) -> bool {
    let Some((prefix, bot)) = Rooms::find(message.channel_id) else { return false };
    let is_found = find_call(&message.text, &prefix, &bot.login, message.reply_to.is_some()).is_some();
    !message.is_shared_copy && !message.is_action && bot == bot_named(ACCOUNT) && is_found
}

/// An ordinary line says the same to both parsers. Talk is what the full parser takes for a message that calls nothing, and the same message at that.
#[track_caller]
fn check(line: &str) -> Option<bool> {
    let bot = bot_named(ACCOUNT);
    assert_eq!(parse_line(line, &bot), parse_any(line, &bot), "{line}");
    let filter = filter();
    let talk = filter.find_talk(line)?;
    let Ok(ParsedLine::Message(message)) = parse_any(line, &bot) else { panic!("talk, and no message: {line}") };
    assert!(!is_call(&message), "a call is passed over: {line}");
    let shown = if talk.display_name.trim().is_empty() { talk.login } else { talk.display_name };
    let kept = (talk.channel, talk.chatter, talk.login, shown, talk.is_shared_copy);
    let chatter = &message.chatter;
    let expected =
        (message.channel_id, chatter.id, chatter.login.as_str(), &*chatter.display_name, message.is_shared_copy);
    assert_eq!(kept, expected, "{line}");
    Some(true)
}

/// A chat line in room `room`, with the `extra` tags first.
fn line(extra: &str, room: u64, text: &str) -> String {
    format!(
        "@{extra}badge-info=;badges=;color=#19E6E6;display-name=Alice;emotes=;first-msg=0;flags=;\
        id=6e2ccb1f-01ed-44d0-85b6-edf762524475;mod=0;returning-chatter=0;room-id={room};subscriber=0;\
        tmi-sent-ts=1577040814959;turbo=0;user-id=2000;user-type= :alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :{text}"
    )
}

const REPLY: &str = "reply-parent-display-name=Bob;reply-parent-msg-body=what\\sa\\:\\sday;\
    reply-parent-msg-id=b34ccfc7-4977-403a-8a94-33c6bac34fb8;reply-parent-user-id=7;reply-parent-user-login=bob;";

#[track_caller]
fn check_talk(line: &str) {
    assert_eq!(check(line), Some(true), "not passed over: {line}");
}

#[track_caller]
fn check_parsed(line: &str) {
    assert_eq!(check(line), None, "passed over: {line}");
}

#[test]
fn ordinary_chatter_is_talk() {
    for text in
        ["hello", "so !balance it is", "! balance", "@alice !balance", "LUL 🎉 ünïcode ❤\u{FE0F}", ":)", "!", ""]
    {
        check_talk(&line("", 1000, text));
    }
    check_talk(&line("", 1001, "!balance"));
    check_talk(&line("", 1000, "\u{1}ACTION !balance\u{1}"));
    check_talk(&line(REPLY, 1000, "@Bob I agree"));
    check_talk(&line("source-room-id=5;source-id=x;", 1000, "!balance"));
    check_talk(&line("", 1000, "hello").replace("display-name=Alice", "display-name="));
    check_talk(&line("", 1000, "hello").replace("display-name=Alice", "display-name=アリス"));
    check_talk(&line("vip=1;client-nonce=a\\sb;", 1000, "hello"));
}

#[test]
fn calls_are_parsed_in_full() {
    for text in ["!balance", "  !balance", "!!", "@twitchy balance", "@Twitchy, help", "!balance \u{E0000}"] {
        check_parsed(&line("", 1000, text));
    }
    check_parsed(&line("", 1001, "~>balance"));
    check_parsed(&line("source-room-id=1000;", 1000, "!balance"));
    check_parsed(&line(REPLY, 1000, "@Bob !balance"));
    check_parsed(&line(REPLY, 1000, "@Bob @twitchy balance"));
}

#[test]
fn whatever_is_not_ordinary_is_parsed_in_full() {
    let ordinary = line("", 1000, "hello");
    check_parsed(&line("", 1002, "hello"));
    check_parsed(&ordinary.replace("alice", ACCOUNT));
    check_parsed(&line("", 9999, "hello"));
    check_parsed(&ordinary[ordinary.find(" :").unwrap() + 1..]);
    for (from, to) in [
        (" PRIVMSG", "  PRIVMSG"),
        ("PRIVMSG", "NOTICE"),
        ("#shop", "#Shop"),
        ("#shop", "#shop extra"),
        ("#shop", "#shop,#cafe"),
        (":alice!", ":Alice!"),
        ("!alice@", "@"),
        ("alice.tmi.twitch.tv", "alice"),
        ("@alice.", "."),
        ("room-id=1000", "room-id=1\\000"),
        ("user-id=2000", "user-id="),
        ("user-id=2000", "user-id=x"),
        ("id=6e2ccb1f", "id=6e2c\\scb1f"),
        ("tmi-sent-ts=1577040814959", "tmi-sent-ts="),
        (" :hello", " hello"),
        (" :hello", " :hel\rlo"),
    ] {
        let changed = ordinary.replace(from, to);
        assert_ne!(changed, ordinary, "{from}");
        check(&changed);
    }
    for other in ["", "@", "@ ", "PING :tmi.twitch.tv", ":tmi.twitch.tv RECONNECT", "@a=b", "@a=b PRIVMSG #shop :hi"] {
        check_parsed(other);
    }
}

fn text() -> impl Strategy<Value = String> {
    let lead = prop_oneof![
        4 => Just(""), 1 => Just("!"), 1 => Just("~>"), 1 => Just("@twitchy "), 1 => Just("@Bob "), 1 => Just("@Twitchy, "),
        1 => Just("\u{1}ACTION "), 1 => Just(" "), 1 => Just("@bob !"), 1 => Just("! ")
    ];
    let body = prop_oneof!["[a-z !@:,]{0,30}", "\\PC{0,20}", Just("balance \u{E0000}".to_owned())];
    (lead, body).prop_map(|(lead, body)| format!("{lead}{body}"))
}

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("room-id=1000".to_owned()),
        Just("room-id=1001".to_owned()),
        Just("user-id=7".to_owned()),
        "(room-id|user-id|id|tmi-sent-ts|source-room-id|display-name)=[a-z0-9\\\\:s+-]{0,6}",
        Just("id=6e2ccb1f-01ed-44d0-85b6-edf762524475".to_owned()),
        Just("source-room-id=1000".to_owned()),
        Just("source-room-id=5".to_owned()),
        "reply-parent-(msg-id|user-id|user-login|msg-body)=[a-z0-9\\\\]{0,6}",
        "(badges|badge-info)=(vip|moderator|subscriber|x)?(/[0-9]{1,2})?(,vip/1)?",
        "(mod|vip|subscriber)(=[01]?)?",
        "[a-z-]{0,8}(=[ -:<-~]{0,8})?".prop_map(|tag| tag.replace(' ', "\\s")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Tags in any order, repeated or missing; replies; /me; shared chat; escapes; Unicode.
    #[test]
    fn filter_and_parser_accept_what_the_parser_alone_would(
        mut tags in prop::collection::vec(tag(), 0..4),
        is_reply: bool,
        shuffle in any::<prop::sample::Index>(),
        text in text(),
    ) {
        let ordinary = line(if is_reply { REPLY } else { "" }, 1000, &text);
        let (usual, rest) = ordinary[1..].split_once(' ').unwrap();
        tags.extend(usual.split(';').map(str::to_owned));
        let middle = shuffle.index(tags.len());
        tags.rotate_left(middle);
        check(&format!("@{} {rest}", tags.join(";")));
    }

    /// A line with one character replaced, and arbitrary lines.
    #[test]
    fn no_mangled_line_is_taken_for_talk(at in any::<prop::sample::Index>(), to in any::<char>(), text in text(), any in any::<String>()) {
        let ordinary = line(REPLY, 1000, &text);
        let places: Vec<usize> = ordinary.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let after = at + ordinary[at..].chars().next().unwrap().len_utf8();
        check(&format!("{}{to}{}", &ordinary[..at], &ordinary[after..]));
        check(&format!("{}{}", &ordinary[..at], &ordinary[after..]));
        check(&any);
    }

    /// The converse: the filter recognises every message that calls no command.
    #[test]
    fn talk_does_not_reach_the_parser(text in text(), is_reply: bool) {
        let line = line(if is_reply { REPLY } else { "" }, 1000, &text);
        if let Ok(ParsedLine::Message(message)) = parse_line(&line, &bot_named(ACCOUNT)) {
            prop_assert_eq!(check(&line).is_some(), !is_call(&message));
        }
    }
}
