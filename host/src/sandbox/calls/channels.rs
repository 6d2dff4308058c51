//! Capability `channels`: asks the bot to join the invoking chatter's own channel, or to leave it.

use super::error::{ContractError, EndRun, HostCallError, NOT_PROVEN, split};
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::effect::{Effect, PresenceEffect, Scope};
use crate::domain::manifest::Capability;
use crate::joining::{self, Presence};
use crate::sandbox::bindings::twitchy::command::channels::{Host, JoinError};

impl Host for Run {
    async fn request_join(&mut self) -> wasmtime::Result<Result<(), JoinError>> {
        Ok(split(request_join(self.enter(Capability::Channels, "request-join")?).await)?)
    }

    async fn request_leave(&mut self) -> wasmtime::Result<bool> {
        Ok(request_leave(self.enter(Capability::Channels, "request-leave")?).await?)
    }
}

impl ContractError for JoinError {}

impl From<joining::JoinError> for HostCallError<JoinError> {
    fn from(error: joining::JoinError) -> Self {
        HostCallError::Returned(match error {
            joining::JoinError::JoinedAlready => JoinError::JoinedAlready,
            joining::JoinError::NeedsConsent(address) => JoinError::NeedsConsent(address),
            joining::JoinError::Waiting(place) => JoinError::Waiting(place),
            joining::JoinError::Refused(why) => JoinError::Refused(why),
            joining::JoinError::Unavailable(why) => JoinError::Unavailable(why),
        })
    }
}

pub(super) async fn request_join(run: &mut Transaction) -> Result<(), HostCallError<JoinError>> {
    if !run.has_caller() {
        return Err(JoinError::Refused("nobody asked me to".to_owned()).into());
    }
    if !run.is_proven() {
        return Err(JoinError::Refused(NOT_PROVEN.to_owned()).into());
    }
    let presence = presence(run).await?;
    let invocation = run.invocation();
    let effect = run.world().joining.check_join(&invocation.chatter, &invocation.bot, presence)?;
    run.add_effect(effect);
    Ok(())
}

/// Returns whether the bot was in the channel or about to join.
pub(super) async fn request_leave(run: &mut Transaction) -> Result<bool, EndRun> {
    if !run.has_caller() {
        return Ok(false);
    }
    if !run.is_proven() {
        // The interface's result has no error case for this refusal, so the run ends.
        return Err(EndRun::Refused(NOT_PROVEN.to_owned()));
    }
    let presence = presence(run).await?;
    let effect = run.world().joining.check_leave(&run.invocation().chatter, presence);
    Ok(effect.map(|effect| run.add_effect(effect)).is_some())
}

