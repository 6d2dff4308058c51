//! Modules and channels for tests.

use std::sync::Arc;

use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use crate::domain::id::ChannelId;
use crate::domain::manifest::{Grants, Manifest, SettingKind};
use crate::testing::{bot, channel, command, manifest, setting};

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

pub(crate) fn channel_setup(modules: impl IntoIterator<Item = ModuleSetup>) -> ChannelSetup {
    ChannelSetup::new(channel(ChannelId(100), "shop"), bot("twitchy"), modules)
}
