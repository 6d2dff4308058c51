//! Modules and channels for tests.

use std::sync::Arc;
use std::time::Duration;

use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use crate::domain::account::BotAccount;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::{Command, Grants, Manifest, ModuleSource, Setting, SettingKind, SizeClass};
use crate::domain::message::Channel;
use crate::domain::role::Role;

pub(crate) fn name(text: &str) -> ModuleName {
    text.parse().unwrap()
}

/// For everyone, without aliases and cooldowns.
pub(crate) fn command(name: &str) -> Command {
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

/// A bundled module that asks for nothing.
pub(crate) fn manifest(module: &str, commands: Vec<Command>, settings: Vec<Setting>) -> Manifest {
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

pub(crate) fn setting(key: &str, kind: SettingKind, default: &str) -> Setting {
    Setting { key: key.to_owned(), summary: "for tests".to_owned(), kind, default: default.to_owned() }
}

/// On, and granted all that it asks for.
pub(crate) fn running(manifest: Manifest) -> ModuleSetup {
    let grants = Grants::all(&manifest);
    ModuleSetup { is_enabled: true, grants, ..ModuleSetup::new(Arc::new(manifest)) }
}

/// On, with these commands.
pub(crate) fn module(name: &str, commands: &[&str]) -> ModuleSetup {
    running(manifest(name, commands.iter().map(|name| command(name)).collect(), Vec::new()))
}

/// The module `settings`, on.
pub(crate) fn settings_module() -> ModuleSetup {
    let moderators = setting("moderators", SettingKind::Boolean, "false");
    let mut settings = running(manifest("settings", vec![command("settings")], vec![moderators]));
    settings.settings.insert("settings.role".to_owned(), "moderator".to_owned());
    settings
}

pub(crate) fn channel() -> Channel {
    Channel { id: ChannelId(100), login: "shop".parse().unwrap(), display_name: "Shop".into() }
}

pub(crate) fn bot() -> BotAccount {
    BotAccount { login: "twitchy".parse().unwrap(), id: None }
}

pub(crate) fn channel_setup(modules: impl IntoIterator<Item = ModuleSetup>) -> ChannelSetup {
    ChannelSetup::new(channel(), bot(), modules)
}
