//! Changes of a channel's set-up at a request's wish: all that one request wants in one commit, or nothing of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::effect::{Commit, Committed, Effect, Scope};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::invocation::{InvocationId, Origin};
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::setup::channel::ChannelSetup;
use crate::setup::powers::Powers;
use crate::store::StoreError;

/// Chat and other modules' versions may change the same channel in between, so often.
const MOST_TRIES: usize = 3;
/// Who loses to those each time may try again after so long.
const BUSY_FOR: Duration = Duration::from_secs(1);
/// Changes of different channels that wait for each other are rare with so many.
const QUEUES: usize = 64;

/// The queues in which requests wait to change a channel. Without them, of a hundred at once one would be done and all
/// others be tried again, each time.
pub(in crate::http) struct ChangeQueues([Mutex<()>; QUEUES]);

impl Default for ChangeQueues {
    fn default() -> ChangeQueues {
        ChangeQueues(std::array::from_fn(|_| Mutex::default()))
    }
}

impl ChangeQueues {
    async fn wait(&self, ChannelId(channel): ChannelId) -> MutexGuard<'_, ()> {
        self.0[(channel % QUEUES as u64) as usize].lock().await
    }
}

pub(super) fn find_channel(api: &Api, channel: ChannelId) -> Result<Arc<ChannelSetup>, ApiError> {
    api.setup.find_channel(channel).ok_or(ApiError::NotFound("channel"))
}

pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| ApiError::InvalidPath("A channel's id is its broadcaster's Twitch id.".to_owned()))
}

pub(super) fn parse_module(text: &str) -> Result<ModuleName, ApiError> {
    let wrong = "A module's name is 1 to 32 lower-case letters, digits or hyphens, and starts with a letter.";
    text.parse().map_err(|_| ApiError::InvalidPath(wrong.to_owned()))
}

pub(super) fn powers_of(principal: &Principal) -> Powers {
    if principal.is_operator() { Powers::Operator } else { Powers::Creator }
}

/// The set-up as it is afterwards. `plan` says what is to be changed of the one that it is shown, and is asked again where
/// that one was out of date; a plan that depends on what its caller has read checks the revision itself.
///
/// # Errors
/// What `plan` answers, and `busy` where others were always faster.
pub(super) async fn change_channel(
    api: &Arc<Api>,
    principal: &Principal,
    channel: ChannelId,
    plan: impl Fn(&ChannelSetup) -> Result<Vec<Effect>, ApiError>,
) -> Result<Arc<ChannelSetup>, ApiError> {
    let _turn = api.changes.wait(channel).await;
    for _ in 0..MOST_TRIES {
        let setup = find_channel(api, channel)?;
        let effects = plan(&setup)?;
        if effects.is_empty() {
            return Ok(setup);
        }
        if make(api, commit_of(api, principal, &setup, setup.note_left(effects))).await? == Committed::Done {
            return find_channel(api, channel);
        }
    }
    Err(ApiError::Busy(BUSY_FOR))
}

fn commit_of(api: &Api, principal: &Principal, setup: &ChannelSetup, effects: Vec<Effect>) -> Commit {
    let (channel, revision) = (setup.channel.id, setup.revision);
    let stamp = principal.stamp(api.now().wall);
    Commit {
        // Only one change is ever made of a revision.
        invocation: InvocationId { origin: Origin::Host, id: format!("change-{channel}-{}", revision.0).into() },
        channel,
        by: stamp.by,
        address: stamp.address,
        caller: None,
        version: None,
        noted: vec![(Scope::Setup { channel }, revision)],
        effects,
        replies: Vec::new(),
        at: stamp.at,
    }
}

/// Is seen through even where the caller hangs up: memory shall not stay behind the disk.
async fn make(api: &Api, commit: Commit) -> Result<Committed, ApiError> {
    let (store, setup) = (api.store.clone(), api.setup.clone());
    let made = tokio::spawn(async move {
        let channel = commit.channel;
        let committed = store.commit(commit).await?;
        setup.reload(channel)?;
        Ok::<_, StoreError>(committed)
    });
    // Nobody aborts it: it ends early only with the host.
    made.await.map_err(|_| ApiError::NotReady(Vec::new()))?.map_err(ApiError::from)
}
