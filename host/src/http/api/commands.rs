//! Calls of commands over HTTP, in the name of a chatter.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, middleware};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::path::parse_channel;
use crate::chat::dispatch::call::{Arguments, CallError, CallResult, HttpCall};
use crate::domain::audit::{self, Actor, AuditValue, Stamp};
use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::label::is_label;
use crate::domain::message::{Chatter, Reply};
use crate::domain::nearest::find_nearest;
use crate::domain::principal::CallerId;
use crate::domain::report::Outcome;
use crate::domain::role::Role;
use crate::domain::trace::TraceParent;
use crate::http::error::refusals::{INTERNAL, UNKNOWN_COMMAND};
use crate::http::error::{ApiError, WrongValues};
use crate::http::key::write_hex;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path, Query};
use crate::http::request::idempotency::{IdempotencyKey, answer_once};
use crate::http::shapes::command::{CallArguments, ClaimedChatter, CommandAnswer, CommandCall, CommandReply};
use crate::http::state::Api;
use crate::setup::listing::list_available;
use crate::store::host::audit::CALL;

pub mod change;

use change::show_change;

const UNSEEN: &str = "is needed: nobody was seen in this channel under this login";
/// Longest display name, in characters.
const LONGEST_NAME: usize = 50;

pub(super) fn routes(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    let once = middleware::from_fn_with_state((api.clone(), api.config.body), answer_once);
    OpenApiRouter::default().routes(routes!(call_command).layer(once))
}

/// What is done with the answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct CallQuery {
    /// Also say the replies there.
    #[param(inline)]
    deliver: Option<Deliver>,
    /// Show what would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Deliver {
    Chat,
}

/// Call a command
///
/// As if the chatter had typed it: with the same permissions, cooldowns and limits. The chatter is a claim: everyone, unless
/// it is the broadcaster or the key has a role; and no money is spent for it, and the bot is sent nowhere.
#[utoipa::path(
    post,
    path = "/api/v1/channels/{channel}/commands/{name}",
    tag = "channels",
    params(
        ("channel" = String, Path, format = "twitch-id", description = "The channel's id.", example = "100"),
        ("name" = String, Path, description = "A word that calls the command, without prefix.", example = "roll"),
        CallQuery,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, pattern = "^[!-~]{1,128}$", description = "The same call again gets the same answer, for a day.")
    ),
    request_body = CommandCall,
    responses(
        (status = 200, description = "The command's answer; also where it says no.", body = CommandAnswer),
        (status = 403, description = "The API key does not open this, or the command is not for this chatter."),
        (status = 409, description = "The bot is muted, the module is off for now, or this call is still under way."),
        (status = 422, description = "The call is not valid, or its Idempotency-Key was sent with another one."),
        (status = 502, description = "The module broke, and changed nothing.")
    )
)]
async fn call_command(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path((channel, word)): Path<(String, String)>,
    Query(query): Query<CallQuery>,
    once: Option<Extension<IdempotencyKey>>,
    headers: HeaderMap,
    Json(body): Json<CommandCall>,
) -> Result<Json<CommandAnswer>, ApiError> {
    let channel = parse_channel(&channel)?;
    let stamp = principal.stamp(api.now().wall);
    let call = HttpCall {
        id: make_call_id(&api, &principal, channel, once.map(|Extension(key)| key)).into(),
        channel,
        word: word.as_str().into(),
        chatter: parse_chatter(body.chatter, &api, &principal, channel).await?,
        arguments: match body.arguments {
            CallArguments::Text(text) => Arguments::Text(text),
            CallArguments::List(list) => Arguments::List(list),
        },
        // A key does not prove which chatter its holder acts for.
        is_proven: false,
        caller: principal.caller().clone(),
        caller_name: principal.key().name.clone(),
        address: stamp.address,
        is_dry_run: query.dry_run,
        traced_below: find_parent(&headers),
        is_delivered: query.deliver == Some(Deliver::Chat),
    };
    // A task of its own, so that the call is in the audit even if the caller hangs up.
    let called = tokio::spawn(call_and_audit(api.clone(), call, stamp)).await;
    let called = called.map_err(|_| INTERNAL)?;
    let called = called.map_err(|error| refuse_call(&api, channel, &word, error))?;
    Ok(Json(show(called, &query)))
}

/// The caller's trace span that contains this call. A malformed or repeated `traceparent` is ignored, as W3C's Trace
/// Context requires, because proxies write the header too.
fn find_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()?.parse().ok()
}

/// The call's id, unique by caller and channel. Without an Idempotency-Key it is random.
fn make_call_id(api: &Api, principal: &Principal, channel: ChannelId, once: Option<IdempotencyKey>) -> String {
    if let Some(IdempotencyKey(text)) = once {
        return digest_call_id(principal.caller(), channel, &text);
    }
    let mut random = [0; 16];
    api.entropy.fill(&mut random);
    write_hex(&random)
}

/// The id by which a repeated call finds its stored outcome. So it depends on these three alone, each hashed with its
/// length so that no two run together. 128 bits suffice: a forged collision only hits a call of the same caller.
fn digest_call_id(caller: &CallerId, channel: ChannelId, text: &str) -> String {
    let mut digest = Sha256::new();
    for part in [&caller.to_string(), &channel.to_string(), text] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    write_hex(&digest.finalize()[..16])
}

