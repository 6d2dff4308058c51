//! The steps before a call.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::cooldown::{Attempt, Taken};
use super::super::permission::may_call;
use super::super::route::{Routed, route};
use super::answer::{Address, Ending};
use super::traced::{arrival, subject_of, typed};
use super::{Dispatch, Memory};
use crate::domain::audit::Actor;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::invocation::{Invocation, InvocationId, Origin};
use crate::domain::manifest::{Capability, Command, ModuleSource};
use crate::domain::message::{ChatMessage, Chatter, QuotedMessage, ReplySource};
use crate::domain::ports::Moment;
use crate::domain::report::{Outcome, Usage};
use crate::domain::role::Role;
use crate::domain::trace::{Step, Trace, TraceParent};
use crate::sandbox::call::{Call, InvokeError};
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
    /// Another process acts for this channel, and answers.
    #[error("another process")]
    NotActing,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It broke, and the channel heard an apology for this module less than a minute ago.
    #[error("apologised lately")]
    ApologisedLately,
}

/// Why a call of something that runs here is not made, whichever way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("muted")]
    Muted,
    #[error("role")]
    Role,
    /// For so long.
    #[error("cooldown")]
    Cooldown(Duration),
    /// The module broke too often and is off in this channel: until then, or until somebody restores it.
    #[error("fuse")]
    Blown(Option<SystemTime>),
    /// The module broke when this chatter called it, more than once; they are ignored for so long.
    #[error("ignored")]
    Ignored(Duration),
}

/// A call that asks to be made, whichever way it came.
pub(super) struct Ask {
    pub(super) id: InvocationId,
    pub(super) chatter: Chatter,
    pub(super) is_proven: bool,
    pub(super) by: Actor,
    /// None where it did not come over the network.
    pub(super) from: Option<IpAddr>,
    pub(super) routed: Routed,
    pub(super) reply_to: Option<QuotedMessage>,
    pub(super) sent_at: SystemTime,
    /// When its line was read; None where it came over no connection.
    pub(super) received_at: Option<Instant>,
    pub(super) is_dry_run: bool,
    /// The caller's own step in a trace.
    pub(super) traced_below: Option<TraceParent>,
    pub(super) to: Address,
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
        if setup.bot.id != Some(message.account) {
            return Err(Silence::OtherAccount);
        }
        let chatter = &message.chatter;
        let display_name = || chatter.display_name.clone();
        self.tally.lock().note(message.channel_id, chatter.id, chatter.login.as_str(), display_name);
        if message.is_action {
            return Err(Silence::Talk);
        }
        let is_reply = message.reply_to.is_some();
        let routed = route(&message.text, &setup.prefix, &setup.bot.login, is_reply).ok_or(Silence::Talk)?;
        let target = setup.find_word(&routed.word).ok_or(Silence::UnknownWord)?;
        let mut memory = self.lock();
        if memory.duplicates.is_repeated(&message.id) {
            return Err(Silence::Duplicate);
        }
        let ask = Ask::of(message, routed, &target.module.manifest.name, now.instant);
        Ok(self.check(&mut memory, ask, &setup, &target, now)?)
    }

    /// The steps that all calls take, whichever way they came.
    pub(super) fn check(
        &self,
        memory: &mut Memory,
        mut ask: Ask,
        setup: &ChannelSetup,
        target: &Target<'_>,
        now: Moment,
    ) -> Result<Accepted, Refusal> {
        let manifest = &target.module.manifest;
        let (channel, chatter) = (setup.channel.id, &ask.chatter);
        if setup.is_muted(now.wall) && !manifest.requests(Capability::Settings) {
            return Err(Refusal::Muted);
        }
        if !may_call(chatter.role, target.command.role) {
            return Err(Refusal::Role);
        }
        if target.module.is_blown(now.wall) {
            return Err(Refusal::Blown(target.module.blown.and_then(|blown| blown.until)));
        }
        // What a broadcaster cannot do without answers them, however often it breaks.
        let is_heard = manifest.source == ModuleSource::Bundled && chatter.role == Role::Broadcaster;
        let ignored = memory.fuses.find_ignored(channel, manifest.digest, chatter.id, now.instant);
        if let Some(left) = ignored.filter(|_| !is_heard) {
            return Err(Refusal::Ignored(left));
        }
        let attempt = attempt_of(channel, chatter, target.command);
        let taken = match ask.is_dry_run {
            true => memory.cooldowns.check(&attempt, now.instant).map(|()| Taken::nothing(channel)),
            false => memory.cooldowns.try_take(&attempt, now.instant),
        };
        let taken = taken.map_err(Refusal::Cooldown)?;
        ask.to.trace = self.begin_trace(&ask, target, now);
        let to = ask.to.clone();
        let call = call_of(ask, setup, target, now.wall);
        self.telemetry.note_text(&call.invocation.id, channel, || typed(&call.invocation));
        Ok(Accepted { taken, command: target.command.clone(), to, call })
    }

    fn begin_trace(&self, ask: &Ask, target: &Target<'_>, now: Moment) -> Trace {
        let at = arrival(ask.received_at, now);
        let trace = self.telemetry.begin_trace(at, ask.traced_below, || subject_of(ask, target));
        if let Some(received_at) = ask.received_at {
            trace.note(Step::Queue, received_at, now.instant);
        }
        trace
    }

    /// For a call that is not made after all, because too many are under way: gives its cooldown back.
    pub fn decline(&self, accepted: Accepted) {
        let Accepted { call, taken, to, .. } = accepted;
        self.lock().cooldowns.give_back(taken);
        let busy = InvokeError::Busy;
        let (outcome, reason) = (Outcome::Failed(busy.fault()), Some(busy.reason()));
        let is_dry_run = call.is_dry_run;
        let ending = Ending { outcome, is_dry_run, reason, replies: 0, usage: Usage::default() };
        self.report(&call.manifest, &call.invocation, &to, ending);
    }
}

