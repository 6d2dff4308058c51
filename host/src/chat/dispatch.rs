//! THE path: from one chat message to what is sent because of it.
//!
//! Read [`Dispatch::accept`] downwards: each step may end in silence, and none but the last touches a disk or a
//! sandbox. What is accepted has taken its cooldown, and [`Dispatch::carry_out`] answers it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::watch;
use tracing::{debug, error, warn};

use super::apology::Apologies;
use super::cooldown::{Attempt, Cooldowns, Taken};
use super::duplicates::Duplicates;
use super::inbox::Progress;
use super::permission::may_call;
use super::route::{Routed, route};
use super::wording;
use crate::domain::id::{ChannelId, Login, MessageId, ModuleName};
use crate::domain::invocation::{CommandError, Invocation, InvocationId, Origin};
use crate::domain::manifest::{Capability, Command};
use crate::domain::message::{ChatMessage, OutgoingMessage, Reply};
use crate::domain::ports::Clock;
use crate::domain::role::Role;
use crate::domain::tally::Tally;
use crate::sandbox::{Blame, Call, InvokeError, Sandbox};
use crate::setup::Setup;
use crate::setup::channel::{ChannelSetup, Target};
use crate::store::Store;

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
    /// It broke too often, and is off until its fuse comes back.
    #[error("blown fuse")]
    Blown,
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
    call: Call,
    command: Arc<Command>,
    taken: Taken,
    to: Address,
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

/// Where the answer goes.
#[derive(Debug)]
struct Address {
    account: Login,
    channel_id: ChannelId,
    channel_login: Login,
    message_id: MessageId,
    role: Role,
    asked_at: Instant,
}

/// Answers chat messages.
pub struct Dispatch {
    setup: Arc<Setup>,
    sandbox: Arc<Sandbox>,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
    /// Held while a tally is taken out and saved.
    saving: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
    pub(super) progress: watch::Sender<Progress>,
}

/// What is remembered from message to message.
#[derive(Default)]
struct Memory {
    duplicates: Duplicates,
    cooldowns: Cooldowns,
    apologies: Apologies,
    /// Bounded by the modules that there are.
    faults: BTreeMap<ModuleName, u64>,
}

impl Dispatch {
    pub fn new(setup: Arc<Setup>, sandbox: Arc<Sandbox>, store: Arc<Store>, clock: Arc<dyn Clock>) -> Dispatch {
        Dispatch {
            setup,
            sandbox,
            store,
            clock,
            tally: Arc::default(),
            saving: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
            progress: watch::Sender::default(),
        }
    }

    /// Where whoever passes messages over notes them: dispatch itself notes those that reach it.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// What is sent because of a message: any number of replies, or none and why.
    pub async fn answer(&self, message: ChatMessage) -> Result<Vec<OutgoingMessage>, Silence> {
        self.carry_out(self.accept(message)?).await
    }

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
        if target.module.is_blown(now.wall) {
            return Err(Silence::Blown);
        }
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

    /// Runs the module, and puts what came of it into words.
    pub async fn carry_out(&self, accepted: Accepted) -> Result<Vec<OutgoingMessage>, Silence> {
        let Accepted { call, command, taken, to } = accepted;
        self.save_named(&call.invocation).await;
        let invocation = call.invocation.clone();
        let module = call.manifest.name.clone();
        let replies = match self.sandbox.invoke(call).await {
            Ok(answer) if answer.is_duplicate => return Err(Silence::Duplicate),
            Ok(answer) => answer.outcome.unwrap_or_else(|error| {
                if matches!(error, CommandError::Usage(_)) {
                    self.lock().cooldowns.give_back(taken);
                }
                vec![Reply::Answer(tell(error, &module, &invocation, &command))]
            }),
            Err(error) => {
                if error.blame() == Blame::Host {
                    self.lock().cooldowns.give_back(taken);
                }
                let apology = self.apologise(to.channel_id, error.blame());
                self.log_fault(&module, to.channel_id, &error, apology.is_ok());
                apology?
            }
        };
        Ok(replies.into_iter().map(|reply| to.outgoing(reply)).collect())
    }

    /// For a call that is not made after all: gives its cooldown back.
    pub fn decline(&self, accepted: Accepted) {
        self.lock().cooldowns.give_back(accepted.taken);
    }

    /// Saves who talked since the last time. For [`Dispatch::run`], and for whoever feeds the path otherwise.
    pub async fn save_tally(&self) {
        let _turn = self.saving.lock().await;
        self.save_waiting().await;
    }

    /// How often each module broke since the start.
    pub fn list_faults(&self) -> BTreeMap<ModuleName, u64> {
        self.lock().faults.clone()
    }

    /// A command may name somebody who has only just spoken for the first time.
    async fn save_named(&self, invocation: &Invocation) {
        let is_waiting = || {
            let named = invocation.arguments.iter().filter_map(|word| word.trim_matches(['@', ',']).parse().ok());
            self.tally.is_waiting(invocation.channel.id, named)
        };
        if !invocation.arguments.is_empty() && is_waiting() {
            let _turn = self.saving.lock().await;
            if is_waiting() {
                self.save_waiting().await;
            }
        }
    }

    /// To be called by whoever holds the turn to save.
    async fn save_waiting(&self) {
        let noted = self.tally.begin_save();
        if let Err(error) = self.store.save_tally(&noted, self.clock.now().wall).await {
            error!(%error, "who talked lately is not saved");
        }
        self.tally.finish_save();
    }

    fn apologise(&self, channel: ChannelId, blame: Blame) -> Result<Vec<Reply>, Silence> {
        let is_due = self.lock().apologies.try_take(channel, self.clock.now().instant);
        if is_due { Ok(vec![Reply::Answer(wording::apologise(blame))]) } else { Err(Silence::ApologisedLately) }
    }

    /// Whoever floods a channel, or calls a broken module again and again, shall not fill the log too: aloud as often as
    /// the chat hears of it.
    fn log_fault(&self, module: &ModuleName, channel: ChannelId, error: &InvokeError, is_aloud: bool) {
        match error.blame() {
            _ if *error == InvokeError::Busy => debug!(%module, %channel, "too many calls at once"),
            Blame::Host => error!(%module, %channel, ?error, "a call failed by our fault"),
            Blame::Guest => {
                let mut memory = self.lock();
                let faults = memory.faults.entry(module.clone()).or_default();
                *faults += 1;
                if is_aloud {
                    warn!(%module, %channel, ?error, faults, "a module broke");
                } else {
                    debug!(%module, %channel, ?error, faults, "a module broke again");
                }
            }
        }
    }

    /// What is remembered is whole after every statement, and so it survives a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Address {
    fn outgoing(&self, reply: Reply) -> OutgoingMessage {
        OutgoingMessage {
            account: self.account.clone(),
            channel_id: self.channel_id,
            channel_login: self.channel_login.clone(),
            reply,
            reply_to: Some(self.message_id.clone()),
            role: self.role,
            asked_at: self.asked_at,
        }
    }
}

/// One sentence for the chatter; the log gets what is not for chat.
fn tell(error: CommandError, module: &ModuleName, invocation: &Invocation, command: &Command) -> String {
    match error {
        CommandError::Usage(words) => wording::tell_usage(&words, &invocation.prefix, command),
        CommandError::Refused(words) => words,
        CommandError::Unavailable(reason) => {
            warn!(%module, channel = %invocation.channel.id, ?reason, "a command is unavailable");
            wording::tell_unavailable()
        }
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
    use super::super::sample::message;
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
