//! The steps before a call.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::super::cooldown::{Attempt, Taken};
use super::super::permission::may_call;
use super::super::route::{Routed, route};
use super::Dispatch;
use super::answer::Address;
use crate::domain::id::ChannelId;
use crate::domain::invocation::{Invocation, InvocationId, Origin};
use crate::domain::manifest::{Capability, Command};
use crate::domain::message::ChatMessage;
use crate::sandbox::Call;
use crate::setup::channel::{ChannelSetup, Target};

/// Why a message gets no answer. Chat shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Written in another room of a shared chat: it is answered there.
    #[error("shared copy")]
    SharedCopy,
    #[error("unknown channel")]
    UnknownChannel,
    /// Another bot account sits in this channel, and this one only listens.
    #[error("other account")]
    OtherAccount,
    #[error("talk")]
    Talk,
    /// No module that runs in this channel answers to the word.
    #[error("unknown word")]
    UnknownWord,
    #[error("duplicate")]
    Duplicate,
    #[error("muted")]
    Muted,
    #[error("role")]
    Role,
    #[error("cooldown")]
    Cooldown,
    /// It broke, and the channel heard an apology less than a minute ago.
    #[error("apologised lately")]
    ApologisedLately,
}

/// A call that is to be carried out, and what is needed to answer it.
#[derive(Debug)]
#[must_use]
pub struct Accepted {
    pub(super) call: Call,
    pub(super) command: Arc<Command>,
    pub(super) taken: Taken,
    pub(super) to: Address,
}

impl Accepted {
    pub fn channel(&self) -> ChannelId {
        self.to.channel_id
    }

    /// Whether it runs, and is answered, after the channel's earlier calls of its kind.
    pub fn is_serial(&self) -> bool {
        self.call.manifest.is_serial()
    }
}

impl Dispatch {
    /// The steps before the call. In memory only, and quick.
    pub fn accept(&self, message: ChatMessage) -> Result<Accepted, Silence> {
        let now = self.clock.now();
        if message.is_shared_copy {
            return Err(Silence::SharedCopy);
        }
        let setup = self.setup.find_channel(message.channel_id).ok_or(Silence::UnknownChannel)?;
        // One voice in a channel: so no two bots of ours ever answer the same message, or each other.
        if setup.bot != message.account {
            return Err(Silence::OtherAccount);
        }
        let chatter = &message.chatter;
        let display_name = || chatter.display_name.clone();
        self.tally.lock().note(message.channel_id, chatter.id, chatter.login.as_str(), display_name);
        if message.is_action {
            return Err(Silence::Talk);
        }
        let is_reply = message.reply_to.is_some();
        let routed = route(&message.text, &setup.prefix, &setup.bot, is_reply).ok_or(Silence::Talk)?;
        let target = setup.find_word(&routed.word).ok_or(Silence::UnknownWord)?;
        let mut memory = self.lock();
        if memory.duplicates.is_repeated(&message.id) {
            return Err(Silence::Duplicate);
        }
        if setup.is_muted(now.wall) && !target.module.manifest.requests(Capability::Settings) {
            return Err(Silence::Muted);
        }
        if !may_call(message.chatter.role, target.command.role) {
            return Err(Silence::Role);
        }
        let attempt = attempt_of(&message, target.command);
        let taken = memory.cooldowns.try_take(&attempt, now.instant).ok_or(Silence::Cooldown)?;
        Ok(Accepted {
            taken,
            command: target.command.clone(),
            to: address_of(&message, now.instant),
            call: call_of(message, routed, &setup, &target, now.wall),
        })
    }

    /// For a call that is not made after all: gives its cooldown back.
    pub fn decline(&self, accepted: Accepted) {
        self.lock().cooldowns.give_back(accepted.taken);
    }
}

fn attempt_of(message: &ChatMessage, command: &Command) -> Attempt {
    Attempt {
        channel: message.channel_id,
        command: command.name.clone(),
        chatter: message.chatter.id,
        role: message.chatter.role,
        channel_cooldown: command.channel_cooldown,
        chatter_cooldown: command.chatter_cooldown,
    }
}

fn address_of(message: &ChatMessage, asked_at: Instant) -> Address {
    Address {
        account: message.account.clone(),
        channel_id: message.channel_id,
        channel_login: message.channel_login.clone(),
        message_id: message.id.clone(),
        role: message.chatter.role,
        asked_at,
    }
}

fn call_of(message: ChatMessage, routed: Routed, setup: &ChannelSetup, target: &Target<'_>, now: SystemTime) -> Call {
    let is_alias = routed.word != target.command.name;
    let invocation = Invocation {
        id: InvocationId { origin: Origin::Chat, id: message.id.0.clone() },
        channel: setup.channel.clone(),
        chatter: message.chatter,
        is_proven: true,
        bot: setup.bot.clone(),
        prefix: setup.prefix.clone(),
        locale: setup.locale.clone(),
        command: target.command.name.clone(),
        arguments: routed.arguments,
        text: routed.text,
        message_id: Some(message.id),
        reply_to: message.reply_to,
        sent_at: message.sent_at,
        settings: target.module.resolved_settings(),
        details: if is_alias { vec![("alias".to_owned(), routed.word.into())] } else { Vec::new() },
        now,
        random_seed: random_seed(),
    };
    Call {
        manifest: target.module.manifest.clone(),
        grants: target.module.grants.clone(),
        invocation: Arc::new(invocation),
    }
}

fn random_seed() -> u64 {
    getrandom::u64().expect("the operating system has random bytes once it is up")
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::message;
    use super::*;
    use crate::domain::manifest::SettingKind;
    use crate::domain::message::Channel;
    use crate::domain::prefix::Prefix;
    use crate::setup::sample::{command, manifest, running, setting};

    #[test]
    fn an_invocation_carries_the_commands_name_the_alias_typed_and_the_settings() {
        let pay = Command { aliases: vec!["give".into()], ..command("pay") };
        let settings = vec![setting("tax", SettingKind::Number, "0.5")];
        let module = running(manifest("market", vec![pay], settings));
        let channel = Channel { id: ChannelId(1), login: "shop".parse().unwrap(), display_name: "Shop".into() };
        let setup = ChannelSetup::new(channel.clone(), "twitchy".parse().unwrap(), [module]);
        let message = message(7, "alice", "!Give @bob  \"a lot\"");
        let routed = route(&message.text, &setup.prefix, &setup.bot, false).unwrap();
        let target = setup.find_word(&routed.word).unwrap();
        let now = SystemTime::UNIX_EPOCH;

        let call = call_of(message.clone(), routed, &setup, &target, now);

        let expected = Invocation {
            id: InvocationId { origin: Origin::Chat, id: "message-1".into() },
            channel,
            chatter: message.chatter,
            is_proven: true,
            bot: setup.bot.clone(),
            prefix: Prefix::default(),
            locale: "en".into(),
            command: "pay".into(),
            arguments: vec!["@bob".to_owned(), "a lot".to_owned()],
            text: "@bob  \"a lot\"".to_owned(),
            message_id: Some(message.id),
            reply_to: None,
            sent_at: now,
            settings: vec![("tax".to_owned(), "0.5".to_owned())],
            details: vec![("alias".to_owned(), "give".to_owned())],
            now,
            random_seed: call.invocation.random_seed,
        };
        assert_eq!(*call.invocation, expected);
    }
}
