//! Interface `types`: converts between the contract's types and the host's. No capability, so no grant is checked.

use std::time::{Duration, SystemTime};

use super::run::Run;
use crate::domain::id::Origin;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::message::{Badge, Channel, Chatter, QuotedMessage, Reply};
use crate::domain::role::Role;
use crate::sandbox::bindings::twitchy::command::types as wit;

/// The interface has no functions, but must be linked.
impl wit::Host for Run {}

/// Milliseconds since 1970; an earlier moment becomes 0.
pub(super) fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A span beyond the contract's `u32` of milliseconds (seven weeks) becomes the longest possible one.
pub(super) fn cooldown_millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

impl From<&Invocation> for wit::Invocation {
    fn from(invocation: &Invocation) -> Self {
        wit::Invocation {
            id: invocation.id.id.to_string(),
            origin: invocation.id.origin.into(),
            channel: (&invocation.channel).into(),
            chatter: (&invocation.chatter).into(),
            bot: invocation.bot.login.to_string(),
            prefix: invocation.prefix.to_string(),
            locale: invocation.locale.to_string(),
            command: invocation.command.to_string(),
            arguments: invocation.arguments.clone(),
            text: invocation.text.clone(),
            reply_to: invocation.reply_to.as_ref().map(wit::QuotedMessage::from),
            sent_at: unix_millis(invocation.sent_at),
            settings: invocation.settings.clone(),
            details: invocation.details.clone(),
        }
    }
}

impl From<Origin> for wit::Origin {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Chat => wit::Origin::Chat,
            Origin::Http => wit::Origin::Http,
            Origin::Timer => wit::Origin::Timer,
            // `Host` never occurs here: the host's own changes call no module.
            Origin::Event | Origin::Host => wit::Origin::Event,
        }
    }
}

impl From<&Channel> for wit::Channel {
    fn from(channel: &Channel) -> Self {
        wit::Channel {
            id: channel.id.to_string(),
            login: channel.login.to_string(),
            display_name: channel.display_name.to_string(),
        }
    }
}

impl From<&Chatter> for wit::Chatter {
    fn from(chatter: &Chatter) -> Self {
        wit::Chatter {
            id: chatter.id.to_string(),
            login: chatter.login.to_string(),
            display_name: chatter.display_name.to_string(),
            role: chatter.role.into(),
            badges: chatter.badges.iter().map(wit::Badge::from).collect(),
        }
    }
}

impl From<&Badge> for wit::Badge {
    fn from(badge: &Badge) -> Self {
        wit::Badge { name: badge.name.to_string(), version: badge.version.to_string(), info: badge.info.to_string() }
    }
}

impl From<&QuotedMessage> for wit::QuotedMessage {
    fn from(quoted: &QuotedMessage) -> Self {
        wit::QuotedMessage {
            id: quoted.id.to_string(),
            chatter_id: quoted.chatter_id.to_string(),
            chatter_login: quoted.chatter_login.to_string(),
            text: quoted.text.to_string(),
        }
    }
}

impl From<Role> for wit::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Everyone => wit::Role::Everyone,
            Role::Subscriber => wit::Role::Subscriber,
            Role::Vip => wit::Role::Vip,
            Role::Moderator => wit::Role::Moderator,
            Role::Broadcaster => wit::Role::Broadcaster,
        }
    }
}

impl From<wit::Role> for Role {
    fn from(role: wit::Role) -> Self {
        match role {
            wit::Role::Everyone => Role::Everyone,
            wit::Role::Subscriber => Role::Subscriber,
            wit::Role::Vip => Role::Vip,
            wit::Role::Moderator => Role::Moderator,
            wit::Role::Broadcaster => Role::Broadcaster,
        }
    }
}

impl From<wit::Reply> for Reply {
    fn from(reply: wit::Reply) -> Self {
        match reply {
            wit::Reply::Say(text) => Reply::Say(text),
            wit::Reply::Answer(text) => Reply::Answer(text),
            wit::Reply::Action(text) => Reply::Action(text),
        }
    }
}

impl From<wit::CommandError> for CommandError {
    fn from(error: wit::CommandError) -> Self {
        match error {
            wit::CommandError::Usage(text) => CommandError::Usage(text),
            wit::CommandError::Refused(text) => CommandError::Refused(text),
            wit::CommandError::Unavailable(text) => CommandError::Unavailable(text),
        }
    }
}
