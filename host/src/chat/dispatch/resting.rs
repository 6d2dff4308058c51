//! Modules that come back by themselves after their fuse has blown: nobody calls them for that, so the time is watched.

use std::collections::BTreeSet;
use std::time::SystemTime;

use tracing::{error, info};

use super::Dispatch;
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::ports::Moment;
use crate::setup::channel::{ChannelSetup, ModuleSetup};
use crate::store::StoreError;

/// Those that come back, the next one first. Bounded by the modules of the channels.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeSet<(SystemTime, ChannelId, ModuleName)>);

impl Resting {
    pub(super) fn add(&mut self, until: SystemTime, channel: ChannelId, module: ModuleName) {
        self.0.insert((until, channel, module));
    }

    fn take_due(&mut self, now: SystemTime) -> Option<(SystemTime, ChannelId, ModuleName)> {
        let (until, ..) = self.0.first()?;
        if *until > now { None } else { self.0.pop_first() }
    }
}

impl Dispatch {
    /// Tells of the modules that came back since the last time, and, at the first time, of those that did while no host ran.
    /// For [`Dispatch::run`], and for whoever feeds the path otherwise.
    ///
    /// Chat is not told: the line that said that the module was switched off said until when, and a second one would use up
    /// the hour in which the creator may have to hear that it broke again.
    pub async fn tell_returned(&self) {
        let now = self.clock.now();
        self.find_resting();
        while let Some((until, channel, module)) = self.take_due(now.wall) {
            let Some(setup) = self.setup.find_channel(channel) else { continue };
            // Restored by hand, blown anew, another version: told already, or to be told later.
            let Some(returned) = setup.find_module(&module).filter(|there| there.has_returned(now.wall)) else {
                continue;
            };
            if let Err(error) = self.end_pause(&setup, returned, now).await {
                error!(%module, %channel, %error, "that a module came back could not be noted yet");
                self.lock().resting.get_or_insert_default().add(until, channel, module);
                return;
            }
        }
    }

    fn take_due(&self, now: SystemTime) -> Option<(SystemTime, ChannelId, ModuleName)> {
        self.lock().resting.as_mut()?.take_due(now)
    }

    fn find_resting(&self) {
        {
            let resting = &mut self.lock().resting;
            if resting.is_some() {
                return;
            }
            // From now on, what blows is added to it.
            *resting = Some(Resting::default());
        }
        let mut found = Vec::new();
        for setup in self.setup.list_channels() {
            for module in setup.touched() {
                if let Some(until) = module.blown.filter(|blown| !blown.is_over).and_then(|blown| blown.until) {
                    found.push((until, setup.channel.id, module.manifest.name.clone()));
                }
            }
        }
        self.lock().resting.get_or_insert_default().0.extend(found);
    }

    async fn end_pause(&self, setup: &ChannelSetup, module: &ModuleSetup, now: Moment) -> Result<(), StoreError> {
        let (channel, manifest) = (setup.channel.id, &module.manifest);
        let (name, version) = (&manifest.name, &manifest.version);
        let over = Effect::Module(name.clone(), ModuleEffect::EndPause { digest: manifest.digest });
        self.commit_fuse(manifest, channel, vec![over], now).await?;
        info!(module = %name, %version, %channel, "a module that kept failing is back by itself");
        self.tell_of_module(manifest, Some(channel), "restored");
        Ok(())
    }
}
