//! Default values for tests and benches of any room. A test changes the fields that it is about.

#[cfg(test)]
pub(crate) mod log;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;

use crate::domain::account::BotAccount;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::effect::{Commit, Effect};
use crate::domain::id::{
    AccountId, ChannelId, ChatterId, InvocationId, Login, MessageId, ModuleDigest, ModuleName, Origin,
};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::{Command, Grants, Manifest, ModuleSource, Setting, SettingKind, SizeClass};
use crate::domain::message::{Channel, ChatMessage, Chatter};
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;
use crate::sandbox::call::Call;

/// # Panics
/// If `text` is not a module's name.
pub fn name(text: &str) -> ModuleName {
    text.parse().expect("it is the name of a module")
}

/// # Panics
/// If `text` is not a login.
pub fn login(text: &str) -> Login {
    text.parse().expect("it is a login")
}

/// A bot account whose id is unknown.
pub fn bot(login: &str) -> BotAccount {
    BotAccount { login: self::login(login), id: None }
}

pub fn channel(id: ChannelId, login: &str) -> Channel {
    Channel { id, login: self::login(login), display_name: login.into() }
}

/// A chatter without badges.
pub fn chatter(id: ChatterId, login: &str, role: Role) -> Chatter {
    Chatter { id, login: self::login(login), display_name: login.into(), role, badges: Vec::new() }
}

/// A command for everyone, without aliases and cooldowns.
pub fn command(name: &str) -> Command {
    Command {
        name: name.into(),
        aliases: Vec::new(),
        usage: String::new(),
        summary: "does it".to_owned(),
        role: Role::Everyone,
        channel_cooldown: Duration::ZERO,
        chatter_cooldown: Duration::ZERO,
    }
}

/// The manifest of a bundled module that requests no capability.
pub fn manifest(module: &str, commands: Vec<Command>, settings: Vec<Setting>) -> Manifest {
    Manifest {
        digest: ModuleDigest([7; 32]),
        source: ModuleSource::Bundled,
        size: SizeClass::Small,
        component_bytes: 8,
        name: name(module),
        version: semver::Version::new(1, 0, 0),
        summary: "for tests".to_owned(),
        capabilities: Vec::new(),
        commands: commands.into_iter().map(Arc::new).collect(),
        settings,
        http_hosts: Vec::new(),
    }
}

pub fn setting(key: &str, kind: SettingKind, default: &str) -> Setting {
    Setting { key: key.to_owned(), summary: "for tests".to_owned(), kind, default: default.to_owned() }
}

/// A chat message that is neither a reply nor an action.
pub fn message(id: &str, channel: Channel, chatter: Chatter, text: &str) -> ChatMessage {
    ChatMessage {
        id: MessageId(id.into()),
        account: AccountId(1000),
        channel_id: channel.id,
        channel_login: channel.login,
        chatter,
        text: text.into(),
        is_action: false,
        reply_to: None,
        sent_at: SystemTime::UNIX_EPOCH,
        received_at: None,
        is_shared_copy: false,
    }
}

/// A call of a command in chat, with the words of `text`, in 2027.
pub fn invocation(id: &str, channel: Channel, chatter: Chatter, command: &str, text: &str) -> Invocation {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Invocation {
        id: InvocationId { origin: Origin::Chat, id: id.into() },
        channel,
        is_proven: true,
        chatter,
        bot: bot("twitchy"),
        prefix: Prefix::default(),
        locale: "en".into(),
        command: command.into(),
        arguments: text.split_whitespace().map(str::to_owned).collect(),
        text: text.to_owned(),
        message_id: None,
        reply_to: None,
        sent_at: now,
        settings: Vec::new(),
        details: Vec::new(),
        now,
        random_seed: 42,
    }
}

/// A call of the module's first command by alice, with every capability that the module requests.
pub fn call(id: &str, channel: Channel, manifest: &Arc<Manifest>) -> Call {
    let alice = chatter(ChatterId(1), "alice", Role::Everyone);
    let invocation = invocation(id, channel, alice, &manifest.commands[0].name, "");
    Call::new(Arc::clone(manifest), Grants::all(manifest), invocation)
}

/// A commit by the host itself.
pub fn commit(channel: ChannelId, id: &str, effects: Vec<Effect>) -> Commit {
    Commit::by_host(channel, id, effects, SystemTime::UNIX_EPOCH)
}

pub fn by_host() -> Stamp {
    Stamp { by: Actor::Host, at: SystemTime::UNIX_EPOCH, address: None }
}

/// The result of a read, for tests that cannot await.
///
/// # Panics
/// If the result is not ready.
pub fn at_once<T>(read: impl Future<Output = T>) -> T {
    read.now_or_never().expect("SQLite answers at once")
}
