//! Modules: upload, read, withdraw, restore, roll back, canary.

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::path::{ModulePath, VersionPath};
use crate::domain::id::ModuleName;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path};
use crate::http::request::idempotency::answer_once;
use crate::http::request::paging::{Page, PageQuery};
use crate::http::shapes::module::{ModuleDetail, ModuleSummary, VersionDetail};
use crate::http::shapes::page;
use crate::http::state::Api;
use crate::modules::catalogue::CatalogueEntry;

mod answers;
mod change;
mod paced_body;
mod refusal;
pub mod shown;
mod upload;

use answers::{find_listed, show};
use shown::{show_fixed, show_summary, show_uploaded};

pub(super) fn routes(api: &Arc<Api>) -> OpenApiRouter<Arc<Api>> {
    let once = from_fn_with_state((api.clone(), upload::largest_upload(api)), answer_once);
    let few = from_fn_with_state(api.clone(), upload::pace_body);
    OpenApiRouter::default()
        .routes(routes!(list_modules))
        .routes(routes!(upload::upload_module).layer(once).layer(few))
        .routes(routes!(show_module, change::withdraw_module))
        .routes(routes!(show_version, change::withdraw_version))
        .routes(routes!(change::restore_version))
        .routes(routes!(change::roll_back))
        .routes(routes!(change::set_canary, change::drop_canary))
        .routes(routes!(change::promote_canary))
}

/// List all modules
///
/// By name: those of this host, and those that were uploaded.
#[utoipa::path(
    get,
    path = "/api/v1/modules",
    tag = "modules",
    params(PageQuery),
    responses((status = 200, description = "A page of modules.", body = page::Listed<ModuleSummary>))
)]
async fn list_modules(State(api): State<Arc<Api>>, page: Page) -> Result<Json<page::Listed<ModuleSummary>>, ApiError> {
    let after: Option<ModuleName> = page.parse_cursor()?;
    let catalogue = api.setup.catalogue();
    let rest = catalogue.list().filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
    let found = rest.take(page.limit + 1).collect();
    let cursor = |(name, _): &(&ModuleName, &CatalogueEntry)| name.to_string();
    Ok(Json(page.cut(found, cursor, |(name, listed)| show_summary(name, listed))))
}

/// Show a module
///
/// A channel's key sees of a canary only its own channels.
#[utoipa::path(
    get,
    path = "/api/v1/modules/{name}",
    tag = "modules",
    params(ModulePath),
    responses((status = 200, description = "The module, and its versions.", body = ModuleDetail))
)]
async fn show_module(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(path): Path<ModulePath>,
) -> Result<Response, ApiError> {
    show(&api, &path.parse()?, &principal)
}

/// Show a version
///
/// What it offers, and what it asks for.
#[utoipa::path(
    get,
    path = "/api/v1/modules/{name}/versions/{version}",
    tag = "modules",
    params(VersionPath),
    responses((status = 200, description = "The version.", body = VersionDetail))
)]
async fn show_version(
    State(api): State<Arc<Api>>,
    Path(path): Path<VersionPath>,
) -> Result<Json<VersionDetail>, ApiError> {
    let (name, version) = path.parse()?;
    let catalogue = api.setup.catalogue();
    let shown = match find_listed(&catalogue, &name)? {
        CatalogueEntry::Fixed(manifest) => (manifest.version == version).then(|| show_fixed(manifest)),
        CatalogueEntry::Uploaded(module) => module.find_version(&version).map(show_uploaded),
    };
    shown.map(Json).ok_or_else(|| ApiError::not_found("version"))
}
