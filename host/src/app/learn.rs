//! What the accounts were told besides messages: which channel a room is, and where they cannot sit.

use std::sync::Arc;

use tracing::{debug, error};

use super::status::describe_failure;
use crate::domain::message::Event;
use crate::setup::Setup;

/// Makes a channel that an account entered known to the store and the set-up; logs the rest.
pub(super) async fn learn(setup: Arc<Setup>, event: Event) {
    match event {
        Event::Joined { account, channel_id, channel_login } => {
            match setup.learn_channel(channel_id, &channel_login).await {
                Ok(()) => debug!(channel = %channel_login, id = %channel_id, %account, "joined"),
                Err(error) => error!(channel = %channel_login, id = %channel_id, %error, "cannot set a channel up"),
            }
        }
        Event::JoinFailed { account, channel_login, reason } => {
            // The account's status line tells of it, together with the others.
            debug!(channel = %channel_login, %account, reason = describe_failure(reason), "cannot sit in a channel");
        }
        // Dispatch keeps them to itself.
        Event::Message(_) => {}
    }
}
