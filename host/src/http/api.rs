//! The endpoints: one file a resource.
//!
//! To add an endpoint:
//! 1. Write a function in the file of its resource, with `#[utoipa::path(...)]`. It takes `State<Arc<Api>>`,
//!    `Principal`, the extractors of [`super::request`] (never axum's, whose refusals are no problem documents) and the
//!    paths of `path`. It reads and answers with [`super::shapes`], and returns `Result<_, ApiError>`. The first line
//!    of its doc comment is its name in the document.
//! 2. Add its route to the `routes()` of that file. Merge the `routes()` of a new file below.
//! 3. Add its row to [`super::access::TABLE`]; without one it is denied. A channel in the path is called `{channel}`
//!    and checked there. For a channel in the query or body, call [`super::principal::Principal::require_channel`].
//! 4. List in `responses(...)` only its own answers. `openapi` adds 400, 401, 403, 404, 408, 413, 415, 421, 429, 431,
//!    500, 503, and those that follow from the headers `Idempotency-Key` and `If-Match` in `params`. A refusal of a new
//!    kind is a new line in [`super::error::refusals`].
//! 5. Write a test in `tests/it/http` that shows a good and a bad answer. The tests of the table and the document name
//!    the rows that `tests/it/http/documented/requests.rs` lacks: one for each 4xx of its own.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use super::state::Api;

mod audit;
mod channel_modules;
mod channels;
pub mod commands;
pub mod events;
pub mod health;
pub mod keys;
pub mod logs;
pub mod metrics;
pub mod modules;
mod path;

/// `api` is the state of layers on single routes, such as [`crate::http::request::idempotency::answer_once`].
pub(super) fn routes(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .merge(audit::routes())
        .merge(channel_modules::routes())
        .merge(channels::routes())
        .merge(commands::routes(api))
        .merge(health::routes())
        .merge(keys::routes())
        .merge(modules::routes(api))
        .merge(metrics::routes())
        .merge(logs::routes())
        .merge(events::routes())
}
