//! The steps before a call. Each may refuse it; none touches a disk or a sandbox.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::guardrails::{Attempt, GuardedCall, Guardrails, StartedCooldowns};
use super::super::permission::may_call;
use super::super::route::route;
use super::call::{CallError, HttpCall};
use super::call_request::{CallRequest, ReplyTarget};
use super::refusal::{Refusal, Silence};
use super::traced::{arrival, subject_of, typed};
use crate::admission::Claim;
use crate::domain::id::InvocationId;
use crate::domain::invocation::{Called, Invocation};
use crate::domain::manifest::{Capability, Command, ModuleSource};
use crate::domain::message::ChatMessage;
use crate::domain::ports::{Clock, Moment};
use crate::domain::role::Role;
use crate::domain::tally::Tally;
use crate::domain::trace::{Step, Trace};
use crate::sandbox::call::Call;
use crate::sandbox::rehearsal::Rehearsal;
use crate::setup::Setup;
use crate::setup::channel::ChannelSetup;
use crate::setup::words::Target;
use crate::telemetry::Telemetry;

/// A call to be made, with what is needed to answer it. Its cooldown has started.
pub(super) struct Accepted {
    pub(super) call: Call,
    pub(super) called: Called,
    pub(super) command: Arc<Command>,
    pub(super) started: StartedCooldowns,
    pub(super) to: ReplyTarget,
}

impl Accepted {
    pub(super) fn claim(&self) -> Claim {
        Claim::of(&self.call.manifest, self.to.channel_id, self.called)
    }
}

pub(super) struct Acceptance {
    pub(super) setup: Arc<Setup>,
    pub(super) guardrails: Arc<Guardrails>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rehearsal: Option<Arc<Rehearsal>>,
}

impl Acceptance {
    /// Takes the steps of a chat message.
    pub(super) fn accept(&self, message: ChatMessage) -> Result<Accepted, Silence> {
        let now = self.clock.now();
        if message.is_shared_copy {
            return Err(Silence::SharedCopy);
        }
        let setup = self.setup.find_channel(message.channel_id).ok_or(Silence::UnknownChannel)?;
        // Only one account answers in a channel. So no two bots of ours answer the same message, or each other.
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
        if self.guardrails.is_repeated(&message.id) {
            return Err(Silence::Duplicate);
        }
        let request = CallRequest::of(message, routed, &target.module.manifest.name, now.instant);
        Ok(self.check(request, &setup, &target, now)?)
    }

    /// Takes the steps of a call over HTTP.
    pub(super) fn accept_call(&self, id: InvocationId, call: HttpCall) -> Result<Accepted, CallError> {
        let now = self.clock.now();
        let setup = self.setup.find_channel(call.channel).ok_or(CallError::UnknownChannel)?;
        let routed = call.route();
        let target = setup.find_word(&routed.word).ok_or(CallError::UnknownWord)?;
        let request = call.into_request(id, routed, &setup, now)?;
        Ok(self.check(request, &setup, &target, now)?)
    }

    /// Takes the steps that all calls have in common.
    fn check(
        &self,
        mut request: CallRequest,
        setup: &ChannelSetup,
        target: &Target<'_>,
        now: Moment,
    ) -> Result<Accepted, Refusal> {
        let manifest = &target.module.manifest;
        let (channel, chatter) = (setup.channel.id, &request.chatter);
        if setup.is_muted(now.wall) && !manifest.requests(Capability::Settings) {
            return Err(Refusal::Muted);
        }
        if !may_call(chatter.role, target.command.role) {
            return Err(Refusal::Role);
        }
        if target.module.is_blown(now.wall) {
            return Err(Refusal::Blown(target.module.blown.and_then(|blown| blown.until)));
        }
        let asked = GuardedCall {
            called: request.called,
            attempt: attempt_of(&request, target.command),
            module: manifest.digest,
            // A broadcaster cannot do without the bundled modules, so these answer them however often they break.
            is_never_ignored: manifest.source == ModuleSource::Bundled && chatter.role == Role::Broadcaster,
            is_dry_run: request.is_dry_run,
        };
        let started = self.guardrails.check(&asked, now.instant)?;
        request.to.trace = self.begin_trace(&request, target, now);
        let (called, to) = (request.called, request.to.clone());
        let seed = self.rehearsal.as_ref().map_or_else(random_seed, |rehearsal| rehearsal.next_seed());
        let call = call_of(request, setup, target, now.wall, seed);
        self.telemetry.note_text(&call.invocation.id, channel, || typed(&call.invocation));
        Ok(Accepted { called, started, command: target.command.clone(), to, call })
    }

    fn begin_trace(&self, request: &CallRequest, target: &Target<'_>, now: Moment) -> Trace {
        let at = arrival(request.received_at, now);
        let trace = self.telemetry.begin_trace(at, request.traced_below, || subject_of(request, target));
        if let Some(received_at) = request.received_at {
            trace.note(Step::Queue, received_at, now.instant);
        }
        trace
    }
}

fn attempt_of(request: &CallRequest, command: &Command) -> Attempt {
    Attempt {
        channel: request.to.channel_id,
        command: command.name.clone(),
        chatter: request.chatter.id,
        role: request.chatter.role,
        channel_cooldown: command.channel_cooldown,
        chatter_cooldown: command.chatter_cooldown,
    }
}

fn call_of(request: CallRequest, setup: &ChannelSetup, target: &Target<'_>, now: SystemTime, random_seed: u64) -> Call {
    let CallRequest { routed, by, from, is_dry_run, .. } = request;
    let is_alias = routed.word != target.command.name;
    let invocation = Invocation {
        id: request.id,
        channel: setup.channel.clone(),
        chatter: request.chatter,
        is_proven: request.is_proven,
        bot: setup.bot.clone(),
        prefix: setup.prefix.clone(),
        locale: setup.locale.clone(),
        command: target.command.name.clone(),
        arguments: routed.arguments,
        text: routed.text,
        message_id: request.to.message_id,
        reply_to: request.reply_to,
        sent_at: request.sent_at,
        settings: target.module.resolved_settings(),
        details: if is_alias { vec![("alias".to_owned(), routed.word.into())] } else { Vec::new() },
        now,
        random_seed,
    };
    let (manifest, grants) = (target.module.manifest.clone(), target.module.grants.clone());
    Call { manifest, grants, invocation: Arc::new(invocation), by, from, is_dry_run, trace: request.to.trace }
}

fn random_seed() -> u64 {
    getrandom::u64().expect("the operating system has random bytes once it is up")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::super::sample::message;
    use super::*;
    use crate::domain::account::BotAccount;
    use crate::domain::id::{AccountId, ChannelId, Origin};
    use crate::domain::manifest::SettingKind;
    use crate::domain::message::Channel;
    use crate::domain::prefix::Prefix;
    use crate::setup::sample::running;
    use crate::testing::{command, manifest, setting};

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

        let request = CallRequest::of(message.clone(), routed, &target.module.manifest.name, Instant::now());
        let call = call_of(request, &setup, &target, now, 42);

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
            random_seed: 42,
        };
        assert_eq!(*call.invocation, expected);
    }
}
