//! Messages for tests.

use std::time::SystemTime;

use crate::domain::id::{AccountId, ChannelId, ChatterId, Login, MessageId};
use crate::domain::message::{ChatMessage, Chatter};
use crate::domain::role::Role;

pub(crate) const SHOP: ChannelId = ChannelId(1);

/// Said in `#shop` by somebody without a role.
pub(crate) fn message(id: u64, login: &str, text: &str) -> ChatMessage {
    let login: Login = login.parse().unwrap();
    ChatMessage {
        id: MessageId("message-1".into()),
        account: AccountId(1000),
        channel_id: SHOP,
        channel_login: "shop".parse().unwrap(),
        chatter: Chatter {
            id: ChatterId(id),
            display_name: login.as_str().into(),
            login,
            role: Role::Everyone,
            badges: Vec::new(),
        },
        text: text.into(),
        is_action: false,
        reply_to: None,
        sent_at: SystemTime::UNIX_EPOCH,
        received_at: None,
        is_shared_copy: false,
    }
}
