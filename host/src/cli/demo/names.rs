//! The names of the demo's bot and channels.

/// The bot's login, which is also the name shown before its messages.
pub(super) const BOT: &str = "twitchy";
/// The channels that the bot joins at first; the user starts in the first one.
pub(super) const CHANNELS: [&str; 2] = ["shop", "cafe"];
