//! Handles calls that broke off: records whose fault it was, and switches off a module that breaks too often.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, error, warn};

use super::super::guardrails::{Blown, Guardrails, GuestFault, pause_after};
use super::super::notices::{Notices, wording};
use super::call_request::ReplyTarget;
use super::returning::{Returning, by_host, note_module};
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::{Manifest, ModuleSource};
use crate::domain::message::{OutgoingMessage, Reply};
use crate::domain::ports::{Clock, Moment};
use crate::domain::report::Transition;
use crate::domain::role::Role;
use crate::domain::version::UploadedVersion;
use crate::modules::plan::Action;
use crate::modules::powers::Powers;
use crate::modules::versions::Versions;
use crate::sandbox::call::{Blame, InvokeError};
use crate::setup::Setup;
use crate::setup::changing::ChangeSetupError;
use crate::setup::channel::ChannelSetup;
use crate::telemetry::Telemetry;

pub(super) struct Faults {
    pub(super) guardrails: Arc<Guardrails>,
    pub(super) notices: Arc<Notices>,
    pub(super) setup: Arc<Setup>,
    /// `None`: no version is withdrawn from all channels.
    pub(super) versions: Option<Arc<Versions>>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) returning: Returning,
    /// How often each module broke since the start. Bounded by the number of modules.
    pub(super) counts: Mutex<BTreeMap<ModuleName, u64>>,
}

impl Faults {
    pub(super) fn list(&self) -> BTreeMap<ModuleName, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a fault. Returns the notice for the broadcaster if the fuse blew. A guest's fault in a dry run is only
    /// logged: no chatter saw it.
    pub(super) async fn note(
        &self,
        error: &InvokeError,
        manifest: &Arc<Manifest>,
        invocation: &Invocation,
        to: &ReplyTarget,
        is_dry_run: bool,
    ) -> Option<OutgoingMessage> {
        let (module, channel) = (&manifest.name, to.channel_id);
        if is_dry_run && error.blame() == Blame::Guest {
            debug!(%module, %channel, ?error, "a module broke in a dry run");
            return None;
        }
        self.log_fault(manifest, invocation, error);
        if error.blame() == Blame::Host {
            return None;
        }
        let now = self.clock.now();
        let (digest, chatter, is_proven) = (manifest.digest, invocation.chatter.id, invocation.is_proven);
        let broken = GuestFault { channel, digest, chatter, is_proven, asked_at: to.asked_at };
        let blown = self.guardrails.note_fault(broken, now.instant)?;
        if manifest.source == ModuleSource::Bundled {
            error!(%module, %channel, "a bundled module keeps failing; it stays on");
            note_module(&self.telemetry, manifest, Some(channel), Transition::Failing);
            return None;
        }
        self.blow(manifest, to, &blown, now).await
    }

    /// Warns only once in a while per module, channel and kind of fault. Repeated calls of a broken module must not
    /// fill the log, nor hide that another module broke.
    fn log_fault(&self, manifest: &Manifest, invocation: &Invocation, error: &InvokeError) {
        let (module, channel, invocation) = (&manifest.name, invocation.channel.id, &invocation.id);
        match error.blame() {
            _ if matches!(error, InvokeError::Busy | InvokeError::NotActing) => debug!(%module, %channel, %error),
            Blame::Host => error!(%module, %channel, %invocation, ?error, "a call failed by our fault"),
            Blame::Guest => {
                let now = self.clock.now().instant;
                let is_aloud = self.notices.may_warn(channel, manifest.digest, error.fault(), now);
                let faults = self.count(module);
                if is_aloud {
                    warn!(%module, %channel, %invocation, ?error, faults, "a module broke");
                } else {
                    debug!(%module, %channel, %invocation, ?error, faults, "a module broke again");
                }
            }
        }
    }

    fn count(&self, module: &ModuleName) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(module.clone()).or_default();
        *count += 1;
        *count
    }

    /// Switches the version off in this channel.
    async fn blow(&self, manifest: &Manifest, to: &ReplyTarget, blown: &Blown, now: Moment) -> Option<OutgoingMessage> {
        let Manifest { name: module, version, digest, .. } = manifest;
        let channel = to.channel_id;
        let rules = self.guardrails.rules();
        let pause_in = |setup: &ChannelSetup| {
            // If the channel no longer uses this version, there is nothing to switch off.
            let here = setup.find_module(module).filter(|there| there.manifest.digest == *digest)?;
            Some(pause_after(here.blown.as_ref(), *digest, rules, now.wall))
        };
        let plan = |setup: &ChannelSetup| -> Result<Vec<Effect>, ChangeSetupError> {
            let Some(pause) = pause_in(setup) else { return Ok(Vec::new()) };
            let forgive = pause.begins_anew.then(|| Effect::Module(module.clone(), ModuleEffect::RestoreFuse));
            let until = pause.span.map(|span| now.wall + span);
            let blow = Effect::Module(module.clone(), ModuleEffect::BlowFuse { digest: *digest, until });
            Ok(forgive.into_iter().chain([blow]).collect())
        };
        let setup = match self.setup.change(channel, by_host(now), plan).await {
            Ok(changed) => changed.before,
            Err(ChangeSetupError::UnknownChannel) => return None,
            Err(error) => {
                error!(%module, %channel, %error, "a module that keeps failing could not be switched off");
                return None;
            }
        };
        let back_in = pause_in(&setup)?.span;
        if let Some(back_in) = back_in {
            self.returning.add(now.wall + back_in, channel, module.clone());
        }
        warn!(%module, %version, %channel, ?back_in, "a module kept failing and was switched off here");
        note_module(&self.telemetry, manifest, Some(channel), Transition::Blown);
        self.look_everywhere(manifest, channel, blown, now).await;
        // An account that never logged in cannot send the notice, so the notice stays due.
        let account = Some(setup.bot.id?);
        let is_due = self.notices.may_announce(channel, now.instant);
        is_due.then(|| {
            let (role, asked_at) = (Role::Broadcaster, now.instant);
            let broadcaster = ReplyTarget { account, message_id: None, role, asked_at, ..to.clone() };
            let told = wording::describe_blown(&to.channel_login, module, &setup.prefix, back_in);
            broadcaster.outgoing(Reply::Say(told))
        })?
    }

    /// Checks whether a new version breaks in several channels, and so most likely in all.
    async fn look_everywhere(&self, manifest: &Manifest, channel: ChannelId, blown: &Blown, now: Moment) {
        let Some(versions) = &self.versions else { return };
        let catalogue = self.setup.catalogue();
        let Some(UploadedVersion { uploaded_at, .. }) = catalogue.find_digest(manifest.digest) else { return };
        let here = (channel, manifest.digest);
        let is_everywhere = self.guardrails.is_everywhere(here, blown, *uploaded_at, now.wall);
        let is_withdrawn = self.guardrails.rules().roll_back;
        if !is_everywhere {
            return;
        }
        let (module, version) = (&manifest.name, &manifest.version);
        error!(%module, %version, is_withdrawn, "a new version keeps failing, in channel after channel: look at it now");
        note_module(&self.telemetry, manifest, None, Transition::BlownEverywhere);
        if is_withdrawn {
            let action = Action::Withdraw { version: version.clone(), is_forced: true };
            match versions.change(module.clone(), action, |_| true, Powers::Operator, by_host(now)).await {
                Ok(_) => note_module(&self.telemetry, manifest, None, Transition::Withdrawn),
                Err(error) => error!(%module, %version, %error, "a version that keeps failing could not be withdrawn"),
            }
        }
    }
}
