//! Capability `channels`: whether the bot sits in the invoking chatter's own channel.

use super::{Fault, HostCallError, Transaction};
use crate::domain::effect::{Effect, Scope};
use crate::domain::manifest::Capability;
use crate::joining::{JoinError, Presence};

impl Transaction {
    pub fn request_join(&mut self) -> Result<(), HostCallError<JoinError>> {
        self.require(Capability::Channels)?;
        if !self.has_caller() {
            return Err(HostCallError::Told(JoinError::Refused("nobody asked me to".to_owned())));
        }
        let presence = self.presence()?;
        let joining = &self.world.joining;
        let invocation = self.invocation();
        let effect = joining.check_join(&invocation.chatter, &invocation.bot, presence).map_err(HostCallError::Told)?;
        self.wish(effect, true);
        Ok(())
    }

    /// Whether the bot was there, or on its way.
    pub fn request_leave(&mut self) -> Result<bool, Fault> {
        self.require(Capability::Channels)?;
        if !self.has_caller() {
            return Ok(false);
        }
        let presence = self.presence()?;
        let effect = self.world.joining.check_leave(&self.invocation().chatter, presence);
        Ok(effect.map(|effect| self.wish(effect, false)).is_some())
    }

    /// The chatter's own channel has a set-up scope of its own, also where it is not the invocation's.
    fn presence(&mut self) -> Result<Presence, Fault> {
        let invocation = self.invocation();
        let presence = self.world.joining.load_presence(&invocation.chatter, &invocation.bot)?;
        let channel = invocation.chatter.id.own_channel();
        self.note(Scope::Setup { channel }, presence.revision)?;
        Ok(Presence { is_wanted: self.wish.unwrap_or(presence.is_wanted), ..presence })
    }

    fn wish(&mut self, effect: Effect, is_wanted: bool) {
        self.wish = Some(is_wanted);
        self.effects.push(effect);
    }
}
