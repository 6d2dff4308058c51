//! Rehearses a module: the real sandbox and dispatch, in one channel of a host without Twitch.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use futures_util::FutureExt;
use secrecy::SecretString;

use super::cures::{as_line, describe_cure};
use super::scene::Scene;
use crate::app::modules::{add_bundled, swap_configured};
use crate::balances::provider::BalanceProvider;
use crate::bench::clock::ManualClock;
use crate::bench::provider::FailingProvider;
use crate::bench::{BenchHost, BenchOptions};
use crate::chat::dispatch::Dispatch;
use crate::config::{FuseConfig, SandboxConfig, WebConfig, environment};
use crate::domain::account::BotAccount;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::effect::{Commit, Effect, ModuleEffect, PresenceEffect, SecretEffect, SetupEffect};
use crate::domain::id::{AccountId, ChannelId, ChatterId, Login, MessageId};
use crate::domain::manifest::{Manifest, SettingKind, SizeClass};
use crate::domain::message::{Channel, ChatMessage, Chatter, KnownChatter, QuotedMessage};
use crate::domain::report::Report;
use crate::sandbox::Sandbox;
use crate::sandbox::compile::compiler::CompilerProgram;
use crate::sandbox::compile::error::CompileError;
use crate::sandbox::rehearsal::{Observed, Rehearsal};
use crate::sandbox::run::limits::InstanceLimits;
use crate::sandbox::web::client::WebClient;
use crate::setup::changing::ChangeSetupError;
use crate::setup::defaults::NewChannelRules;
use crate::setup::value::check_value;
use crate::store::files::create_private_folder;
use crate::telemetry::HostEvent;
use crate::telemetry::lines::Line;
use crate::telemetry::listening::{Listening, Received};
use crate::transcript::{Heard, Said, show_reply};
use crate::vault::SecretId;

/// The bot account in every channel.
const BOT: &str = "twitchy";
const BOT_ID: AccountId = AccountId(1000);
/// An empty file that marks the folder of a kept host.
const MARK: &str = "rehearsal";
/// More lines than a call may log.
const MOST_LINES: usize = 1000;

/// Where requests to the web go.
pub(super) enum Web {
    /// Nowhere: only the scene's answers are there.
    Rehearsed,
    Real,
}

/// One host with one channel, in which the module and the bundled ones are on.
pub(super) struct Stage {
    bench: BenchHost,
    sandbox: Arc<Sandbox>,
    dispatch: Arc<Dispatch>,
    clock: Arc<ManualClock>,
    rehearsal: Arc<Rehearsal>,
    manifest: Arc<Manifest>,
    events: Listening<HostEvent>,
    channel: Channel,
    spoken: usize,
    lines_seen: u64,
}

/// What came of a message.
pub(super) struct Performance {
    pub(super) heard: Heard,
    /// `None` if no module was called.
    pub(super) report: Option<Report>,
    pub(super) observed: Observed,
    pub(super) lines: Vec<Line>,
    /// From the message to the answer.
    pub(super) took: Duration,
}