impl Ask {
    fn of(message: ChatMessage, routed: Routed, module: &ModuleName, asked_at: Instant) -> Ask {
        let chatter = message.chatter;
        Ask {
            id: InvocationId { origin: Origin::Chat, id: message.id.0.clone() },
            by: Actor::Chatter { id: chatter.id, login: chatter.login.clone() },
            from: None,
            is_proven: true,
            routed,
            reply_to: message.reply_to,
            sent_at: message.sent_at,
            received_at: message.received_at,
            is_dry_run: false,
            traced_below: None,
            to: Address {
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

fn attempt_of(channel: ChannelId, chatter: &Chatter, command: &Command) -> Attempt {
    Attempt {
        channel,
        command: command.name.clone(),
        chatter: chatter.id,
        role: chatter.role,
        channel_cooldown: command.channel_cooldown,
        chatter_cooldown: command.chatter_cooldown,
    }
}

fn call_of(ask: Ask, setup: &ChannelSetup, target: &Target<'_>, now: SystemTime) -> Call {
    let Ask { routed, by, from, is_dry_run, .. } = ask;
    let is_alias = routed.word != target.command.name;
    let invocation = Invocation {
        id: ask.id,
        channel: setup.channel.clone(),
        chatter: ask.chatter,
        is_proven: ask.is_proven,
        bot: setup.bot.clone(),
        prefix: setup.prefix.clone(),
        locale: setup.locale.clone(),
        command: target.command.name.clone(),
        arguments: routed.arguments,
        text: routed.text,
        message_id: ask.to.message_id,
        reply_to: ask.reply_to,
        sent_at: ask.sent_at,
        settings: target.module.resolved_settings(),
        details: if is_alias { vec![("alias".to_owned(), routed.word.into())] } else { Vec::new() },
        now,
        random_seed: random_seed(),
    };
    let (manifest, grants) = (target.module.manifest.clone(), target.module.grants.clone());
    Call { manifest, grants, invocation: Arc::new(invocation), by, from, is_dry_run, trace: ask.to.trace }
}

fn random_seed() -> u64 {
    getrandom::u64().expect("the operating system has random bytes once it is up")
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::message;
    use super::*;
    use crate::domain::account::BotAccount;
    use crate::domain::id::AccountId;
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
        let bot = BotAccount { login: "twitchy".parse().unwrap(), id: Some(AccountId(1000)) };
        let setup = ChannelSetup::new(channel.clone(), bot, [module]);
        let message = message(7, "alice", "!Give @bob  \"a lot\"");
        let routed = route(&message.text, &setup.prefix, &setup.bot.login, false).unwrap();
        let target = setup.find_word(&routed.word).unwrap();
        let now = SystemTime::UNIX_EPOCH;

        let ask = Ask::of(message.clone(), routed, &target.module.manifest.name, Instant::now());
        let call = call_of(ask, &setup, &target, now);

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
