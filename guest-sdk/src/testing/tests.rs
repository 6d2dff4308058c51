//! The host in memory, tried with a module that does what the message says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Host, response};
use crate::balances::BalanceError;
use crate::channels::JoinError;
use crate::coins::CoinError;
use crate::http::{self, HttpError, Method, Request};
use crate::log::Level;
use crate::payments::PaymentError;
use crate::settings::SettingsError;
use crate::storage::StorageError;
use crate::words::WordError;
use crate::{
    Amount, CommandError, CommandInfo, Invocation, Mention, Module, ModuleInfo, Replies, Role, SettingInfo, answer,
    balances, channels, chatters, clock, coins, commands, log, payments, random, settings, storage, streams, treasury,
    words,
};

struct Bank;

impl Module for Bank {
    fn info() -> ModuleInfo {
        log::info("described");
        ModuleInfo::new("bank", "1.2.0", "moves points")
            .command(CommandInfo::new("give", "gives points").alias("pay").usage("@chatter AMOUNT"))
            .command(CommandInfo::new("award", "makes points").role(Role::Moderator))
            .command(CommandInfo::new("count", "counts, and may fail then"))
            .command(CommandInfo::new("tell", "tells what the call is"))
            .command(CommandInfo::new("side", "tells a setting"))
            .command(CommandInfo::new("flood", "refuses at length"))
            .setting(SettingInfo::integer("sides", 2, 100, 6, "of a die"))
            .setting(SettingInfo::chatter("patron", "is named"))
            .setting(SettingInfo::secret("key", "of the API"))
            .http_host("api.example.com")
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let mut arguments = invocation.arguments();
        match invocation.command.as_str() {
            "give" => {
                let (whom, amount): (Mention, Amount) = (arguments.required("chatter")?, arguments.required("amount")?);
                storage::add("gifts", 1)?;
                Ok(answer(payments::transfer(&whom, &amount)?))
            }
            "award" => Ok(answer(treasury::award(&arguments.required("chatter")?, &arguments.required("amount")?)?)),
            "count" => {
                let count = storage::add("count", 1)?;
                log::info(&format!("counted {count}"));
                arguments.end()?;
                Ok(answer(count.to_string()))
            }
            "side" => {
                let no_number = invocation.required_setting::<u32>("patron");
                let why = "the setting patron is not declared as a whole number";
                assert_eq!(no_number, Err(CommandError::unavailable(why)));
                Ok(answer(invocation.required_setting::<u32>("sides")?.to_string()))
            }
            "flood" => Err(CommandError::Refused("no ".repeat(1000))),
            _ => Ok(answer(format!("{} {:?} {:?}", invocation.command, invocation.arguments, invocation.settings))),
        }
    }
}

fn bank() -> Host<Bank> {
    Host::new().chatter("bob", Role::Everyone).balance("alice", "100")
}