/// Notes the set-up scope of the chatter's own channel, which may be another channel than the invocation's.
async fn presence(run: &mut Transaction) -> Result<Presence, EndRun> {
    let invocation = run.invocation();
    let committed = run.world().joining.load_presence(&invocation.chatter, &invocation.bot).await?;
    let channel = invocation.chatter.id.own_channel();
    run.note(Scope::Setup { channel }, committed.revision)?;
    let own = run.effects().iter().rev().find_map(|effect| match effect {
        Effect::Presence(PresenceEffect::Want { .. }) => Some(true),
        Effect::Presence(PresenceEffect::Unwant { .. }) => Some(false),
        _ => None,
    });
    Ok(Presence { is_wanted: own.unwrap_or(committed.is_wanted), ..committed })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, error_of};
    use super::super::settings;
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::effect::Committed;
    use crate::domain::id::{ChannelId, Origin};
    use crate::joining::JoinPolicy;
    use crate::testing::at_once;

    fn wanted(bench: &Fixture) -> Vec<String> {
        at_once(bench.world.store.host.list_wanted())
            .unwrap()
            .into_iter()
            .map(|channel| channel.login.to_string())
            .collect()
    }

    #[test]
    fn chatters_call_the_bot_into_their_own_channel_and_send_it_away() {
        let bench = Fixture::new(BenchOptions::default());
        let mut joining = bench.run("alice", "");
        at_once(request_join(&mut joining)).unwrap();
        assert_eq!(error_of(at_once(request_join(&mut joining))), JoinError::JoinedAlready);
        assert_eq!(bench.commit(joining), Committed::Done);
        assert_eq!(wanted(&bench), ["alice", "shop"]);
        assert!(bench.world.setup.find_channel(ChannelId(1)).is_some(), "the new channel has a set-up");
        assert_eq!(error_of(at_once(request_join(&mut bench.run("alice", "")))), JoinError::JoinedAlready);
        let mut leaving = bench.run("alice", "");
        assert!(at_once(request_leave(&mut leaving)).unwrap());
        assert!(!at_once(request_leave(&mut leaving)).unwrap());
        assert_eq!(bench.commit(leaving), Committed::Done);
        assert_eq!(wanted(&bench), ["shop"]);
        let mut again = bench.run("alice", "");
        at_once(request_join(&mut again)).unwrap();
        assert_eq!(bench.commit(again), Committed::Done);
        assert_eq!(wanted(&bench), ["alice", "shop"]);
    }

    #[test]
    fn two_requests_at_once_join_once() {
        let bench = Fixture::new(BenchOptions::default());
        let (mut first, mut second) = (bench.run("alice", ""), bench.run("alice", ""));
        assert!(at_once(request_join(&mut first)).is_ok() && at_once(request_join(&mut second)).is_ok());
        assert_eq!([bench.commit(first), bench.commit(second)], [Committed::Done, Committed::Conflict]);
        assert_eq!(error_of(at_once(request_join(&mut bench.run("alice", "")))), JoinError::JoinedAlready);
    }

    #[test]
    fn a_set_up_that_is_out_of_date_ends_the_run_and_is_read_anew() {
        let bench = Fixture::new(BenchOptions::default());
        let mut change = bench.run("shop", "");
        settings::set_prefix(&mut change, "?").unwrap();
        let commit = change.finish(&[]).unwrap();
        // On disk, but the set-up in memory is still the old one.
        assert_eq!(bench.wait(bench.world.store.commit(commit)).unwrap(), Committed::Done);
        let leave = || {
            let mut run = bench.run("shop", "");
            settings::prefix(&mut run).unwrap();
            let left = at_once(request_leave(&mut run));
            at_once(run.reload_setup()).unwrap();
            left
        };
        assert!(matches!(leave(), Err(EndRun::Conflict)));
        assert!(leave().unwrap());
    }

    #[test]
    fn a_closed_bot_says_why_it_does_not_come() {
        let bench = Fixture::new(BenchOptions { join_policy: JoinPolicy::Closed, ..BenchOptions::default() });
        assert!(matches!(error_of(at_once(request_join(&mut bench.run("alice", "")))), JoinError::Refused(_)));
        // A closed bot still leaves: every broadcaster may send the bot away.
        assert!(at_once(request_leave(&mut bench.run("shop", ""))).unwrap());
    }

    #[test]
    fn an_account_sits_in_so_many_channels() {
        let bench = Fixture::new(BenchOptions { capacity: 2, ..BenchOptions::default() });
        let mut joining = bench.run("alice", "");
        at_once(request_join(&mut joining)).unwrap();
        assert_eq!(bench.commit(joining), Committed::Done);
        let full = JoinError::Refused("I sit in as many channels as I can; please try again later".to_owned());
        assert_eq!(error_of(at_once(request_join(&mut bench.run("bob", "")))), full);
    }

    #[test]
    fn a_claim_to_be_a_chatter_calls_the_bot_nowhere_and_sends_it_nowhere() {
        let bench = Fixture::new(BenchOptions::default());
        let mut invocation = bench.invocation("shop", "");
        invocation.is_proven = false;
        let mut run = bench.begin(invocation);
        assert_eq!(error_of(at_once(request_join(&mut run))), JoinError::Refused(NOT_PROVEN.to_owned()));
        assert_eq!(at_once(request_leave(&mut run)), Err(EndRun::Refused(NOT_PROVEN.to_owned())));
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn timers_call_the_bot_nowhere() {
        let bench = Fixture::new(BenchOptions::default());
        let mut invocation = bench.invocation("shop", "");
        invocation.id.origin = Origin::Timer;
        let mut run = bench.begin(invocation);
        assert_eq!(error_of(at_once(request_join(&mut run))), JoinError::Refused("nobody asked me to".to_owned()));
        assert!(!at_once(request_leave(&mut run)).unwrap());
    }
}
