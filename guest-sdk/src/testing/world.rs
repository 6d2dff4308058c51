//! All that the host knows: what a call may change, and what surrounds it.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::random::Random;
use crate::bindings::twitchy::command::balances::{Balance, BalanceError};
use crate::bindings::twitchy::command::channels::JoinError;
use crate::bindings::twitchy::command::coins::{CoinPrice, CoinSummary};
use crate::bindings::twitchy::command::http::{HttpError, Request, Response};
use crate::bindings::twitchy::command::log::Level;
use crate::bindings::twitchy::command::streams::LiveStream;
use crate::bindings::twitchy::command::words::Word;
use crate::{Channel, Chatter, CommandInfo, Invocation, ModuleInfo, Role, SettingKind};

/// Host calls that one call may make; `log` is not counted.
const MOST_HOST_CALLS: u32 = 100;

/// Answers in place of the ledger, as an outside provider of balances does.
pub(super) type Provider = Box<dyn Fn(&str) -> Result<Vec<Balance>, BalanceError>>;

pub(crate) struct World {
    pub(super) module: ModuleInfo,
    pub(super) channel: Channel,
    pub(super) bot: String,
    /// Milliseconds of Unix time.
    pub(super) now: u64,
    pub(super) chatters: Vec<Chatter>,
    /// The currency's name, and its digits after the decimal point.
    pub(super) currency: (String, u32),
    pub(super) provider: Option<Provider>,
    pub(super) coins: Vec<(CoinPrice, CoinSummary)>,
    /// `None` if the host does not watch streams.
    pub(super) stream: Option<Option<LiveStream>>,
    /// Why the bot joins nobody; `None` if it joins whoever asks.
    pub(super) join_error: Option<JoinError>,
    pub(super) secrets: BTreeMap<String, String>,
    /// By address.
    pub(super) web: BTreeMap<String, Result<Response, HttpError>>,
    pub(super) random: Random,
    pub(super) kept: Kept,
    /// The committed entries, accounts and set-up while a call runs.
    pub(super) committed: Kept,
    pub(super) call: Option<Call>,
    /// Lines and requests stay even if the call fails.
    pub(super) log: Vec<(Level, String)>,
    pub(super) requests: Vec<Request>,
}

/// What a call changes, and loses again if it fails.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) prefix: String,
    pub(super) entries: BTreeMap<String, Vec<u8>>,
    pub(super) written_by: Option<String>,
    /// In the currency's smallest unit.
    pub(super) accounts: BTreeMap<Holder, i64>,
    /// By module and key, where they are not the default.
    pub(super) settings: BTreeMap<(String, String), String>,
    /// Other modules of the channel, with whether they are enabled.
    pub(super) others: Vec<(ModuleInfo, bool)>,
    pub(super) words: Vec<Word>,
    pub(super) muted_until: Option<u64>,
    /// Ids of chatters whose channels the bot is wanted in.
    pub(super) wanted: BTreeSet<String>,
}

/// Who owns currency. `Mint` has no account: it creates what it pays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    Chatter(String),
    Till,
    Mint,
}

/// A call that is running.
pub(super) struct Call {
    pub(super) invocation: Invocation,
    pub(super) host_calls: u32,
    pub(super) log_lines: usize,
    pub(super) web_requests: usize,
    pub(super) web_bytes: usize,
}

impl World {
    /// Counts a host call.
    pub(super) fn enter(&mut self, function: &str) {
        if function.starts_with("log::") {
            return;
        }
        let Some(call) = &mut self.call else {
            panic!("twitchy_sdk::{function} was called in `info`, which may only log");
        };
        call.host_calls += 1;
        assert!(call.host_calls <= MOST_HOST_CALLS, "a call makes at most {MOST_HOST_CALLS} host calls");
    }

    pub(super) fn call(&mut self) -> &mut Call {
        self.call.as_mut().expect("`enter` has checked that a call runs")
    }

