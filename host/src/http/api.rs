//! The endpoints: one file a resource.
//!
//! To add one:
//! 1. A function in the file of its resource, with `#[utoipa::path(...)]`. It takes `State<Arc<Api>>`, `Principal`, the extractors of
//!    [`super::request`] (never axum's, whose refusals are no problem documents) and the paths of `path`, reads and answers with
//!    [`super::shapes`], and returns `Result<_, ApiError>`. The first line of its doc comment is its name in the document.
//! 2. Its route in the `routes()` of that file; a new file's `routes()` is merged below.
//! 3. Its row in [`super::access::TABLE`]: without one it is denied. A channel in the path is called `{channel}` and checked
//!    there; a channel in the query or body is checked by [`super::principal::Principal::require_channel`].
//! 4. In `responses(...)` only what is its own: 400, 401, 403, 404, 408, 413, 415, 421, 429, 431, 500, 503, and what follows from
//!    the headers `Idempotency-Key` and `If-Match` as `params`, are added by `openapi`. A refusal of its own kind is a new line in
//!    [`super::error::refusals`].
//! 5. A test in `tests/it/http` that shows a good and a bad answer. The tests of the table and of the document find the endpoint,
//!    and name the rows that `tests/it/http/documented/requests.rs` lacks: one for each 4xx that is its own.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use super::state::Api;

mod audit;
mod channel_modules;
mod channels;
mod commands;
pub mod events;
pub mod health;
pub mod keys;
pub mod logs;
pub mod metrics;
pub mod modules;
mod path;

/// `api` is for layers of single routes, such as [`crate::http::request::idempotency::answer_once`].
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
