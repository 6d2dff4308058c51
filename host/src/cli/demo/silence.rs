//! Explains why the bot did not answer: with the word that transcripts use for the reason, and advice.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;

use super::names::BOT;
use super::speech::{Speech, Spoken, Words, show_span};
use super::stage::Stage;
use crate::chat::dispatch::refusal::{Refusal, Silence};
use crate::chat::dispatch::unanswered::{NoAnswer, Unanswered};
use crate::chat::route::{Routed, route};
use crate::domain::id::Login;
use crate::domain::manifest::Command;
use crate::domain::role::Role;
use crate::setup::channel::ChannelSetup;

/// Why the bot does not answer one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    word: String,
    left: Option<Duration>,
    /// Empty if the user can do nothing about it.
    advice: String,
}

impl Reason {
    fn new(word: impl fmt::Display, advice: impl Into<String>) -> Reason {
        Reason { word: word.to_string(), left: None, advice: advice.into() }
    }

    /// Includes the time left, which differs from run to run; `Display` leaves it out.
    pub(super) fn show_with_time(&self) -> String {
        let left = self.left.map(|left| format!(", {} left", show_span(left))).unwrap_or_default();
        self.show(&left)
    }

    fn show(&self, left: &str) -> String {
        let advice = if self.advice.is_empty() { String::new() } else { format!("; {}", self.advice) };
        format!("no answer: {}{left}{advice}", self.word)
    }
}

/// Leaves out the time left, so that two runs of a script print the same.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(""))
    }
}

/// Listens to the host's reports of unanswered messages, and compares its counts of losses.
pub(super) struct Reasons {
    unanswered: Receiver<Unanswered>,
    losses: BTreeMap<&'static str, u64>,
}

impl Reasons {
    pub(super) fn listen(stage: &Stage) -> Reasons {
        Reasons { unanswered: stage.listen_to_unanswered(), losses: stage.list_losses() }
    }

    /// Why the bot did not answer `spoken`; to be called after [`Stage::settle`], which returned `is_settled`. `None`
    /// for talk, which expects no answer.
    pub(super) fn find(&mut self, stage: &Stage, spoken: &Spoken, is_settled: bool) -> Option<Reason> {
        let unanswered = self.take_unanswered(&spoken.message_id);
        let lost = self.take_loss(stage.list_losses());
        let Spoken { channel, speech, .. } = spoken;
        let setup = stage.find_setup(channel);
        if !stage.is_bot_in(channel) {
            return is_call(speech, setup.as_ref()).then(|| explain_absence(stage, channel));
        }
        let setup = setup?;
        if let Some(reason) = unanswered.filter(|reason| *reason != NoAnswer::Silence(Silence::Talk)) {
            return Some(explain(reason, &setup, speech));
        }
        if let Some(loss) = lost {
            return Some(Reason::new(loss.replace('_', " "), "the answer never left, or Twitch refused it"));
        }
        if !is_settled {
            return Some(Reason::new("not yet", "it waits for Twitch's limits, which are higher for a moderator"));
        }
        explain_talk(speech, &setup)
    }

    fn take_unanswered(&mut self, message_id: &str) -> Option<NoAnswer> {
        let mut found = None;
        // After a lag of a thousand reports this ends with an error and finds nothing; the next call reads on.
        while let Ok(unanswered) = self.unanswered.try_recv() {
            if &*unanswered.message.0 == message_id {
                found = Some(unanswered.reason);
            }
        }
        found
    }