    /// The chatter who called.
    pub(super) fn caller(&self) -> &Chatter {
        &self.call.as_ref().expect("`enter` has checked that a call runs").invocation.chatter
    }

    /// The module's settings as an invocation has them: with defaults, without secrets.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let shown = self.module.settings.iter().filter(|setting| setting.kind != SettingKind::Secret);
        let value = |key: &str| self.kept.settings.get(&(self.module.name.clone(), key.to_owned())).cloned();
        shown.map(|it| (it.key.clone(), value(&it.key).unwrap_or_else(|| it.default.clone()))).collect()
    }

    /// The kind of one of the module's settings.
    pub(super) fn setting_kind(&self, key: &str) -> SettingKind {
        let setting = self.module.settings.iter().find(|setting| setting.key == key);
        setting.unwrap_or_else(|| panic!("`info` declares no setting {key:?}")).kind.clone()
    }

    /// The enabled modules, this one first.
    pub(super) fn modules(&self) -> impl Iterator<Item = &ModuleInfo> {
        let others = self.kept.others.iter().filter(|(_, is_enabled)| *is_enabled).map(|(module, _)| module);
        std::iter::once(&self.module).chain(others)
    }

    /// All commands of the channel with their modules' names; claimed words belong to the module under test. Roles are
    /// those that the channel has set.
    pub(super) fn commands(&self) -> Vec<(String, CommandInfo)> {
        let declared = self.modules().flat_map(|module| {
            module.commands.iter().map(|command| (module.name.clone(), self.with_overrides(&module.name, command)))
        });
        let claimed = self.kept.words.iter().map(|word| (self.module.name.clone(), describe(word)));
        declared.chain(claimed).collect()
    }

    fn with_overrides(&self, module: &str, command: &CommandInfo) -> CommandInfo {
        let mut command = command.clone();
        for key in super::value::COMMAND_KEYS {
            let name = (module.to_owned(), format!("{}.{key}", command.name));
            if let Some(value) = self.kept.settings.get(&name) {
                super::value::set_command_key(&mut command, key, value).expect("the value was checked when it was set");
            }
        }
        command
    }

    /// The command that a word calls, in any case.
    pub(super) fn find_command(&self, word: &str) -> Option<(String, CommandInfo)> {
        let word = word.to_lowercase();
        let calls = |text: &String| text.to_lowercase() == word;
        self.commands().into_iter().find(|(_, command)| calls(&command.name) || command.aliases.iter().any(calls))
    }

    /// The chatter of this login, made known if nobody has it. The channel's own login is the broadcaster.
    pub(super) fn chatter(&mut self, login: &str) -> &mut Chatter {
        let login = login.trim_start_matches('@').to_ascii_lowercase();
        let position = self.chatters.iter().position(|chatter| chatter.login == login);
        let position = position.unwrap_or_else(|| {
            let is_login = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let is_sound = (1..=25).contains(&login.len()) && login.bytes().all(is_login);
            assert!(is_sound, "{login:?} is no login: that is 1 to 25 letters, digits or underscores");
            let is_broadcaster = login == self.channel.login;
            let id = if is_broadcaster { self.channel.id.clone() } else { (self.chatters.len() + 1).to_string() };
            let role = if is_broadcaster { Role::Broadcaster } else { Role::Everyone };
            let display_name = login.clone();
            self.chatters.push(Chatter { id, login, display_name, role, badges: Vec::new() });
            self.chatters.len() - 1
        });
        &mut self.chatters[position]
    }
}

fn describe(word: &Word) -> CommandInfo {
    CommandInfo {
        name: word.name.clone(),
        aliases: word.aliases.clone(),
        usage: word.usage.clone(),
        summary: word.summary.clone(),
        role: word.role,
        channel_cooldown_ms: word.channel_cooldown_ms,
        chatter_cooldown_ms: word.chatter_cooldown_ms,
        details: Vec::new(),
    }
}
