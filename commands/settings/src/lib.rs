//! `!settings`: shows and changes a channel's set-up from chat.

use std::time::Duration;

use twitchy_sdk::arguments::quote;
use twitchy_sdk::lists::join_within;
use twitchy_sdk::settings::{self, ModuleState, Setting, SettingsError};
use twitchy_sdk::spans::show_span;
use twitchy_sdk::{
    Argument, Arguments, CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, Role, SettingInfo, answer,
};

pub struct SettingsModule;

impl Module for SettingsModule {
    fn info() -> ModuleInfo {
        let command = CommandInfo::new("settings", "shows and changes how I am set up here")
            .usage("[prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]")
            .role(Role::Moderator);
        let moderators = SettingInfo::boolean("moderators", false, "whether moderators may change settings");
        ModuleInfo::new("settings", env!("CARGO_PKG_VERSION"), "shows and changes a channel's set-up")
            .command(command)
            .setting(moderators)
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let request = parse_request(invocation.arguments())?;
        let told = match &request {
            Request::Overview => Ok(overview(invocation)),
            Request::Show { module } => settings::list_settings(module).map(|all| show_settings(module, &all)),
            Request::Set { module, key, value } => settings::change_setting(module, key, value)
                .and_then(|()| settings::list_settings(module))
                .map(|all| confirm_setting(key, &all)),
            Request::Change(change) => apply(change).map(|()| confirm(change, &invocation.prefix)),
        };
        told.map(answer).map_err(|error| explain(error, &invocation.prefix))
    }
}

twitchy_sdk::export!(SettingsModule);

/// Most characters of a list: a message holds 500, less the rest of the sentence and the chatter's mention.
const LONGEST_LIST: usize = 380;

#[derive(Debug, PartialEq)]
enum Request {
    Overview,
    Show { module: String },
    Set { module: String, key: String, value: String },
    Change(Change),
}

#[derive(Debug, PartialEq)]
enum Change {
    Prefix { prefix: String },
    Enable { module: String },
    Disable { module: String },
    Mute { span: Duration },
    Unmute,
}

fn parse_request(mut arguments: Arguments) -> Result<Request, CommandError> {
    let Some(what) = arguments.optional::<String>("it")? else { return Ok(Request::Overview) };
    let request = match what.to_lowercase().as_str() {
        "show" => Request::Show { module: parse_module(&mut arguments)? },
        "prefix" => Request::Change(Change::Prefix { prefix: arguments.required("the prefix")? }),
        "enable" => Request::Change(Change::Enable { module: parse_module(&mut arguments)? }),
        "disable" => Request::Change(Change::Disable { module: parse_module(&mut arguments)? }),
        "set" => Request::Set {
            module: parse_module(&mut arguments)?,
            key: arguments.required("KEY")?,
            value: arguments.rest("VALUE")?,
        },
        "mute" => Request::Change(match arguments.required("the time")? {
            Silence::Off => Change::Unmute,
            Silence::For(span) => Change::Mute { span },
        }),
        other => return Err(CommandError::usage(["I don't know ", &quote(other)].concat())),
    };
    arguments.end()?;
    Ok(request)
}

/// Module names are in lower case.
fn parse_module(arguments: &mut Arguments) -> Result<String, CommandError> {
    arguments.required::<String>("MODULE").map(|module| module.to_lowercase())
}

/// The argument of `mute`.
enum Silence {
    Off,
    For(Duration),
}

impl Argument for Silence {
    const EXPECTED: &'static str = "like 90s, 10m or 1h, or off";

    fn parse(word: &str) -> Option<Self> {
        if bool::parse(word) == Some(false) || word == "0" {
            return Some(Self::Off);
        }
        Duration::parse(word).map(|span| if span.is_zero() { Self::Off } else { Self::For(span) })
    }
}

fn apply(change: &Change) -> Result<(), SettingsError> {
    match change {
        Change::Prefix { prefix } => settings::set_prefix(prefix),
        Change::Enable { module } => settings::enable_module(module),
        Change::Disable { module } => settings::disable_module(module),
        Change::Mute { span } => settings::mute(*span),
        Change::Unmute => settings::unmute(),
    }
}

fn overview(invocation: &Invocation) -> String {
    // The invocation's time is enough: `clock` would be a further import.
    let silent_for = settings::muted_until().and_then(|end| end.duration_since(invocation.sent_at()).ok());
    show_overview(&settings::prefix(), &settings::list_modules(), silent_for.map(round_up))
}

/// Rounds up to whole seconds, so that ten minutes less a moment are shown as ten minutes.
fn round_up(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs() + u64::from(span.subsec_nanos() > 0))
}