    fn take_loss(&mut self, losses: BTreeMap<&'static str, u64>) -> Option<&'static str> {
        let before = std::mem::replace(&mut self.losses, losses);
        let is_more = |(reason, count): &(&&'static str, &u64)| before.get(*reason).is_none_or(|old| old < count);
        self.losses.iter().find(is_more).map(|(reason, _)| *reason)
    }
}

/// Whether the speaker expects the bot to answer.
fn is_call(speech: &Speech, setup: Option<&ChannelSetup>) -> bool {
    let (Words::Message(text) | Words::Action(text)) = &speech.words else { return false };
    let known = |word: &str| setup.is_some_and(|setup| setup.find_word(word).is_some());
    resembles_call(text, known)
}

/// Whether a text that is no call looks like one: it begins with another prefix than the channel's, is a command's name
/// without a prefix, or addresses the bot.
fn resembles_call(text: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let bare = first.trim_start_matches(|c: char| !c.is_alphanumeric());
    let mark = &first[..first.len() - bare.len()];
    let is_word = bare.chars().count() > 1 && bare.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if mark.is_empty() || mark == "@" {
        let is_name = bare.trim_end_matches([',', ':']).eq_ignore_ascii_case(BOT);
        return is_name || mark.is_empty() && words.count() < 2 && is_known(&bare.to_lowercase());
    }
    // The excluded characters begin mentions, smileys, quotes and brackets.
    is_word && mark.chars().all(|c| c.is_ascii_punctuation() && !"@\"'`(:<[{_".contains(c))
}

fn explain_talk(speech: &Speech, setup: &ChannelSetup) -> Option<Reason> {
    let advice = match &speech.words {
        Words::Action(_) => "a /me calls no command".to_owned(),
        _ => format!("commands begin with {0} here, such as {0}help", setup.prefix),
    };
    is_call(speech, Some(setup)).then(|| Reason::new(Silence::Talk, advice))
}

fn explain_absence(stage: &Stage, channel: &Login) -> Reason {
    let advice = match stage.list_joined().first() {
        Some(there) => {
            let prefix = stage.find_setup(there).map(|setup| setup.prefix.clone()).unwrap_or_default();
            format!("go to #{there}, where {channel}> {prefix}join calls it here")
        }
        None => "nor anywhere else: twitchy demo --reset begins anew".to_owned(),
    };
    Reason::new(format!("{BOT} is not here"), advice)
}

fn explain(reason: NoAnswer, setup: &ChannelSetup, speech: &Speech) -> Reason {
    let routed = match &speech.words {
        Words::Message(text) => route(text, &setup.prefix, &setup.bot.login, false),
        _ => None,
    };
    let word = routed.as_ref().map_or("", |Routed { word, .. }| word);
    let (prefix, channel, name) = (&setup.prefix, &setup.channel.login, &speech.name);
    let target = setup.find_word(word);
    let refusal = match reason {
        NoAnswer::Silence(Silence::Refused(refusal)) => refusal,
        NoAnswer::Silence(Silence::UnknownWord) => return Reason::new(reason, explain_word(word, setup)),
        NoAnswer::Silence(Silence::ApologisedLately) => {
            return Reason::new(reason, "the module broke again, and the log says why");
        }
        NoAnswer::NoReply => return Reason::new(reason, "the command is done, and says nothing"),
        NoAnswer::Silence(_) | NoAnswer::Dropped => return Reason::new(reason, ""),
    };
    let (left, advice) = match refusal {
        Refusal::Muted => (None, format!("{channel}> {prefix}settings mute off ends it")),
        Refusal::Role => {
            (None, target.map(|target| explain_role(target.command.role, word, setup, name)).unwrap_or_default())
        }
        Refusal::Cooldown(left) => (Some(left), "moderators need not wait".to_owned()),
        Refusal::Blown(_) => {
            let module = target.map(|target| target.module.manifest.name.to_string()).unwrap_or_default();
            (None, format!("it broke too often; {channel}> {prefix}settings enable {module} tries it again"))
        }
        Refusal::Ignored(left) => (Some(left), format!("it broke when {name} called it before")),
    };
    Reason { left, ..Reason::new(reason, advice) }
}

/// Explains an unknown word. The words of a module that is off, or was switched off by its fuse, are unknown as well.
fn explain_word(word: &str, setup: &ChannelSetup) -> String {
    let (prefix, channel) = (&setup.prefix, &setup.channel.login);
    let offers = |command: &Command| *command.name == *word || command.aliases.iter().any(|alias| **alias == *word);
    let Some(module) = setup.modules().find(|module| module.manifest.commands.iter().any(|command| offers(command)))
    else {
        return format!("nothing here answers to {prefix}{word}, and {prefix}help lists what does");
    };
    let name = &module.manifest.name;
    let why = if module.blown.is_some() { "broke too often, and" } else { "has it, but" };
    format!("the module {name} {why} is off here; {channel}> {prefix}settings enable {name} turns it on")
}

fn explain_role(role: Role, word: &str, setup: &ChannelSetup, name: &Login) -> String {
    let (prefix, channel) = (&setup.prefix, &setup.channel.login);
    match role {
        Role::Everyone => String::new(),
        Role::Subscriber => format!("{prefix}{word} is for subscribers, such as sub {name}>"),
        Role::Vip => format!("{prefix}{word} is for VIPs, such as vip {name}>"),
        Role::Moderator => format!("{prefix}{word} is for moderators, such as mod {name}>"),
        Role::Broadcaster => format!("{prefix}{word} is for the broadcaster, {channel}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::BotAccount;
    use crate::domain::effect::{Effect, SetupEffect};
    use crate::domain::id::ChannelId;
    use crate::domain::message::Channel;
    use crate::setup::module::ModuleSetup;
    use crate::setup::sample::running;
    use crate::testing::{command, manifest};

    fn login(name: &str) -> Login {
        name.parse().unwrap()
    }

    /// `#shop` with the prefix `?` and the commands `balance` and `settings`, which is for moderators; `hug` is off.
    fn shop() -> ChannelSetup {
        let settings = Command { role: Role::Moderator, ..command("settings") };
        let module = running(manifest("bank", vec![command("balance"), settings], Vec::new()));
        let channel = Channel { id: ChannelId(1), login: login("shop"), display_name: "Shop".into() };
        let hug = Command { aliases: vec!["cuddle".into()], ..command("hug") };
        let off = ModuleSetup { is_enabled: false, ..running(manifest("hugs", vec![hug], Vec::new())) };
        let shop = ChannelSetup::new(channel, BotAccount { login: login(BOT), id: None }, [module, off]);
        shop.apply(&Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap())))
    }

    fn says(text: &str) -> Speech {
        Speech { name: login("alice"), role: Role::Everyone, words: Words::Message(text.to_owned()) }
    }

    #[test]
    fn each_reason_is_the_word_of_transcripts_with_what_to_do() {
        let minute = Duration::from_secs(60);
        let refused = |refusal| NoAnswer::Silence(Silence::Refused(refusal));
        for (reason, text, told) in [
            (
                refused(Refusal::Cooldown(Duration::from_millis(2_900))),
                "?balance",
                "no answer: cooldown, 2.9 s left; moderators need not wait",
            ),
            (refused(Refusal::Role), "?settings", "no answer: role; ?settings is for moderators, such as mod alice>"),
            (refused(Refusal::Muted), "?balance", "no answer: muted; shop> ?settings mute off ends it"),
            (
                refused(Refusal::Blown(None)),
                "?balance",
                "no answer: fuse; it broke too often; shop> ?settings enable bank tries it again",
            ),
            (
                refused(Refusal::Ignored(minute)),
                "?balance",
                "no answer: ignored, 60.0 s left; it broke when alice called it before",
            ),
            (
                NoAnswer::Silence(Silence::UnknownWord),
                "?Foo bar",
                "no answer: unknown word; nothing here answers to ?foo, and ?help lists what does",
            ),
            (
                NoAnswer::Silence(Silence::UnknownWord),
                "?cuddle",
                "no answer: unknown word; the module hugs has it, but is off here; shop> ?settings enable hugs turns it on",
            ),
            (NoAnswer::Silence(Silence::Duplicate), "?balance", "no answer: duplicate"),
            (NoAnswer::Dropped, "?balance", "no answer: too many calls at once"),
            (NoAnswer::NoReply, "?balance", "no answer: no reply; the command is done, and says nothing"),
        ] {
            assert_eq!(explain(reason, &shop(), &says(text)).show_with_time(), told);
        }
    }

    #[test]
    fn a_script_prints_no_time_that_differs_from_run_to_run() {
        let cooldown = NoAnswer::Silence(Silence::Refused(Refusal::Cooldown(Duration::from_millis(2_900))));
        let shown = explain(cooldown, &shop(), &says("?balance")).to_string();
        assert_eq!(shown, "no answer: cooldown; moderators need not wait");
    }

    #[test]
    fn talk_is_explained_only_where_it_was_meant_as_a_call() {
        let explained = |text: &str| explain_talk(&says(text), &shop()).map(|reason| reason.to_string());
        for text in ["!balance", "$foo", "balance", "Balance @bob", "@twitchy", "twitchy: hello", "-roll 2"] {
            let told = "no answer: talk; commands begin with ? here, such as ?help";
            assert_eq!(explained(text).as_deref(), Some(told), "{text}");
        }
        for text in
            ["hello everybody", ":D", "<3", "(balance)", "@bob hi", "balance is what I lack", "...", "!", "5 > 3"]
        {
            assert_eq!(explained(text), None, "{text}");
        }
        let action = Speech { words: Words::Action("?balance".to_owned()), ..says("") };
        let told = explain_talk(&action, &shop()).map(|reason| reason.to_string());
        assert_eq!(told.as_deref(), Some("no answer: talk; a /me calls no command"));
    }
}
