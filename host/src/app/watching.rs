//! What the demo observes of the running host, to explain to its user why the bot does not answer.

use std::collections::BTreeMap;

use tokio::sync::broadcast::Receiver;

use super::App;
use crate::chat::dispatch::unanswered::Unanswered;
use crate::domain::id::ChannelId;
use crate::setup::channel::ChannelSetup;

/// Each chat message from now on that gets no answer, with the reason.
pub fn listen_to_unanswered(app: &App) -> Receiver<Unanswered> {
    app.host.dispatch.listen_to_unanswered()
}

/// The set-up of a channel; `None` if the bot was never set up there.
pub fn find_channel(app: &App, channel: ChannelId) -> Option<ChannelSetup> {
    app.host.setup.find_channel(channel)
}

/// Lines, events and replies that were lost or refused since the start, by reason, summed over all accounts.
pub fn list_losses(app: &App) -> BTreeMap<&'static str, u64> {
    let mut losses = BTreeMap::new();
    for account in app.accounts.list().iter() {
        for (reason, count) in account.states.borrow().counts.list() {
            *losses.entry(reason).or_default() += count;
        }
    }
    losses
}
