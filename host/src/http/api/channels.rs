//! The set-up of channels.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::path::ChannelPath;
use crate::domain::id::{ChannelId, Login, ParseIdError};
use crate::domain::role::Role;
use crate::domain::timestamp::{MOMENT, parse_timestamp, write_timestamp};
use crate::http::error::{ApiError, sentence};
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path, Query};
use crate::http::request::paging::{Page, PageQuery};
use crate::http::request::precondition::{IfMatch, etag};
use crate::http::shapes::channel::{Channel, ChannelPatch, TermsPatch};
use crate::http::shapes::page::Listed;
use crate::http::shapes::problem::WrongValue;
use crate::http::state::Api;
use crate::setup::change::may_change;
use crate::setup::channel::ChannelSetup;
use crate::setup::channel_change::{ChannelChange, check_channel_change};
use crate::setup::overrides::CommandKey;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list_channels)).routes(routes!(show_channel, change_one))
}

/// Which channels are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ChannelQuery {
    /// Those whose broadcaster bears this login, as far as the host knows: one, unless Twitch gave it to somebody else.
    #[param(format = "login", example = "shop")]
    login: Option<String>,
}

fn show(api: &Api, setup: &ChannelSetup) -> Channel {
    let now = api.now().wall;
    Channel {
        id: setup.channel.id.to_string(),
        login: setup.channel.login.to_string(),
        display_name: setup.channel.display_name.to_string(),
        account: setup.bot.login.to_string(),
        prefix: setup.prefix.as_str().to_owned(),
        locale: setup.locale.to_string(),
        muted_until: setup.muted_until.filter(|_| setup.is_muted(now)).map(write_timestamp),
        moderators_may_change: may_change(setup, Role::Moderator),
        revision: setup.revision.0,
    }
}

/// List channels
///
/// All of them for the operator; for a channel's key those that it opens. The bot learns of a channel when it first joins it.
#[utoipa::path(
    get,
    path = "/api/v1/channels",
    tag = "channels",
    params(ChannelQuery, PageQuery),
    responses((status = 200, description = "A page of channels, by id.", body = Listed<Channel>))
)]
async fn list_channels(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Query(query): Query<ChannelQuery>,
    page: Page,
) -> Result<Json<Listed<Channel>>, ApiError> {
    let after: Option<ChannelId> = page.parse_cursor()?;
    let wrong = |error: ParseIdError| ApiError::invalid_query(sentence(&error));
    let login: Option<Login> = query.login.map(|login| login.parse()).transpose().map_err(wrong)?;
    let is_wanted = |setup: &ChannelSetup| login.as_ref().is_none_or(|login| setup.channel.login == *login);
    let found = match principal.channels() {
        None if login.is_none() => api.setup.list_channels_after(after, page.limit + 1),
        // Searches all channels, because only an operator asks this, and rarely.
        None => api.setup.list_channels_after(after, usize::MAX).into_iter().filter(is_wanted).collect(),
        Some(mut own) => {
            own.sort_unstable();
            let own = own.into_iter().filter(|channel| after.is_none_or(|after| *channel > after));
            own.filter_map(|channel| api.setup.find_channel(channel)).filter(is_wanted).collect()
        }
    };
    let cursor = |setup: &ChannelSetup| setup.channel.id.to_string();
    Ok(Json(page.cut(found, cursor, |setup| show(&api, &setup))))
}

/// Show a channel
#[utoipa::path(
    get,
    path = "/api/v1/channels/{channel}",
    tag = "channels",
    params(ChannelPath),
    responses((status = 200, description = "The channel; its ETag is for If-Match.", body = Channel))
)]
async fn show_channel(
    State(api): State<Arc<Api>>,
    Path(path): Path<ChannelPath>,
) -> Result<impl IntoResponse, ApiError> {
    let setup = api.find_channel(path.parse()?)?;
    Ok((etag(setup.revision), Json(show(&api, &setup))))
}

/// Change a channel
///
/// Prefix, language, silence, and who may use its commands how often: all of it, or nothing.
#[utoipa::path(
    patch,
    path = "/api/v1/channels/{channel}",
    tag = "channels",
    params(
        ChannelPath,
        ("If-Match" = String, Header, description = "The ETag that was read, or *.")
    ),
    request_body = ChannelPatch,
    responses(
        (status = 200, description = "The channel as it is now.", body = Channel),
        (status = 422, description = "Some of it cannot be.")
    )
)]
async fn change_one(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(path): Path<ChannelPath>,
    if_match: IfMatch,
    Json(patch): Json<ChannelPatch>,
) -> Result<impl IntoResponse, ApiError> {
    let (channel, now) = (path.parse()?, api.now().wall);
    let change = into_change(patch)?;
    let plan = |setup: &ChannelSetup| {
        if_match.check(setup.revision)?;
        let wrong = |problems: Vec<_>| ApiError::invalid_values(problems.iter().map(WrongValue::from).collect());
        check_channel_change(setup, &change, now).map_err(wrong)
    };
    let setup = api.setup.change(channel, principal.stamp(now), plan).await?.after;
    Ok((etag(setup.revision), Json(show(&api, &setup))))
}

fn into_change(patch: ChannelPatch) -> Result<ChannelChange, ApiError> {
    let parse = |text: String| {
        let wrong = || ApiError::wrong("muted_until", &format!("should be {MOMENT}, or null"));
        parse_timestamp(&text).ok_or_else(wrong)
    };
    let muted_until = patch.muted_until.map(|until| until.map(parse).transpose()).transpose()?;
    let terms = |TermsPatch { role, cooldown, chatter_cooldown }| {
        CommandKey::collect_terms([role, cooldown, chatter_cooldown, None])
    };
    Ok(ChannelChange {
        prefix: patch.prefix,
        locale: patch.locale,
        moderators: patch.moderators_may_change,
        muted_until,
        commands: patch.commands.into_iter().map(|(word, patch)| (word, terms(patch))).collect(),
    })
}
