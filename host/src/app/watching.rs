//! What the demo watches of the running host: it explains to whoever types why the bot says nothing.

use std::collections::BTreeMap;

use tokio::sync::broadcast::Receiver;

use super::App;
use crate::chat::dispatch::unanswered::Unanswered;
use crate::domain::id::ChannelId;
use crate::setup::channel::ChannelSetup;

/// Each chat message from now on that is not answered, with the reason.
pub fn listen_to_unanswered(app: &App) -> Receiver<Unanswered> {
    app.parts.dispatch.listen_to_unanswered()
}

/// How the bot is set up in a channel; `None` where it never was.
pub fn find_channel(app: &App, channel: ChannelId) -> Option<ChannelSetup> {
    app.parts.setup.find_channel(channel)
}

/// How many lines, events and replies were lost or refused since the start, by reason, over all accounts.
pub fn list_losses(app: &App) -> BTreeMap<&'static str, u64> {
    let mut losses = BTreeMap::new();
    for account in app.accounts.list().iter() {
        for (reason, count) in account.states.borrow().counts.list() {
            *losses.entry(reason).or_default() += count;
        }
    }
    losses
}
