//! The capabilities in words, for authors.

use crate::domain::manifest::Capability;

/// Completes the sentence "the module can ...".
pub(super) fn describe_capability(capability: Capability) -> &'static str {
    match capability {
        Capability::Balances => "read what chatters own",
        Capability::Channels => "ask the bot to join the caller's channel, or to leave it",
        Capability::Chatters => "find chatters who were seen in the channel",
        Capability::Clock => "read the time",
        Capability::Coins => "read prices of coins from the operator's provider",
        Capability::Commands => "list the channel's commands",
        Capability::Http => "ask the web hosts that it names",
        Capability::Log => "write lines to its log",
        Capability::Payments => "move the caller's currency, within the creator's caps",
        Capability::Random => "draw random numbers",
        Capability::Settings => "read and change the channel's settings",
        Capability::Storage => "keep data of its own in the channel",
        Capability::Streams => "see whether the channel is live",
        Capability::Treasury => "make currency and pay it out, within the operator's caps",
        Capability::Words => "add command words to the channel",
    }
}