fn show_overview(prefix: &str, modules: &[ModuleState], silent_for: Option<Duration>) -> String {
    let names = |enabled: bool| {
        let names: Vec<String> =
            modules.iter().filter(|module| module.enabled == enabled).map(|module| module.name.clone()).collect();
        if names.is_empty() { "none".to_owned() } else { join_within(&names, LONGEST_LIST / 2) }
    };
    let overview = ["prefix: ", prefix, " | on: ", &names(true), " | off: ", &names(false)].concat();
    match silent_for {
        Some(span) => [&overview, " | silent for ", &show_span(span)].concat(),
        None => overview,
    }
}

fn show_settings(module: &str, settings: &[Setting]) -> String {
    let pairs: Vec<String> =
        settings.iter().map(|setting| [&setting.key, "=", &cut_value(&setting.value)].concat()).collect();
    if pairs.is_empty() {
        return [module, " has no settings"].concat();
    }
    [module, ": ", &join_within(&pairs, LONGEST_LIST)].concat()
}

fn confirm(change: &Change, prefix: &str) -> String {
    match change {
        Change::Prefix { prefix } => ["prefix is now ", prefix].concat(),
        Change::Enable { module } => [module, " is now on"].concat(),
        Change::Disable { module } => [module, " is now off"].concat(),
        Change::Mute { span } => ["silent for ", &show_span(*span), "; ", prefix, "settings mute off ends it"].concat(),
        Change::Unmute => "no longer silent".to_owned(),
    }
}

/// Shows the stored value, which may be spelled differently from the typed one: "true" is stored as on, "90s" as 1m30s.
fn confirm_setting(key: &str, settings: &[Setting]) -> String {
    match settings.iter().find(|setting| setting.key.eq_ignore_ascii_case(key)) {
        Some(setting) if !setting.value.is_empty() => [&setting.key, " is now ", &cut_value(&setting.value)].concat(),
        _ => [key, " is now empty"].concat(),
    }
}

/// Turns each reason for a refusal into a sentence.
fn explain(error: SettingsError, prefix: &str) -> CommandError {
    let settings = [prefix, "settings"].concat();
    match error {
        SettingsError::UnknownModule => {
            CommandError::refused(["there is no such module; ", &settings, " lists them"].concat())
        }
        SettingsError::UnknownSetting => {
            CommandError::refused(["there is no such setting; ", &settings, " show MODULE lists them"].concat())
        }
        SettingsError::WordTaken(module) => {
            CommandError::refused(["it would answer to a word that is taken by ", &module].concat())
        }
        SettingsError::NeedsGrant(place) => CommandError::refused(["it needs to be allowed first: ", &place].concat()),
        SettingsError::InvalidValue(valid) => CommandError::refused(["it should be ", &valid].concat()),
        SettingsError::NotAllowed(place) => CommandError::refused(["you can't change that here: ", &place].concat()),
    }
}

