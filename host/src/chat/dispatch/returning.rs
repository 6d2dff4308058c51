//! Modules that come back by themselves after their fuse blew. No call triggers the return, so their times are watched.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{error, info};

use crate::domain::audit::{Actor, Stamp};
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::ports::{Clock, Moment};
use crate::domain::report::Transition;
use crate::setup::Setup;
use crate::setup::changing::ChangeSetupError;
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::telemetry::{HostEvent, Telemetry};

pub(super) struct Returning {
    setup: Arc<Setup>,
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    /// `None` until the set-ups have been searched for such modules.
    due: Mutex<Option<DueReturns>>,
}

/// The modules to come back, the next one first. Bounded by the modules of the channels.
#[derive(Debug, Default)]
struct DueReturns(BTreeSet<(SystemTime, ChannelId, ModuleName)>);

impl DueReturns {
    fn add(&mut self, until: SystemTime, channel: ChannelId, module: ModuleName) {
        self.0.insert((until, channel, module));
    }

    fn take_due(&mut self, now: SystemTime) -> Option<(SystemTime, ChannelId, ModuleName)> {
        let (until, ..) = self.0.first()?;
        if *until > now { None } else { self.0.pop_first() }
    }
}

impl Returning {
    pub(super) fn new(setup: Arc<Setup>, telemetry: Arc<Telemetry>, clock: Arc<dyn Clock>) -> Returning {
        Returning { setup, telemetry, clock, due: Mutex::default() }
    }

    /// Adds a module that was switched off until `until`.
    pub(super) fn add(&self, until: SystemTime, channel: ChannelId, module: ModuleName) {
        if let Some(due) = &mut *self.lock() {
            due.add(until, channel, module);
        }
    }

    /// Reports the modules that came back since the last report; at first also those that did while no host ran.
    ///
    /// Chat gets no message: the line about the switching-off has named the time. A second line would use up the
    /// channel's one line an hour, which may be needed to report that the module broke again.
    pub(super) async fn report_returned(&self) {
        let now = self.clock.now();
        self.load_due_returns();
        while let Some((until, channel, module)) = self.take_due(now.wall) {
            // No effect if the module was restored by hand, blew again or changed its version: those paths report it.
            let end = |setup: &ChannelSetup| -> Result<Vec<Effect>, ChangeSetupError> {
                let returned = setup.find_module(&module).filter(|there| there.has_returned(now.wall));
                let end = |there: &ModuleSetup| ModuleEffect::EndPause { digest: there.manifest.digest };
                Ok(returned.map(|there| Effect::Module(module.clone(), end(there))).into_iter().collect())
            };
            match self.setup.change(channel, by_host(now), end).await {
                Ok(changed) if changed.is_changed() => self.report_return(&changed.before, &module),
                Ok(_) | Err(ChangeSetupError::UnknownChannel) => {}
                Err(error) => {
                    error!(%module, %channel, %error, "that a module came back could not be noted yet");
                    self.lock().get_or_insert_default().add(until, channel, module);
                    return;
                }
            }
        }
    }

    fn take_due(&self, now: SystemTime) -> Option<(SystemTime, ChannelId, ModuleName)> {
        self.lock().as_mut()?.take_due(now)
    }

    fn load_due_returns(&self) {
        {
            let due = &mut *self.lock();
            if due.is_some() {
                return;
            }
            // Set before the search, so that modules that blow meanwhile are added.
            *due = Some(DueReturns::default());
        }
        let mut found = Vec::new();
        for setup in self.setup.list_channels() {
            for module in setup.touched() {
                if let Some(until) = module.blown.filter(|blown| !blown.is_over).and_then(|blown| blown.until) {
                    found.push((until, setup.channel.id, module.manifest.name.clone()));
                }
            }
        }
        self.lock().get_or_insert_default().0.extend(found);
    }

    fn report_return(&self, setup: &ChannelSetup, module: &ModuleName) {
        let Some(ModuleSetup { manifest, .. }) = setup.find_module(module) else { return };
        let (version, channel) = (&manifest.version, setup.channel.id);
        info!(%module, %version, %channel, "a module that kept failing is back by itself");
        note_module(&self.telemetry, manifest, Some(channel), Transition::Restored);
    }

    fn lock(&self) -> MutexGuard<'_, Option<DueReturns>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn by_host(now: Moment) -> Stamp {
    Stamp { by: Actor::Host, at: now.wall, address: None }
}

/// Notifies listeners of a change of a module, in one channel or, without `channel`, everywhere.
pub(super) fn note_module(telemetry: &Telemetry, manifest: &Manifest, channel: Option<ChannelId>, change: Transition) {
    let (module, version) = (manifest.name.clone(), manifest.version.clone());
    telemetry.note(HostEvent::Module { module, version, channel, change });
}
