use super::*;
use proptest::prelude::*;

fn login(text: &str) -> Login {
    text.parse().unwrap()
}

fn bot() -> BotAccount {
    BotAccount { login: login("twitchy"), id: Some(AccountId(1000)) }
}

fn parse(line: &str) -> Result<ParsedLine, ParseLineError> {
    parse_line(line, &bot())
}

fn message(line: &str) -> ChatMessage {
    match parse(line).unwrap() {
        ParsedLine::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

fn badge(name: &str, version: &str, info: &str) -> Badge {
    Badge { name: name.into(), version: version.into(), info: info.into() }
}

/// An ordinary message, with `tags` before the usual ones.
fn with_tags(tags: &str) -> String {
    format!(
        "@{tags};color=#0000FF;display-name=Alice;emotes=;flags=;id=e9d998c3-36f1-430f-89ec-6b887c28af36;\
        room-id=1000;subscriber=0;tmi-sent-ts=1594545155039;turbo=0;user-id=2000;user-type= \
        :alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :!balance"
    )
}

#[test]
fn a_message_is_read_whole() {
    let line = "@badge-info=subscriber/14;badges=subscriber/12,bits/100;client-nonce=4f1c;color=#19E6E6;\
        display-name=Alice;emotes=25:9-13;first-msg=0;flags=;id=6e2ccb1f-01ed-44d0-85b6-edf762524475;mod=0;\
        returning-chatter=0;room-id=11148817;subscriber=1;tmi-sent-ts=1577040814959;turbo=0;user-id=40286300;\
        user-type= :alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :!balance Kappa :)";
    assert_eq!(
        message(line),
        ChatMessage {
            id: MessageId("6e2ccb1f-01ed-44d0-85b6-edf762524475".into()),
            account: AccountId(1000),
            channel_id: ChannelId(11_148_817),
            channel_login: login("shop"),
            chatter: Chatter {
                id: ChatterId(40_286_300),
                login: login("alice"),
                display_name: "Alice".into(),
                role: Role::Subscriber,
                badges: vec![badge("subscriber", "12", "14"), badge("bits", "100", "")],
            },
            text: "!balance Kappa :)".into(),
            is_action: false,
            reply_to: None,
            sent_at: UNIX_EPOCH + Duration::from_millis(1_577_040_814_959),
            received_at: None,
            is_shared_copy: false,
        }
    );
}

#[test]
fn a_reply_carries_what_it_answers() {
    let line = "@badge-info=;badges=moderator/1;color=;display-name=Carol;emotes=;flags=;id=df6d;mod=1;\
        reply-parent-display-name=Bob;reply-parent-msg-body=how\\smuch\\:\\shmm\\\\;reply-parent-msg-id=ab-12;\
        reply-parent-user-id=300;reply-parent-user-login=bob;reply-thread-parent-msg-id=ab-12;\
        reply-thread-parent-user-login=bob;room-id=1000;subscriber=0;tmi-sent-ts=1673925983585;turbo=0;user-id=400;\
        user-type=mod :carol!carol@carol.tmi.twitch.tv PRIVMSG #shop :@Bob !balance";
    let message = message(line);
    assert_eq!(&*message.text, "@Bob !balance");
    assert_eq!(message.chatter.role, Role::Moderator);
    assert_eq!(
        message.reply_to,
        Some(QuotedMessage {
            id: MessageId("ab-12".into()),
            chatter_id: ChatterId(300),
            chatter_login: login("bob"),
            text: "how much; hmm\\".into(),
        })
    );
}

#[test]
fn the_frame_of_an_action_is_taken_off() {
    let line = with_tags("badges=").replace(":!balance", ":\u{1}ACTION !balance all\u{1}");
    let message = message(&line);
    assert_eq!((&*message.text, message.is_action), ("!balance all", true));
}

#[test]
fn roles_come_from_badges_and_ids() {
    for (tags, role) in [
        ("badges=;mod=0", Role::Everyone),
        ("badges=subscriber/0;mod=0", Role::Subscriber),
        ("badges=founder/0;mod=0", Role::Subscriber),
        ("badges=subscriber/12,vip/1;mod=0", Role::Vip),
        ("badges=lead_moderator/1,subscriber/3;mod=0", Role::Moderator),
        ("badges=moderator/1", Role::Moderator),
        ("badges=premium/1;mod=1", Role::Moderator),
        // A broadcaster badge does not count, because the broadcaster is known by id; nor does a malformed badge.
        ("badges=broadcaster/1;mod=0", Role::Everyone),
        ("badges=,/,vip,moderator;mod=true", Role::Everyone),
    ] {
        assert_eq!(message(&with_tags(tags)).chatter.role, role, "{tags}");
    }
    let own = with_tags("badges=broadcaster/1").replace("user-id=2000", "user-id=1000");
    assert_eq!(message(&own).chatter.role, Role::Broadcaster);
}

#[test]
fn a_copy_from_another_room_of_a_shared_chat_is_marked() {
    assert!(!message(&with_tags("badges=")).is_shared_copy);
    assert!(!message(&with_tags("source-room-id=1000;source-id=e9d9")).is_shared_copy);
    assert!(message(&with_tags("source-room-id=1001;source-id=e9d9")).is_shared_copy);
    assert!(message(&with_tags("source-room-id=;source-id=e9d9")).is_shared_copy);
}

#[test]
fn a_chatter_without_a_display_name_goes_by_the_login() {
    let line = with_tags("badges=").replace("display-name=Alice", "display-name=");
    assert_eq!(&*message(&line).chatter.display_name, "alice");
}

#[test]
fn a_message_without_what_it_needs_is_an_error_that_names_it() {
    let good = with_tags("badges=");
    for (from, to, error) in [
        ("room-id=1000;", "", ParseLineError("room-id")),
        ("user-id=2000", "user-id=0x7d0", ParseLineError("user-id")),
        ("tmi-sent-ts=1594545155039", "tmi-sent-ts=99999999999999999999", ParseLineError("tmi-sent-ts")),
        (";id=e9d998c3", ";id=e9d9\\r\\nJOIN\\s#x", ParseLineError("id")),
        ("#shop", "shop", ParseLineError("channel")),
        (":alice!alice@alice.tmi.twitch.tv", ":tmi.twitch.tv", ParseLineError("sender")),
        (" :!balance", "", ParseLineError("text")),
        (" PRIVMSG", "  PRIVMSG", ParseLineError("line")),
        ("badges=", "badges=;reply-parent-msg-id=a\\nb", ParseLineError("reply-parent-msg-id")),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(good, bad, "{from}");
        assert_eq!(parse(&bad), Err(error), "{bad}");
    }
}

#[test]
fn the_servers_own_lines_are_understood() {
    let refused = |refusal| ParsedLine::Refused { channel: login("shop"), refusal };
    let standing = |is_privileged, is_moderator| ParsedLine::Standing {
        channel: login("shop"),
        standing: Standing { is_privileged, is_moderator, is_subscriber: false },
        is_receipt: false,
    };
    let receipt = ParsedLine::Standing {
        channel: login("shop"),
        standing: Standing { is_subscriber: true, ..Standing::default() },
        is_receipt: true,
    };
    for (line, heard) in [
        (":tmi.twitch.tv 001 twitchy :Welcome, GLHF!", ParsedLine::Welcome(Some("twitchy".parse().unwrap()))),
        ("@user-id=42;user-type= :tmi.twitch.tv GLOBALUSERSTATE", ParsedLine::Identity(AccountId(42))),
        (":tmi.twitch.tv NOTICE * :Login authentication failed", ParsedLine::LoginRefused),
        (":tmi.twitch.tv NOTICE * :Improperly formatted AUTH", ParsedLine::LoginRefused),
        (":tmi.twitch.tv NOTICE * :Error logging in", ParsedLine::Other),
        (":tmi.twitch.tv CAP * NAK :twitch.tv/tags", ParsedLine::CapabilityRefused),
        (":tmi.twitch.tv CAP * ACK :twitch.tv/tags twitch.tv/commands", ParsedLine::Other),
        ("@badges=;mod=0 :tmi.twitch.tv USERSTATE #shop", standing(false, false)),
        ("@badges=vip/1;mod=0 :tmi.twitch.tv USERSTATE #shop", standing(true, false)),
        ("@badges=moderator/1;mod=1 :tmi.twitch.tv USERSTATE #shop", standing(true, true)),
        ("@badges=broadcaster/1;mod=0 :tmi.twitch.tv USERSTATE #shop", standing(true, true)),
        ("@badges=founder/0;id=b3fe-12;mod=0;subscriber=0 :tmi.twitch.tv USERSTATE #shop", receipt),
        (":twitchy!twitchy@twitchy.tmi.twitch.tv PART #shop", ParsedLine::Left { channel: login("shop") }),
        (":alice!alice@alice.tmi.twitch.tv PART #shop", ParsedLine::Other),
        (":twitchy!twitchy@twitchy.tmi.twitch.tv JOIN #shop", ParsedLine::Other),
        (
            "@msg-id=msg_banned :tmi.twitch.tv NOTICE #shop :You are permanently banned from talking in shop.",
            refused(Refusal::Banned),
        ),
        (
            "@msg-id=msg_channel_suspended :tmi.twitch.tv NOTICE #shop :This channel has been suspended.",
            refused(Refusal::Suspended),
        ),
        ("@msg-id=slow_on :tmi.twitch.tv NOTICE #shop :This room is now in slow mode.", ParsedLine::Other),
        ("PING :tmi.twitch.tv", ParsedLine::Ping("tmi.twitch.tv".into())),
        (":tmi.twitch.tv PONG tmi.twitch.tv :twitchy", ParsedLine::Other),
        (":tmi.twitch.tv RECONNECT", ParsedLine::Reconnect),
    ] {
        assert_eq!(parse(line), Ok(heard), "{line}");
    }
}

#[test]
fn a_room_tells_all_its_modes_or_the_one_that_changed() {
    let (id, unsaid) = (Some(ChannelId(1000)), ModeChange::default());
    let off = ModeChange {
        slow: Some(Duration::ZERO),
        emote_only: Some(false),
        subscribers_only: Some(false),
        followers_only: Some(false),
    };
    let closed =
        ModeChange { slow: None, emote_only: Some(true), subscribers_only: Some(true), followers_only: Some(true) };
    let slow = ModeChange { slow: Some(Duration::from_secs(10)), ..unsaid };
    for (tags, id, change) in [
        ("emote-only=0;followers-only=-1;r9k=0;room-id=1000;slow=0;subs-only=0", id, off),
        ("emote-only=1;followers-only=0;room-id=1000;subs-only=1", id, closed),
        ("room-id=1000;slow=10", id, slow),
        ("slow=10", None, slow),
        ("followers-only=10", None, ModeChange { followers_only: Some(true), ..unsaid }),
        ("room-id=1000;slow=soon;emote-only=;r9k=1", id, unsaid),
        ("room-id=1000;slow=-10", id, ModeChange { slow: Some(Duration::ZERO), ..unsaid }),
    ] {
        let heard = ParsedLine::Room { channel: login("shop"), id, change };
        assert_eq!(parse(&format!("@{tags} :tmi.twitch.tv ROOMSTATE #shop")), Ok(heard), "{tags}");
    }
    assert_eq!(parse("@room-id=x :tmi.twitch.tv ROOMSTATE #shop"), Err(ParseLineError("room-id")));
}

#[test]
fn an_error_never_tells_what_was_said() {
    let line = with_tags("badges=").replace("room-id=1000", "room-id=secret");
    let error = parse(&line).unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in "\\PC{0,200}") {
        let _any = parse(&line);
    }

    /// Mangles lines that are right up to some point, which random text never is.
    #[test]
    fn no_mangled_message_makes_the_parser_panic(
        key in "(badges|badge-info|emotes|id|mod|room-id|user-id|tmi-sent-ts|display-name|reply-parent-msg-id|source-room-id)",
        value in "[a-z0-9,/:\\\\\\-]{0,30}",
        cut in 0usize..400,
        text in "\\PC{0,40}",
    ) {
        let line = with_tags(&format!("{key}={value}")).replace("!balance", &text);
        let _any = parse(&line);
        let _any = parse(line.get(..cut).unwrap_or(&line));
    }
}

#[test]
fn a_flag_without_its_badge_gives_the_role() {
    let line = |tags: &str| with_tags("badges=;badge-info=").replace("subscriber=0", tags);
    for (tags, role) in [
        ("subscriber=0", Role::Everyone),
        ("subscriber=1", Role::Subscriber),
        ("subscriber=0;vip=1", Role::Vip),
        ("subscriber=1;vip=1", Role::Vip),
        ("mod=1;subscriber=1", Role::Moderator),
        ("subscriber=0;vip=0", Role::Everyone),
    ] {
        assert_eq!(message(&line(tags)).chatter.role, role, "{tags}");
    }
    // Of two roles, the higher one counts.
    let line = with_tags("badges=vip/1").replace("subscriber=0", "subscriber=1");
    assert_eq!(message(&line).chatter.role, Role::Vip);
}
