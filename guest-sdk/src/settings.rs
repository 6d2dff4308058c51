//! Capability `settings`: the channel's own set-up. A module reads its *own* settings without it, by
//! [`crate::Invocation::setting`].

use std::time::{Duration, SystemTime};

use crate::bindings::twitchy::command::settings;
pub use crate::bindings::twitchy::command::settings::{
    ModuleState, Setting, SettingsError, change_setting, disable_module, enable_module, list_modules, list_settings,
    prefix, set_prefix,
};
use crate::clock;

/// Silences the bot in this channel for a time, at most a day.
///
/// # Errors
/// Where the chatter may not, or the time is too long.
pub fn mute(span: Duration) -> Result<(), SettingsError> {
    settings::mute(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Ends the silence.
///
/// # Errors
/// Where the chatter may not.
pub fn unmute() -> Result<(), SettingsError> {
    settings::mute(0)
}

/// When the silence ends; none where the bot speaks.
pub fn muted_until() -> Option<SystemTime> {
    settings::muted_until().map(clock::from_millis)
}
