//! The audit: who changed what.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::audit::{Actor, AuditEntry, AuditFilter};
use crate::domain::id::{ChannelId, Login};
use crate::domain::principal::CallerId;
use crate::domain::timestamp::{MOMENT, parse_timestamp, write_timestamp};
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Query};
use crate::http::request::paging::{Page, PageQuery};
use crate::http::shapes::audit::{AuditActor, AuditLine};
use crate::http::shapes::page::Listed;
use crate::http::state::Api;

/// Longest action or subject in a filter, in characters.
const LONGEST_TEXT: usize = 2000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list_audit))
}

/// Which changes are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// A channel's id. A key of one channel may leave it out, and gets that one's.
    #[param(format = "twitch-id")]
    channel: Option<String>,
    /// `key`, `claim`, `chatter`, `command-line` or `host`; or one of them: `key:0123456789ab`, `chatter:100`.
    #[param(pattern = "^(key|claim|chatter|command-line|host|key:[0-9a-f]{12}|chatter:(0|[1-9][0-9]{0,18}))$")]
    actor: Option<String>,
    #[param(max_length = 2000)]
    action: Option<String>,
    #[param(max_length = 2000)]
    subject: Option<String>,
    /// At this moment or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this moment.
    #[param(format = DateTime)]
    until: Option<String>,
}

fn show(entry: AuditEntry, principal: &Principal) -> AuditLine {
    let actor = show_actor(&entry.stamp.by);
    let is_own = entry.stamp.by.caller().is_some_and(|(caller, _)| caller == principal.caller());
    AuditLine {
        id: entry.id.to_string(),
        at: write_timestamp(entry.stamp.at),
        address: entry.stamp.address.filter(|_| is_own || principal.is_operator()).map(|it| it.to_string()),
        actor,
        action: entry.change.action.into(),
        channel: entry.change.channel.map(|channel| channel.to_string()),
        subject: entry.change.subject.into(),
        before: entry.change.before.map(|value| value.to_string()),
        after: entry.change.after.map(|value| value.to_string()),
    }
}

fn show_actor(actor: &Actor) -> AuditActor {
    let (key, key_name) = actor.caller().unzip();
    let (chatter, login) = actor.chatter().unzip();
    AuditActor {
        kind: actor.kind().as_str().to_owned(),
        key: key.map(CallerId::to_string),
        key_name: key_name.map(str::to_owned),
        chatter: chatter.map(|chatter| chatter.to_string()),
        login: login.map(Login::to_string),
        system_user: actor.shell().map(str::to_owned),
    }
}

/// List changes
///
/// The newest first; those that were made from chat too.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    params(AuditQuery, PageQuery),
    responses((status = 200, description = "A page of changes.", body = Listed<AuditLine>))
)]
async fn list_audit(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Query(query): Query<AuditQuery>,
    page: Page,
) -> Result<Json<Listed<AuditLine>>, ApiError> {
    let filter = AuditFilter { channel: find_channel(&query, &principal)?, ..query.into_filter()? };
    let before: Option<u64> = page.parse_cursor()?;
    let lines = api.store.host.list_audit(&filter, before, page.limit + 1).await?;
    Ok(Json(page.cut(lines, |line| line.id.to_string(), |line| show(line, &principal))))
}

/// The only channel that the answer may contain. `None` (all channels) only for the operator.
fn find_channel(query: &AuditQuery, principal: &Principal) -> Result<Option<ChannelId>, ApiError> {
    if let Some(text) = &query.channel {
        let channel = text.parse().map_err(|_| ApiError::invalid_query("channel is a channel's id."))?;
        principal.require_channel(channel)?;
        return Ok(Some(channel));
    }
    match principal.channels().as_deref() {
        None => Ok(None),
        Some([channel]) => Ok(Some(*channel)),
        Some(_) => Err(ApiError::invalid_query("channel is needed: this key opens several.")),
    }
}

impl AuditQuery {
    /// The filter without the channel.
    fn into_filter(self) -> Result<AuditFilter, ApiError> {
        let moment = |name: &str, text: Option<String>| {
            // The unescaped plus sign of an offset arrives as a space.
            let wrong = || ApiError::invalid_query(format!("{name} is {MOMENT}; in a query, a + is written %2B."));
            text.map(|text| parse_timestamp(&text).ok_or_else(wrong)).transpose()
        };
        let text = |text: Option<String>, detail: &'static str| match text {
            Some(text) if text.chars().count() > LONGEST_TEXT => Err(ApiError::invalid_query(detail)),
            text => Ok(text.map(Into::into)),
        };
        let filter = AuditFilter {
            action: text(self.action, "action is at most 2000 characters.")?,
            subject: text(self.subject, "subject is at most 2000 characters.")?,
            since: moment("since", self.since)?,
            until: moment("until", self.until)?,
            ..AuditFilter::default()
        };
        self.actor.map_or(Ok(filter.clone()), |actor| with_actor(filter, &actor))
    }
}

fn with_actor(filter: AuditFilter, actor: &str) -> Result<AuditFilter, ApiError> {
    let found = match actor.split_once(':') {
        Some(("key", id)) => id.parse().ok().map(|id| AuditFilter { caller: Some(CallerId::Key(id)), ..filter }),
        Some(("chatter", id)) => id.parse().ok().map(|id| AuditFilter { chatter: Some(id), ..filter }),
        Some(_) => None,
        None => actor.parse().ok().map(|kind| AuditFilter { kind: Some(kind), ..filter }),
    };
    let detail = "actor is key, claim, chatter, command-line or host, or key: or chatter: and an id.";
    found.ok_or_else(|| ApiError::invalid_query(detail))
}
