//! A request to call a module, and where its answer goes.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use super::super::route::Routed;
use crate::domain::audit::Actor;
use crate::domain::id::{AccountId, ChannelId, InvocationId, Login, MessageId, ModuleName, Origin};
use crate::domain::invocation::Called;
use crate::domain::message::{ChatMessage, Chatter, OutgoingMessage, QuotedMessage, Reply, ReplySource};
use crate::domain::role::Role;
use crate::domain::trace::{Trace, TraceParent};

/// A request to call a module, from chat or over HTTP.
pub(super) struct CallRequest {
    pub(super) id: InvocationId,
    pub(super) called: Called,
    pub(super) chatter: Chatter,
    pub(super) is_proven: bool,
    pub(super) by: Actor,
    /// `None` if the request did not come over HTTP.
    pub(super) from: Option<IpAddr>,
    pub(super) routed: Routed,
    pub(super) reply_to: Option<QuotedMessage>,
    pub(super) sent_at: SystemTime,
    /// When its line was read; `None` if it came over no chat connection.
    pub(super) received_at: Option<Instant>,
    pub(super) is_dry_run: bool,
    /// The caller's own step in a trace.
    pub(super) traced_below: Option<TraceParent>,
    pub(super) to: ReplyTarget,
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(super) struct ReplyTarget {
    /// `None` if the account has never logged in, so it cannot answer in chat yet.
    pub(super) account: Option<AccountId>,
    pub(super) channel_id: ChannelId,
    pub(super) channel_login: Login,
    /// `None` if the request is no chat message.
    pub(super) message_id: Option<MessageId>,
    pub(super) role: Role,
    pub(super) source: ReplySource,
    pub(super) asked_at: Instant,
    pub(super) trace: Trace,
}

impl CallRequest {
    pub(super) fn of(message: ChatMessage, routed: Routed, module: &ModuleName, asked_at: Instant) -> CallRequest {
        let chatter = message.chatter;
        CallRequest {
            id: InvocationId { origin: Origin::Chat, id: message.id.0.clone() },
            called: Called::Command,
            by: Actor::Chatter { id: chatter.id, login: chatter.login.clone() },
            from: None,
            is_proven: true,
            routed,
            reply_to: message.reply_to,
            sent_at: message.sent_at,
            received_at: message.received_at,
            is_dry_run: false,
            traced_below: None,
            to: ReplyTarget {
                account: Some(message.account),
                channel_id: message.channel_id,
                channel_login: message.channel_login,
                message_id: Some(message.id),
                role: chatter.role,
                source: ReplySource::Module(module.clone()),
                asked_at,
                trace: Trace::default(),
            },
            chatter,
        }
    }
}

impl ReplyTarget {
    pub(super) fn outgoing(&self, reply: Reply) -> Option<OutgoingMessage> {
        Some(OutgoingMessage {
            account: self.account?,
            channel_id: self.channel_id,
            channel_login: self.channel_login.clone(),
            reply,
            source: self.source.clone(),
            reply_to: self.message_id.clone(),
            role: self.role,
            asked_at: self.asked_at,
            trace: self.trace.clone(),
        })
    }
}