/// Cuts a long value for a list of values.
fn cut_value(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => [&value[..end], "..."].concat(),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use twitchy_sdk::testing::Host;

    use super::*;

    #[test]
    fn the_set_up_changes_from_chat() {
        let dice = ModuleInfo::new("dice", "1.0.0", "rolls")
            .command(CommandInfo::new("roll", "rolls"))
            .setting(SettingInfo::integer("sides", 2, 100, 6, "of the die"));
        let host = Host::<SettingsModule>::new().other_module(dice).chatter("carol", Role::Moderator);
        let said = |login: &str, text: &str, told: &str| assert_eq!(host.call(login, text), Ok(answer(told)), "{text}");
        said("shop", "!settings prefix ?", "prefix is now ?");
        said("shop", "?settings set DICE sides 020", "sides is now 20");
        said(
            "shop",
            "?settings show dice",
            "dice: sides=20, roll.role=everyone, roll.cooldown=0s, roll.chatter-cooldown=3s",
        );
        let refused = CommandError::refused("it should be a whole number from 2 to 100");
        assert_eq!(host.call("shop", "?settings set dice sides 1"), Err(refused));
        let refused = CommandError::refused("you can't change that here: only the broadcaster can");
        assert_eq!(host.call("carol", "?settings mute 10m"), Err(refused));
        said("shop", "?settings set settings moderators on", "moderators is now on");
        said("carol", "?settings mute 10m", "silent for 10m; ?settings mute off ends it");
        host.advance(Duration::from_secs(30));
        said("carol", "?settings", "prefix: ? | on: dice, settings | off: none | silent for 9m30s");
        for beyond in ["set settings moderators off", "set dice roll.role broadcaster"] {
            let refused = CommandError::refused("you can't change that here: only the broadcaster can");
            assert_eq!(host.call("carol", &format!("?settings {beyond}")), Err(refused));
        }
        said("carol", "?settings disable dice", "dice is now off");
        assert!(matches!(host.call("alice", "?settings"), Err(CommandError::Refused(_))), "it is for moderators");
    }

    fn parse(text: &str) -> Result<Request, CommandError> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        parse_request(Arguments::new(&words))
    }

    fn module(name: &str, enabled: bool) -> ModuleState {
        ModuleState { name: name.into(), version: "1.0.0".into(), enabled, commands: vec![] }
    }

    #[test]
    fn every_request_is_understood() {
        let module = || "balance".to_owned();
        assert_eq!(parse(""), Ok(Request::Overview));
        assert_eq!(parse("show balance"), Ok(Request::Show { module: module() }));
        let set = Request::Set { module: module(), key: "a".into(), value: "b c".into() };
        assert_eq!(parse("set BALANCE a b c"), Ok(set));
        for (text, change) in [
            ("prefix ?", Change::Prefix { prefix: "?".into() }),
            ("Enable Balance", Change::Enable { module: module() }),
            ("disable balance", Change::Disable { module: module() }),
            ("mute 10m", Change::Mute { span: Duration::from_secs(600) }),
            ("mute off", Change::Unmute),
            ("mute 0", Change::Unmute),
            ("mute 0s", Change::Unmute),
        ] {
            assert_eq!(parse(text), Ok(Request::Change(change)), "{text}");
        }
    }

    #[test]
    fn a_wrong_request_is_explained() {
        for (text, said) in [
            ("foo", "I don't know \"foo\""),
            ("\"foo", "I don't know '\"foo'"),
            ("enable", "MODULE is missing"),
            ("set balance a", "VALUE is missing"),
            ("enable balance now", "I don't know what to do with \"now\""),
            ("mute long", "the time should be like 90s, 10m or 1h, or off, not \"long\""),
        ] {
            assert_eq!(parse(text), Err(CommandError::usage(said)), "{text}");
        }
    }

    #[test]
    fn the_set_up_is_one_line() {
        let modules = [module("balance", true), module("help", true), module("join", false)];
        assert_eq!(show_overview("!", &modules, None), "prefix: ! | on: balance, help | off: join");
        let silent = show_overview("!", &modules[..1], Some(Duration::from_secs(90)));
        assert_eq!(silent, "prefix: ! | on: balance | off: none | silent for 1m30s");
        assert_eq!(round_up(Duration::from_millis(599_990)), Duration::from_secs(600));
        assert_eq!(round_up(Duration::from_secs(90)), Duration::from_secs(90));
    }

    #[test]
    fn many_modules_and_settings_fit_into_one_message() {
        let modules: Vec<ModuleState> = (0..100).map(|number| module(&format!("module{number}"), true)).collect();
        assert!(show_overview("!", &modules, None).chars().count() < 450);
        let setting = Setting { key: "key".into(), value: "é".repeat(900), summary: String::new() };
        let text = show_settings("balance", &vec![setting; 50]);
        assert!(text.starts_with("balance: key=é") && text.chars().count() < 450, "{text}");
    }

    #[test]
    fn settings_are_listed_with_their_values() {
        let setting = |key: &str, value: &str| Setting { key: key.into(), value: value.into(), summary: String::new() };
        let all = [setting("balance.role", "everyone"), setting("balance.chatter-cooldown", "3s")];
        assert_eq!(show_settings("balance", &all), "balance: balance.role=everyone, balance.chatter-cooldown=3s");
        assert_eq!(show_settings("balance", &[]), "balance has no settings");
    }

    #[test]
    fn a_change_is_confirmed() {
        let module = || "balance".to_owned();
        for (change, said) in [
            (Change::Prefix { prefix: "?".into() }, "prefix is now ?"),
            (Change::Enable { module: module() }, "balance is now on"),
            (Change::Disable { module: module() }, "balance is now off"),
            (Change::Mute { span: Duration::from_secs(600) }, "silent for 10m; !settings mute off ends it"),
            (Change::Unmute, "no longer silent"),
        ] {
            assert_eq!(confirm(&change, "!"), said);
        }
    }

    #[test]
    fn a_setting_is_confirmed_as_it_is_kept() {
        let setting = |key: &str, value: &str| Setting { key: key.into(), value: value.into(), summary: String::new() };
        let all = [setting("greeting", ""), setting("hug.cooldown", "1m30s")];
        assert_eq!(confirm_setting("Hug.Cooldown", &all), "hug.cooldown is now 1m30s");
        assert_eq!(confirm_setting("greeting", &all), "greeting is now empty");
    }

    #[test]
    fn every_refusal_has_a_sentence() {
        let place = || "the portal".to_owned();
        for (error, said) in [
            (SettingsError::UnknownModule, "there is no such module; !settings lists them"),
            (SettingsError::UnknownSetting, "there is no such setting; !settings show MODULE lists them"),
            (SettingsError::WordTaken("help".into()), "it would answer to a word that is taken by help"),
            (SettingsError::NeedsGrant(place()), "it needs to be allowed first: the portal"),
            (SettingsError::NotAllowed(place()), "you can't change that here: the portal"),
        ] {
            assert_eq!(explain(error, "!"), CommandError::refused(said));
        }
        let invalid = explain(SettingsError::InvalidValue("on or off".into()), "!");
        assert_eq!(invalid, CommandError::refused("it should be on or off"));
    }
}
