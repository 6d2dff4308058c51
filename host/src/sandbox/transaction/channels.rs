//! Capability `channels`: whether the bot sits in the invoking chatter's own channel.

use super::{Fault, HostCallError, NOT_PROVEN, Transaction};
use crate::domain::effect::{Effect, Scope};
use crate::domain::manifest::Capability;
use crate::joining::{JoinError, Presence};

impl Transaction {
    pub fn request_join(&mut self) -> Result<(), HostCallError<JoinError>> {
        self.require(Capability::Channels)?;
        if !self.has_caller() {
            return Err(HostCallError::Told(JoinError::Refused("nobody asked me to".to_owned())));
        }
        if !self.is_proven() {
            return Err(HostCallError::Told(JoinError::Refused(NOT_PROVEN.to_owned())));
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
        if !self.is_proven() {
            return Err(Fault::NotProven);
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{Bench, Terms, told};
    use super::*;
    use crate::domain::effect::Committed;
    use crate::domain::id::ChannelId;
    use crate::domain::invocation::Origin;
    use crate::joining::JoinPolicy;

    fn wanted(bench: &Bench) -> Vec<String> {
        bench.world.store.list_wanted().unwrap().into_iter().map(|channel| channel.login.to_string()).collect()
    }

    #[test]
    fn chatters_call_the_bot_into_their_own_channel_and_send_it_away() {
        let bench = Bench::new(Terms::default());
        let mut joining = bench.run("alice", "");
        joining.request_join().unwrap();
        assert_eq!(told(joining.request_join()), JoinError::JoinedAlready);
        assert_eq!(bench.commit(joining), Committed::Done);
        assert_eq!(wanted(&bench), ["alice", "shop"]);
        assert!(bench.world.setup.find_channel(ChannelId(1)).is_some(), "the new channel has a set-up");
        assert_eq!(told(bench.run("alice", "").request_join()), JoinError::JoinedAlready);
        let mut leaving = bench.run("alice", "");
        assert!(leaving.request_leave().unwrap());
        assert!(!leaving.request_leave().unwrap());
        assert_eq!(bench.commit(leaving), Committed::Done);
        assert_eq!(wanted(&bench), ["shop"]);
        let mut again = bench.run("alice", "");
        again.request_join().unwrap();
        assert_eq!(bench.commit(again), Committed::Done);
        assert_eq!(wanted(&bench), ["alice", "shop"]);
    }

    #[test]
    fn whoever_asks_twice_at_once_joins_once() {
        let bench = Bench::new(Terms::default());
        let (mut first, mut second) = (bench.run("alice", ""), bench.run("alice", ""));
        assert!(first.request_join().is_ok() && second.request_join().is_ok());
        assert_eq!([bench.commit(first), bench.commit(second)], [Committed::Done, Committed::Conflict]);
        assert_eq!(told(bench.run("alice", "").request_join()), JoinError::JoinedAlready);
    }

    #[test]
    fn a_set_up_that_is_out_of_date_ends_the_run_and_is_read_anew() {
        let bench = Bench::new(Terms::default());
        let mut change = bench.run("shop", "");
        change.set_prefix("?").unwrap();
        let commit = change.finish(&[]).unwrap();
        // On disk, but not in memory yet.
        assert_eq!(bench.wait(bench.world.store.commit(commit)).unwrap(), Committed::Done);
        let leave = || {
            let mut run = bench.run("shop", "");
            run.prefix().unwrap();
            run.request_leave()
        };
        assert!(matches!(leave(), Err(Fault::Conflict)));
        assert!(leave().unwrap());
    }

    #[test]
    fn a_closed_bot_says_why_it_does_not_come() {
        let bench = Bench::new(Terms { policy: JoinPolicy::Closed, ..Terms::default() });
        assert!(matches!(told(bench.run("alice", "").request_join()), JoinError::Refused(_)));
        // Nobody is kept: leaving is open to all who have the bot.
        assert!(bench.run("shop", "").request_leave().unwrap());
    }

    #[test]
    fn an_account_sits_in_so_many_channels() {
        let bench = Bench::new(Terms { capacity: 2, ..Terms::default() });
        let mut joining = bench.run("alice", "");
        joining.request_join().unwrap();
        assert_eq!(bench.commit(joining), Committed::Done);
        let full = JoinError::Refused("I sit in as many channels as I can; please try again later".to_owned());
        assert_eq!(told(bench.run("bob", "").request_join()), full);
    }

    #[test]
    fn a_claim_to_be_a_chatter_calls_the_bot_nowhere_and_sends_it_nowhere() {
        let bench = Bench::new(Terms::default());
        let mut invocation = bench.invocation("shop", "");
        invocation.is_proven = false;
        let mut run = bench.begin(invocation);
        assert_eq!(told(run.request_join()), JoinError::Refused(NOT_PROVEN.to_owned()));
        assert!(matches!(run.request_leave(), Err(Fault::NotProven)));
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn timers_call_the_bot_nowhere() {
        let bench = Bench::new(Terms::default());
        let mut invocation = bench.invocation("shop", "");
        invocation.id.origin = Origin::Timer;
        let mut run = bench.begin(invocation);
        assert_eq!(told(run.request_join()), JoinError::Refused("nobody asked me to".to_owned()));
        assert!(!run.request_leave().unwrap());
    }
}
