//! Capability `settings`: the channel's set-up: its prefix, its modules, and the settings of each of them.
//!
//! The operator grants it. For its *own* settings a module needs no capability: it declares them with
//! [`crate::ModuleInfo::setting`], and reads them with [`crate::Invocation::setting`]. On every change, the host checks
//! the invoking chatter's role again.
//!
//! ```no_run
//! use twitchy_sdk::settings::{self, SettingsError};
//! use twitchy_sdk::{CommandError, Replies, answer};
//!
//! fn change_prefix(prefix: &str) -> Result<Replies, CommandError> {
//!     match settings::set_prefix(prefix) {
//!         Ok(()) => Ok(answer(format!("commands begin with {prefix} now"))),
//!         Err(SettingsError::InvalidValue(valid)) => Err(CommandError::usage(format!("it should be {valid}"))),
//!         Err(SettingsError::NotAllowed(who)) => Err(CommandError::refused(who)),
//!         Err(error) => Err(CommandError::unavailable(error.to_string())),
//!     }
//! }
//!
//! fn open_the_dice() -> Result<String, SettingsError> {
//!     settings::enable_module("dice")?;
//!     settings::change_setting("dice", "roll.role", "everyone")?;
//!     let sides = settings::list_settings("dice")?.into_iter().find(|setting| setting.key == "sides");
//!     Ok(format!("{}roll has {} sides", settings::prefix(), sides.map(|sides| sides.value).unwrap_or_default()))
//! }
//!
//! fn switch_all_off() -> Result<(), SettingsError> {
//!     settings::list_modules().iter().try_for_each(|module| settings::disable_module(&module.name))
//! }
//! ```

use std::time::{Duration, SystemTime};

pub use crate::bindings::twitchy::command::settings::{ModuleState, Setting, SettingsError};
use crate::clock;
use crate::host::settings;
pub use crate::host::settings::{
    change_setting, disable_module, enable_module, list_modules, list_settings, prefix, set_prefix,
};

/// Mutes the bot in this channel for a time, at most a day.
///
/// ```
/// use std::time::Duration;
/// use twitchy_sdk::settings::{self, SettingsError};
///
/// fn hush() -> Result<(), SettingsError> {
///     settings::mute(Duration::from_secs(600))
/// }
/// ```
///
/// # Errors
/// If the chatter's role does not allow this, or the time is too long.
pub fn mute(span: Duration) -> Result<(), SettingsError> {
    settings::mute(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Ends the mute.
///
/// ```
/// use twitchy_sdk::settings::{self, SettingsError};
///
/// fn toggle() -> Result<(), SettingsError> {
///     if settings::muted_until().is_some() { settings::unmute() } else { settings::mute(std::time::Duration::from_secs(600)) }
/// }
/// ```
///
/// # Errors
/// If the chatter's role does not allow this.
pub fn unmute() -> Result<(), SettingsError> {
    settings::mute(0)
}

/// When the mute ends; `None` if the bot is not muted.
pub fn muted_until() -> Option<SystemTime> {
    settings::muted_until().map(clock::from_millis)
}
