//! Messages for tests.

use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::message::ChatMessage;
use crate::domain::role::Role;
use crate::testing::{self, channel, chatter};

pub(crate) const SHOP: ChannelId = ChannelId(1);

/// A message in `#shop` from a chatter without a role.
pub(crate) fn message(id: u64, login: &str, text: &str) -> ChatMessage {
    let chatter = chatter(ChatterId(id), login, Role::Everyone);
    testing::message("message-1", channel(SHOP, "shop"), chatter, text)
}
