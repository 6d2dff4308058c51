//! Handles the accounts' events other than messages: joined channels, and failed joins.

use std::sync::Arc;

use tracing::{debug, error};

use super::status::describe_failure;
use crate::domain::message::Event;
use crate::setup::Setup;

/// Loads a joined channel into the store and the set-ups; only logs other events.
pub(super) async fn learn(setup: Arc<Setup>, event: Event) {
    match event {
        Event::Joined { account, channel_id, channel_login } => {
            match setup.learn_channel(channel_id, &channel_login).await {
                Ok(()) => debug!(channel = %channel_login, id = %channel_id, account = %account.login, "joined"),
                Err(error) => error!(channel = %channel_login, id = %channel_id, %error, "cannot set a channel up"),
            }
        }
        Event::JoinFailed { account, channel_login, reason } => {
            // The account's status line reports it together with the others.
            debug!(channel = %channel_login, account = %account.login, reason = describe_failure(reason), "cannot sit in a channel");
        }
        // Never passed on: dispatch handles messages itself.
        Event::Message(_) => {}
    }
}
