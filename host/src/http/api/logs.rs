//! Log lines of modules, for their authors.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::parse_channel;
use crate::domain::id::ModuleName;
use crate::domain::timestamp::write_timestamp;
use crate::http::error::ApiError;
use crate::http::error::refusals::INVALID_PATH;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path, Query};
use crate::http::request::paging::{Page, PageQuery};
use crate::http::shapes::log::{LogLine, LogLines};
use crate::http::state::Api;
use crate::telemetry::lines::{Line, LinePage};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list_lines))
}

/// Whose lines are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// A channel's id; absent for all channels that the key opens.
    #[param(format = "twitch-id", example = "100")]
    channel: Option<String>,
}

/// A position in the log lines. Each process numbers its lines anew, so the cursor includes the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// The start of the process, in seconds since 1970.
    begun: u64,
    number: u64,
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (begun, number) = text.split_once('.').ok_or(())?;
        Ok(Cursor { begun: begun.parse().map_err(drop)?, number: number.parse().map_err(drop)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.begun, self.number)
    }
}

/// List what a module logged
///
/// The last lines of each channel, since the host started. A key of channels sees what was logged there and nowhere else.
#[utoipa::path(
    get,
    path = "/api/v1/modules/{name}/logs",
    tag = "watch",
    params(("name" = String, Path, format = "module-name", description = "The module's name.", example = "balance"), LogQuery, PageQuery),
    responses((status = 200, description = "Some lines.", body = LogLines))
)]
async fn list_lines(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(name): Path<String>,
    Query(query): Query<LogQuery>,
    page: Page,
) -> Result<Json<LogLines>, ApiError> {
    let name: ModuleName =
        name.parse().map_err(|_| ApiError::because(INVALID_PATH, "A module's name is in kebab-case."))?;
    let channels = match query.channel.as_deref().map(parse_channel).transpose()? {
        Some(channel) => {
            principal.require_channel(channel)?;
            Some(vec![channel])
        }
        None => principal.channels(),
    };
    if !api.setup.catalogue().has(&name) {
        return Err(ApiError::not_found("module"));
    }
    let begun = api.begun.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // A cursor of an earlier process says nothing about this one's lines, so reading starts at the first.
    let read_to = page.parse_cursor::<Cursor>()?.filter(|cursor| cursor.begun == begun);
    let after = read_to.map_or(0, |cursor| cursor.number);
    let LinePage { lines, cursor: number, has_more } =
        api.telemetry.lines.list(&name, channels.as_deref(), after, page.limit);
    let cursor = Cursor { begun, number }.to_string();
    let items = lines.iter().map(show).collect();
    Ok(Json(LogLines { items, next_cursor: has_more.then(|| cursor.clone()), later_cursor: cursor }))
}

fn show(line: &Line) -> LogLine {
    let source = &line.source;
    LogLine {
        at: write_timestamp(source.at),
        channel: source.channel.to_string(),
        version: source.version.to_string(),
        invocation: source.invocation.to_string(),
        level: line.level.as_str().to_owned(),
        text: line.text.to_string(),
    }
}