impl Stage {
    /// Opens a host, in `folder` if it is to be kept, and loads the component.
    ///
    /// # Errors
    /// If the component is no module, or a setting of the scene does not fit it.
    pub(super) async fn open(
        component: &[u8],
        size: SizeClass,
        scene: &Scene,
        web: Web,
        folder: Option<&Path>,
    ) -> anyhow::Result<Stage> {
        if let Some(folder) = folder {
            prepare_folder(folder)?;
        }
        let clock = Arc::new(ManualClock::at(scene.begins_at));
        clock.measure_processor();
        let rehearsal = Arc::new(Rehearsal::new(scene.seed));
        rehearsal.draw(scene.numbers.iter().copied());
        let channel_id = id_of(&scene.channel).own_channel();
        let channel =
            Channel { id: channel_id, login: scene.channel.clone(), display_name: scene.channel.as_str().into() };
        let mut outside: HashMap<ChannelId, Arc<dyn BalanceProvider>> = HashMap::new();
        if scene.is_provider_down {
            outside.insert(channel_id, Arc::new(FailingProvider));
        }
        let web_config = WebConfig::default();
        let bench = BenchHost::open(BenchOptions {
            clock: clock.clone(),
            limits: SandboxConfig { allow_large: true, ..SandboxConfig::default() },
            new_channels: NewChannelRules::Essentials,
            outside,
            web: match web {
                Web::Real => WebClient::system(&web_config),
                Web::Rehearsed => WebClient::rehearsed(&web_config, scene.answers.clone()),
            },
            folder: folder.map(Path::to_owned),
            rehearsal: Some(rehearsal.clone()),
            ..BenchOptions::default()
        })
        .context("cannot open a host for the rehearsal")?;
        let cache_dir = environment::find_artefact_dir().unwrap_or_else(|| bench.folder.join("cache"));
        let sandbox = bench.start_sandbox(bench.compile_parts(&cache_dir, CompilerProgram::ThisProgram)?)?;
        let setup = &bench.world.setup;
        add_bundled(&sandbox, setup).await?;
        let manifest = swap_configured(&sandbox, setup, component, size).await.map_err(with_cure)?;
        setup.load_all().await?;
        let events = bench.world.telemetry.listen();
        let dispatch = Arc::new(Dispatch::new(sandbox.clone(), FuseConfig::default(), None));
        let stage =
            Stage { bench, sandbox, dispatch, clock, rehearsal, manifest, events, channel, spoken: 0, lines_seen: 0 };
        stage.set(scene).await?;
        Ok(stage)
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn limits(&self) -> &SandboxConfig {
        &self.bench.world.limits
    }

    /// Bytes of memory that a call of the module may have.
    pub(super) fn memory_limit(&self) -> usize {
        InstanceLimits::of(self.manifest.size).memory_bytes
    }

    /// Random numbers of the scene that no call has drawn yet.
    pub(super) fn count_undrawn(&self) -> usize {
        self.rehearsal.count_undrawn()
    }

    pub(super) fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    async fn set(&self, scene: &Scene) -> anyhow::Result<()> {
        let (store, setup) = (&self.bench.world.store, &self.bench.world.setup);
        if setup.find_channel(self.channel.id).is_none() {
            let account = BotAccount { login: BOT.parse()?, id: Some(BOT_ID) };
            let want = Effect::Presence(PresenceEffect::Want { channel: self.channel.clone(), account });
            let id = format!("opens-{}", self.channel.id);
            setup.commit(Commit::by_host(self.channel.id, &id, vec![want], scene.begins_at)).await?;
        }
        let mut effects: Vec<Effect> =
            scene.prefix.iter().map(|prefix| Effect::Setup(SetupEffect::ChangePrefix(prefix.clone()))).collect();
        effects.extend(self.plan_settings(scene)?);
        let stamp = Stamp { by: Actor::CommandLine { system_user: None }, at: scene.begins_at, address: None };
        let changed = setup.change(self.channel.id, stamp, |_| Ok::<_, ChangeSetupError>(effects.clone())).await;
        changed.context("cannot set up the channel")?;
        let names = scene.balances.iter().map(|(name, _)| name).chain(&scene.seen);
        let known =
            names.map(|name| KnownChatter { id: id_of(name), login: name.clone(), display_name: name.as_str().into() });
        store.save_seen(self.channel.id, known.collect(), scene.begins_at).await?;
        for (name, amount) in &scene.balances {
            store.seed_balance(self.channel.id, id_of(name), *amount).await?;
        }
        Ok(())
    }

    /// The module's settings and secrets, checked against its declarations.
    fn plan_settings(&self, scene: &Scene) -> anyhow::Result<Vec<Effect>> {
        let (module, mut effects) = (&self.manifest.name, Vec::new());
        for (key, value) in &scene.settings {
            let setting = self.manifest.find_setting(key).ok_or_else(|| self.no_setting(key))?;
            let value = check_value(&setting.kind, value).map_err(|error| anyhow!("the setting {key}: {error}"))?;
            let change = ModuleEffect::ChangeSetting { key: key.clone(), value: Some(value) };
            effects.push(Effect::Module(module.clone(), change));
        }
        for (key, value) in &scene.secrets {
            let setting = self.manifest.find_setting(key).ok_or_else(|| self.no_setting(key))?;
            if setting.kind != SettingKind::Secret {
                bail!("{key} is no secret: set it by `set`");
            }
            let id = SecretId { channel: self.channel.id, module, key };
            let sealed = self.bench.sealer.seal(id, &SecretString::from(value.as_str()))?;
            let change = SecretEffect::Change { key: key.clone(), sealed: Some(sealed) };
            effects.push(Effect::Secret(module.clone(), change));
        }
        Ok(effects)
    }

    fn no_setting(&self, key: &str) -> anyhow::Error {
        let keys: Vec<&str> = self.manifest.settings.iter().map(|setting| setting.key.as_str()).collect();
        match keys.is_empty() {
            true => anyhow!("{} has no settings, and so no {key}", self.manifest.name),
            false => anyhow!("{} has no setting {key}, but {}", self.manifest.name, keys.join(", ")),
        }
    }

    /// Says a line in the channel, and observes all that comes of it.
    pub(super) async fn hear(&mut self, said: &Said) -> Performance {
        let (message, begun_at) = (self.message(said), Instant::now());
        let heard = match self.dispatch_message(message).await {
            Ok(replies) if replies.is_empty() => Heard::Nothing(None),
            Ok(replies) => Heard::Replies(replies),
            Err(silence) => Heard::Nothing(Some(silence)),
        };
        let took = begun_at.elapsed();
        let page = self.bench.world.telemetry.lines.list(&self.manifest.name, None, self.lines_seen, MOST_LINES);
        self.lines_seen = page.cursor;
        let report = self.find_report();
        Performance { heard, report, observed: self.rehearsal.take_observed(), lines: page.lines, took }
    }

    async fn dispatch_message(&self, message: ChatMessage) -> Result<Vec<String>, String> {
        let login = message.chatter.login.clone();
        let replies = self.dispatch.answer(message).await.map_err(|silence| silence.to_string())?;
        Ok(replies.iter().map(|sent| show_reply(&sent.reply, &login)).collect())
    }

    /// The report of the call that has just ended.
    fn find_report(&mut self) -> Option<Report> {
        let mut found = None;
        while let Some(Some(Received::Event(event))) = self.events.next().now_or_never() {
            if let HostEvent::Invocation(report) = &*event {
                found = Some(report.clone());
            }
        }
        found
    }

    fn message(&mut self, said: &Said) -> ChatMessage {
        if !said.is_again {
            self.spoken += 1;
        }
        let sent_at = self.bench.world.clock.now().wall;
        // A kept host remembers ids, so each run has its own.
        let since = sent_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
        let quoted = || QuotedMessage {
            id: MessageId("quoted".into()),
            chatter_id: ChatterId(1),
            chatter_login: said.name.clone(),
            text: "what was said before".into(),
        };
        let role = said.role;
        ChatMessage {
            id: MessageId(format!("{since}-{}", self.spoken).into()),
            account: BOT_ID,
            channel_id: self.channel.id,
            channel_login: self.channel.login.clone(),
            chatter: Chatter {
                id: id_of(&said.name),
                login: said.name.clone(),
                display_name: said.name.as_str().into(),
                role,
                badges: Vec::new(),
            },
            text: said.text.as_str().into(),
            is_action: said.is_action,
            reply_to: said.is_reply.then(quoted),
            sent_at,
            received_at: None,
            is_shared_copy: said.is_copy,
        }
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.sandbox.shut_down().await;
        Ok(self.bench.world.store.close().await?)
    }
}

/// Makes the folder of a kept host. A folder of other files is refused, above all the data folder of a real host.
fn prepare_folder(folder: &Path) -> anyhow::Result<()> {
    let holds_files = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if holds_files && !folder.join(MARK).exists() {
        bail!("{} holds other files, and no state of a rehearsal: name a folder of its own", folder.display());
    }
    create_private_folder(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::write(folder.join(MARK), "").with_context(|| format!("cannot write to {}", folder.display()))
}

/// A component's refusal with its code and cure.
fn with_cure(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<CompileError>() {
        Some(refusal) => anyhow!("{refusal} ({}){}", refusal.code(), as_line(describe_cure(refusal))),
        None => error,
    }
}

/// The same id for a login in every rehearsal. A channel and its broadcaster share an id, as on Twitch.
fn id_of(login: &Login) -> ChatterId {
    ChatterId(login.as_str().bytes().fold(7, |number, byte| (number * 31 + u64::from(byte)) % 1_000_000_007))
}