async fn call_and_audit(api: Arc<Api>, call: HttpCall, stamp: Stamp) -> Result<CallResult, CallError> {
    let HttpCall { channel, is_dry_run, .. } = call;
    let (caller, name) = (call.caller.clone(), call.caller_name.clone());
    let by = Actor::Claim { caller, name, chatter: call.chatter.id, login: call.chatter.login.clone() };
    let word = call.word.clone();
    let called = api.dispatch.call(call).await;
    let outcome = match &called {
        Ok(called) if is_dry_run || called.outcome == Outcome::Duplicate => return Ok(called.clone()),
        Ok(called) => called.outcome.as_str(),
        Err(CallError::Broken(error)) if !is_dry_run => error.fault().as_str(),
        // Refused before the call, or a dry run: nothing to audit.
        Err(_) => return called,
    };
    let stamp = Stamp { by, ..stamp };
    let after = Some(AuditValue::Text(outcome.into()));
    let change = audit::Change { channel: Some(channel), after, ..audit::Change::new(CALL, word) };
    if let Err(error) = api.store.host.note_change(stamp, change).await {
        error!(%error, %channel, "a call over HTTP is missing in the audit");
    }
    called
}

async fn parse_chatter(
    claimed: ClaimedChatter,
    api: &Api,
    principal: &Principal,
    channel: ChannelId,
) -> Result<Chatter, ApiError> {
    let login = claimed.login.parse::<Login>();
    let id = match (&claimed.id, &login) {
        (Some(id), _) => id.parse::<ChatterId>().map_err(|_| "should be a Twitch id"),
        (None, Ok(login)) => find_chatter(api, channel, login).await?.ok_or(UNSEEN),
        // The error is about the login alone; this id goes unused.
        (None, Err(_)) => Ok(channel.broadcaster()),
    };
    let mut wrong = WrongValues::default();
    let id = wrong.expect(id.as_ref().ok(), "chatter.id", id.as_ref().err().copied().unwrap_or_default());
    let login = wrong.expect(login.ok(), "chatter.login", "should be 1 to 25 letters, digits or underscores");
    let name = claimed.display_name.as_ref().is_none_or(|name| is_label(name, LONGEST_NAME)).then_some(());
    wrong.expect(name, "chatter.display_name", "should be 1 to 50 characters that can be seen");
    let (Some(&id), Some(login), true) = (id, login, wrong.0.is_empty()) else {
        return Err(ApiError::invalid_values(wrong.0));
    };
    let is_broadcaster = id == channel.broadcaster();
    Ok(Chatter {
        id,
        display_name: claimed.display_name.map_or_else(|| login.as_str().into(), Into::into),
        login,
        role: if is_broadcaster { Role::Broadcaster } else { principal.role().unwrap_or(Role::Everyone) },
        badges: Vec::new(),
    })
}

/// The broadcaster, or the chatter last seen in the channel under this login.
async fn find_chatter(api: &Api, channel: ChannelId, login: &Login) -> Result<Option<ChatterId>, ApiError> {
    // An unknown channel is refused later, by the call itself.
    if api.setup.find_channel(channel).is_none_or(|setup| setup.channel.login == *login) {
        return Ok(Some(channel.broadcaster()));
    }
    Ok(api.store.find_chatter(channel, login).await?.map(|chatter| chatter.id))
}

/// A refusal; for an unknown word it also names the most similar command.
fn refuse_call(api: &Api, channel: ChannelId, word: &str, error: CallError) -> ApiError {
    let setup = api.setup.find_channel(channel).filter(|_| error == CallError::UnknownWord);
    let Some(setup) = setup else { return error.into() };
    let known = list_available(&setup, Role::Broadcaster, api.now().wall);
    let words = known.iter().flat_map(|listing| std::iter::once(&listing.name).chain(&listing.aliases));
    match find_nearest(&word.to_lowercase(), words.map(|word| &**word)) {
        Some(nearest) => {
            ApiError::because(UNKNOWN_COMMAND, format!("{} Did you mean {nearest}?", UNKNOWN_COMMAND.meaning))
        }
        None => error.into(),
    }
}

fn show(called: CallResult, query: &CallQuery) -> CommandAnswer {
    CommandAnswer {
        replies: called.replies.into_iter().map(show_reply).collect(),
        duration: format!("{:.3}s", called.took.as_secs_f64()),
        invocation_id: called.invocation.to_string(),
        outcome: called.outcome.as_str().to_owned(),
        delivered: query.deliver.map(|_| called.queued),
        changes: query.dry_run.then(|| called.changes.iter().map(show_change).collect()),
    }
}

fn show_reply(reply: Reply) -> CommandReply {
    let (kind, text) = match reply {
        Reply::Say(text) => ("say", text),
        Reply::Answer(text) => ("answer", text),
        Reply::Action(text) => ("action", text),
    };
    CommandReply { kind: kind.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_same_name_again_and_no_other_key_or_channel_has_it() {
        let name = |key: &str, channel, text| digest_call_id(&key.parse().unwrap(), ChannelId(channel), text);
        let first = name("0123456789ab", 1, "11");
        assert_eq!((first.len(), first.as_str()), (32, name("0123456789ab", 1, "11").as_str()));
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
        for other in [name("0123456789ac", 1, "11"), name("0123456789ab", 11, "1"), name("0123456789ab", 1, "1")] {
            assert_ne!(first, other);
        }
    }
}
