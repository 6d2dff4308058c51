//! Who is on the stage of the demo.

/// The bot's login, and the name of its lines.
pub(super) const BOT: &str = "twitchy";
/// The channels that the bot sits in from the start; the first is where one begins.
pub(super) const CHANNELS: [&str; 2] = ["shop", "cafe"];