fn panics_with<T>(expected: &str, call: impl FnOnce() -> T) {
    let Err(panicked) = catch_unwind(AssertUnwindSafe(call)) else { panic!("nothing panicked") };
    let message = panicked.downcast_ref::<String>().map_or("", String::as_str);
    let message = panicked.downcast_ref::<&str>().unwrap_or(&message);
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_message_finds_its_command_by_name_and_alias() {
    let host = bank().setting("sides", "020").setting("patron", "bob").prefix("?");
    let told = Ok(answer(r#"tell ["a b", "c"] [("sides", "20"), ("patron", "id:2")]"#));
    assert_eq!(host.call("alice", "?TELL \"a b\" c"), told);
    assert_eq!(host.call("alice", "@twitchy tell \"a b\" c"), told);
    assert_eq!(host.call("alice", "?pay bob 5"), Ok(answer("95")));
    assert_eq!(host.call("alice", "?side"), Ok(answer("20")));
    panics_with("no command \"hug\"; it has award, count, flood, give, side, tell", || host.call("alice", "?hug"));
    panics_with("calls nothing", || host.call("alice", "!tell"));
    panics_with("it should be a whole number from 2 to 100", || bank().setting("sides", "1"));
    panics_with("declares no setting \"side\"", || bank().setting("side", "1"));
}

#[test]
fn a_role_that_is_too_low_does_not_reach_the_module() {
    let host = bank().chatter("carol", Role::Moderator);
    assert!(matches!(host.call("alice", "!award alice 5"), Err(CommandError::Refused(_))));
    assert_eq!(host.call("carol", "!award alice 5"), Ok(answer("105")));
    assert_eq!(host.call("shop", "!award alice 5"), Ok(answer("110")));
}

#[test]
fn a_failed_call_keeps_its_log_and_nothing_else() {
    let host = bank();
    assert_eq!(host.call("alice", "!count"), Ok(answer("1")));
    assert!(host.call("alice", "!count more").is_err());
    assert_eq!(host.call("alice", "!count"), Ok(answer("2")));
    let lines: Vec<_> = host.log().into_iter().map(|(level, line)| (level == Level::Info, line)).collect();
    assert_eq!(lines, ["described", "counted 1", "counted 2", "counted 2"].map(|line| (true, line.to_owned())));
}

#[test]
fn payments_move_balances_and_roll_back() {
    let host = bank();
    let paid = |text: &str| host.call("alice", &format!("!give {text}"));
    assert_eq!(paid("@bob 30"), Ok(answer("70")));
    assert_eq!((host.balance_of("alice"), host.balance_of("bob")), ("70".to_owned(), "30".to_owned()));
    assert_eq!(paid("bob 71"), Err(PaymentError::NotEnough.into()));
    assert_eq!(paid("bob 0.5"), Err(PaymentError::InvalidAmount.into()));
    assert_eq!(paid("bob -1"), Err(PaymentError::InvalidAmount.into()));
    assert_eq!(paid("nobody 1"), Err(PaymentError::UnknownChatter.into()));
    assert_eq!(paid("alice 1"), Err(CommandError::refused("nobody pays themselves")));
    assert_eq!(host.run(|| storage::load_text("gifts")).as_deref(), Some("1"), "refused calls count nothing");
}

#[test]
fn a_payee_is_named_in_the_message() {
    let bob = <Mention as crate::Argument>::parse("bob").unwrap();
    let one = <Amount as crate::Argument>::parse("1").unwrap();
    let refused = bank().run(|| treasury::award(&bob, &one));
    assert_eq!(refused, Err(PaymentError::NotAllowed("bob is not named in the message".to_owned())));
    let host = bank();
    assert_eq!(host.call_in_reply("shop", "!award @bob, 5", ("bob", "hello")), Ok(answer("5")));
    assert_eq!(host.run(|| balances::top("POINTS", 1)).unwrap()[0].chatter_login, "alice");
    assert_eq!(host.run(|| balances::top("gold", 1)), Err(BalanceError::UnknownCurrency));
}

#[test]
fn the_channel_pays_out_what_it_took_in() {
    let host = bank().currency("coins", 2).balance("shop", "2.50");
    let (shop, amount) = (<Mention as crate::Argument>::parse("shop").unwrap(), |text: &str| {
        <Amount as crate::Argument>::parse(text).unwrap()
    });
    assert_eq!(host.run(|| payments::charge(&amount("1.25"))), Ok("1.25".to_owned()));
    assert_eq!(host.till(), "1.25");
    assert_eq!(host.run(|| treasury::pay(&shop, &amount("1.26"))), Err(PaymentError::NotEnough));
    assert_eq!(host.run(|| treasury::pay(&shop, &amount("1.25"))), Ok("2.5".to_owned()));
}

#[test]
fn an_outside_provider_answers_and_pays_nothing() {
    let host = bank().provider(|_| Err(BalanceError::Unavailable("no route".to_owned())));
    assert_eq!(host.run(|| balances::find("alice")), Err(BalanceError::Unavailable("no route".to_owned())));
    assert_eq!(host.run(|| balances::find("nobody")), Err(BalanceError::UnknownChatter));
    assert!(matches!(host.call("alice", "!give bob 1"), Err(CommandError::Unavailable(_))));
}

#[test]
fn the_store_has_the_limits_of_a_host() {
    let host = bank().entry("word", "five").entry("most", i64::MAX.to_string());
    host.run(|| {
        assert_eq!(storage::save("", "x"), Err(StorageError::KeyInvalid));
        assert_eq!(storage::save("a\u{200B}", "x"), Err(StorageError::KeyInvalid));
        assert_eq!(storage::save(&"k".repeat(257), "x"), Err(StorageError::KeyTooLong));
        assert_eq!(storage::save("key", vec![0; (64 << 10) + 1]), Err(StorageError::ValueTooLong));
        assert_eq!(storage::add("word", 1), Err(StorageError::NotANumber));
        assert_eq!(storage::add("most", 1), Err(StorageError::Overflow));
        (0..3).for_each(|at| storage::save(&format!("big/{at}"), vec![0; 64 << 10]).unwrap());
        assert_eq!(storage::save("big/3", vec![0; 64 << 10]), Err(StorageError::Full));
        assert_eq!(storage::list_keys("big/", None, 10), ["big/0"], "one value fills a listing");
        assert_eq!(storage::list_keys("big/", Some("big/0"), 10), ["big/1"]);
        storage::delete("big/2");
        assert_eq!(storage::save("big/3", vec![0; 64 << 10]), Ok(()));
    });
    let full = (0..1000).fold(Host::<Bank>::new(), |host, at| host.entry(&at.to_string(), ""));
    assert_eq!(full.run(|| storage::save("one more", "")), Err(StorageError::Full));
    assert_eq!(full.run(|| storage::save("7", "again")), Ok(()));
    assert_eq!(full.run(|| storage::list_keys("", None, 1000).len()), 100);
}

#[test]
fn the_store_names_the_version_that_wrote_last() {
    let host = bank().written_by("1.1.0");
    let seen = host.run(|| (storage::add("count", 1), storage::written_by()));
    assert_eq!(seen, (Ok(1), Some("1.1.0".to_owned())), "a call's own writes do not count");
    assert_eq!(host.run(storage::written_by), Some("1.2.0".to_owned()));
}

#[test]
fn a_value_of_a_type_of_ones_own_is_read_back() {
    let host = bank().entry("old", "1.5 points");
    host.run(|| storage::save_as("score", &(3_u32, "won"))).unwrap();
    assert_eq!(host.run(|| storage::load_as("score")), Ok(Some((3_u32, "won".to_owned()))));
    assert_eq!(host.run(|| storage::load_as::<u32>("none")), Ok(None));
    let Err(CommandError::Unavailable(why)) = host.run(|| storage::load_as::<u32>("old")) else {
        panic!("it was read")
    };
    assert!(why.contains("the entry old is not of the module's type"), "{why}");
    let full = host.run(|| storage::save_as("long", &"x".repeat(64 << 10)));
    assert_eq!(full, Err(StorageError::ValueTooLong.into()));
}

#[test]
fn the_clock_stands_still_until_it_is_moved() {
    let host = bank();
    let begun = host.run(clock::now);
    assert_eq!(host.run(clock::now), begun);
    host.advance(Duration::from_secs(90));
    assert_eq!(host.run(clock::now), begun + Duration::from_secs(90));
    assert_eq!(bank().time(begun).run(clock::now), begun);
}

#[test]
fn random_numbers_are_the_tests_own_and_then_repeat() {
    let roll = |host: Host<Bank>| -> Vec<u64> { host.run(|| (0..5).map(|_| random::number(6)).collect()) };
    assert_eq!(roll(bank().random([5, 0]))[..2], [5, 0]);
    assert_eq!(roll(bank()), roll(bank()));
    assert_ne!(roll(bank()), roll(bank().seed(7)));
    panics_with("gives the number 6", || roll(bank().random([6])));
}

#[test]
fn the_web_answers_what_was_set_up_and_names_the_rest() {
    let url = "https://api.example.com/dice";
    let host = bank().secret("key", "hunter2").web(url, Ok(response(200, "hunter2 rolled 4")));
    let ask = || Request::new(Method::Get, url).header("authorization", "Bearer {secret:key}");
    assert_eq!(host.run(|| ask().send()).unwrap().text(), "******* rolled 4");
    assert_eq!(host.requests()[0].headers[0].1, "Bearer hunter2");
    let get = |url: &str| host.run(|| http::get(url));
    let missing = "the test has set up no response for https://api.example.com/other";
    assert_eq!(get("https://api.example.com/other"), Err(HttpError::Unreachable(missing.to_owned())));
    assert_eq!(get("https://evil.example/"), Err(HttpError::NotGranted("evil.example".to_owned())));
    for invalid in ["http://api.example.com/", "https://a@api.example.com/", "https://api.example.com/{secret:key}"] {
        assert!(matches!(get(invalid), Err(HttpError::InvalidRequest(_))), "{invalid}");
    }
    assert!(matches!(host.run(|| ask().header("Host", "x").send()), Err(HttpError::InvalidRequest(_))));
    assert!(matches!(host.run(|| ask().header("x", "{secret:no}").send()), Err(HttpError::InvalidRequest(_))));
    let many = host.run(|| (0..5).map(|_| ask().send()).collect::<Vec<_>>());
    assert_eq!(many.iter().filter(|sent| sent.is_ok()).count(), 4);
    assert_eq!(many[4], Err(HttpError::OverBudget));
}

#[test]
fn chatters_are_found_by_every_name_they_have() {
    let host = bank().display_name("arisu", "アリス");
    host.run(|| {
        for name in ["arisu", "@ARISU", "アリス", "id:4"] {
            assert_eq!(chatters::find(name).map(|found| found.login).as_deref(), Some("arisu"), "{name}");
        }
        assert_eq!(chatters::find("nobody"), None);
    });
}

#[test]
fn the_set_up_is_the_broadcasters() {
    let other = ModuleInfo::new("dice", "1.0.0", "rolls").command(CommandInfo::new("roll", "rolls"));
    let host = bank().other_module(other);
    host.run(|| {
        assert_eq!(
            settings::set_prefix("a"),
            Err(SettingsError::InvalidValue("1 to 5 visible characters without letters, digits, @, / or .".to_owned()))
        );
        settings::set_prefix("?").unwrap();
        settings::change_setting("bank", "sides", "20").unwrap();
        settings::change_setting("dice", "roll.role", "vip").unwrap();
        assert_eq!(settings::change_setting("bank", "rolls", "20"), Err(SettingsError::UnknownSetting));
        assert_eq!(settings::enable_module("cards"), Err(SettingsError::UnknownModule));
        assert_eq!(
            commands::find("ROLL").map(|listing| (listing.module, listing.role)),
            Some(("dice".into(), Role::Vip))
        );
        settings::disable_module("dice").unwrap();
        assert_eq!(commands::find("roll"), None);
        assert_eq!(words::claim(CommandInfo::new("give", "says")), Err(WordError::Taken("bank".to_owned())));
        words::claim(CommandInfo::new("Hello", "says")).unwrap();
        settings::mute(Duration::from_secs(60)).unwrap();
        assert!(settings::muted_until().is_some());
    });
    assert_eq!(host.call("alice", "?hello x"), Ok(answer(r#"hello ["x"] [("sides", "20"), ("patron", "")]"#)));
    let listed = host.run(|| settings::list_settings("bank")).unwrap();
    assert_eq!(
        (listed[0].value.as_str(), listed[3].key.as_str(), listed[3].value.as_str()),
        ("20", "give.role", "everyone")
    );
    assert!(host.run(|| words::release("HELLO")) && !host.run(|| words::release("hello")));
    host.advance(Duration::from_secs(60));
    assert_eq!(host.run(settings::muted_until), None);
}

#[test]
fn what_a_host_does_not_know_is_unavailable() {
    let host = bank();
    assert!(matches!(host.run(|| coins::price("ABC")), Err(CoinError::Unavailable(_))));
    assert!(host.run(streams::find_current).is_err());
    assert_eq!(host.run(channels::request_join), Ok(()));
    assert_eq!(host.run(channels::request_join), Err(JoinError::JoinedAlready));
    assert!(host.run(channels::request_leave) && !host.run(channels::request_leave));
    assert_eq!(bank().stream(None).run(streams::find_current), Ok(None));
}

#[test]
fn a_call_that_a_host_would_end_panics() {
    panics_with("at most 100 host calls", || bank().run(|| (0..101).for_each(|_| drop(storage::load("key")))));
    panics_with("at most 2000 characters", || bank().call("alice", "!flood"));
    panics_with("below 0", || bank().run(|| random::number(0)));
}

#[test]
fn a_host_is_open_only_for_its_calls() {
    let host = bank();
    host.run(|| storage::add("count", 1)).unwrap();
    panics_with("twitchy_sdk::storage::add needs a host", || storage::add("count", 1));
    panics_with("a bug", || host.run(|| panic!("a bug")));
    panics_with("needs a host", || storage::add("count", 1));
}

#[test]
fn a_panic_undoes_the_call() {
    let host = bank();
    let broken = || {
        storage::add("count", 1).unwrap();
        panic!("a bug")
    };
    panics_with("a bug", || host.run(broken));
    assert_eq!(host.run(|| storage::load("count")), None);
}
