//! The commit and the result of a change of a channel's set-up.

use std::collections::BTreeSet;

use super::channel::ChannelSetup;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::effect::{Commit, Effect, Scope};
use crate::domain::id::{ChannelId, InvocationId, Origin};
use crate::store::StoreError;

/// A channel's set-up before and after a change. If the plan had no effects, both are the same snapshot.
#[derive(Clone, Debug)]
pub struct Changed {
    pub before: ChannelSetup,
    pub after: ChannelSetup,
}

impl Changed {
    pub fn is_changed(&self) -> bool {
        !self.before.is_same(&self.after)
    }
}

/// Why a planned change of a channel was not made, or is not visible.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeSetupError {
    #[error("there is no such channel")]
    UnknownChannel,
    /// Another change came first, at each try.
    #[error("the channel is being changed by others")]
    Busy,
    /// The change is on disk, but not in memory.
    #[error("the changed set-up could not be read back")]
    NotReloaded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The commit of a change that was planned on `setup`.
pub(super) fn commit_of(setup: &ChannelSetup, effects: Vec<Effect>, Stamp { by, at, address }: &Stamp) -> Commit {
    let (channel, revision) = (setup.channel.id, setup.revision);
    // The host's own changes hold whatever was changed meanwhile. Otherwise a failing module could keep its fuse from
    // blowing by changing the set-up all the time.
    let is_compared = *by != Actor::Host;
    Commit {
        // Unique, since only one change is ever made of a revision.
        invocation: InvocationId { origin: Origin::Host, id: format!("change-{channel}-{}", revision.0).into() },
        channel,
        by: by.clone(),
        address: *address,
        caller: None,
        version: None,
        noted: is_compared.then_some((Scope::Setup { channel }, revision)).into_iter().collect(),
        effects,
        replies: Vec::new(),
        at: *at,
    }
}

/// The channels whose set-up a commit read or writes.
pub(super) fn list_set_up(commit: &Commit) -> BTreeSet<ChannelId> {
    let noted = commit.noted.iter().map(|(scope, _)| scope.clone());
    let written = commit.effects.iter().flat_map(|effect| effect.scopes(commit.channel));
    let set_up = noted.chain(written).filter_map(|scope| match scope {
        Scope::Setup { channel } => Some(channel),
        Scope::Storage { .. } | Scope::Account { .. } | Scope::Budget { .. } => None,
    });
    set_up.collect()
}
