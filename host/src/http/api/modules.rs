//! Modules: uploaded, looked at, taken off the air and put on it again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::path::{ModulePath, VersionPath};
use crate::domain::effect::Revision;
use crate::domain::id::ModuleName;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path};
use crate::http::request::idempotency::answer_once;
use crate::http::request::paging::{Page, PageQuery};
use crate::http::request::precondition::etag;
use crate::http::shapes::module::{ModuleDetail, ModuleSummary, VersionDetail};
use crate::http::shapes::page;
use crate::modules::catalogue::{Catalogue, Listed};
use crate::modules::plan::Fates;
use crate::telemetry::HostEvent;

mod change;
mod paced_body;
mod refusal;
mod shown;
mod upload;

use shown::{list_seen, show_detail, show_fixed, show_summary, show_uploaded};
pub(in crate::http) use upload::Uploads;

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

/// Reports to listeners what became of versions, everywhere.
fn report(api: &Api, name: &ModuleName, fates: &Fates) {
    for (version, fate) in fates {
        let (module, version, change) = (name.clone(), version.clone(), *fate);
        api.telemetry.note(HostEvent::Module { module, version, channel: None, change });
    }
}

/// Another one after every change of the module's versions; of a canary's channels, those that `principal` may see: from
/// all of them, whoever guesses could tell which they are.
fn revision_of(listed: &Listed, principal: &Principal) -> Revision {
    let module = match listed {
        Listed::Fixed(manifest) => return hash(manifest.digest.0),
        Listed::Uploaded(module) => module,
    };
    let versions = module.versions.iter().map(|version| (version.manifest.digest.0, version.withdrawn_at));
    let canary = module.canary.as_ref().map(|canary| (&canary.version, list_seen(canary, principal)));
    hash((versions.collect::<Vec<_>>(), canary))
}

/// With the hasher's fixed keys: what was read before a restart is known after it.
fn hash(shown: impl Hash) -> Revision {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    Revision(hasher.finish())
}

fn find_listed<'a>(catalogue: &'a Catalogue, name: &ModuleName) -> Result<&'a Listed, ApiError> {
    catalogue.find(name).ok_or_else(|| ApiError::not_found("module"))
}

/// The module as it is now.
fn show(api: &Api, name: &ModuleName, principal: &Principal) -> Result<Response, ApiError> {
    let catalogue = api.setup.catalogue();
    let listed = find_listed(&catalogue, name)?;
    let detail = show_detail(name, listed, api.setup.count_enabled(name), principal);
    Ok((etag(revision_of(listed, principal)), Json(detail)).into_response())
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
    let cursor = |(name, _): &(&ModuleName, &Listed)| name.to_string();
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
        Listed::Fixed(manifest) => (manifest.version == version).then(|| show_fixed(manifest)),
        Listed::Uploaded(module) => module.find_version(&version).map(show_uploaded),
    };
    shown.map(Json).ok_or_else(|| ApiError::not_found("version"))
}
