//! Changes of versions: withdraw, restore, roll back, canary.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;

use super::answers::{find_listed, report, revision_of, show};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::version::Canary;
use crate::http::api::path::{ModulePath, VersionPath};
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path, Query};
use crate::http::request::precondition::IfMatch;
use crate::http::shapes::module::{ModuleDetail, NewCanary, RollbackWish};
use crate::http::state::Api;
use crate::modules::catalogue::CatalogueEntry;
use crate::modules::plan::Action;

/// A request to change the versions of the module in the path, with its caller.
pub(super) struct ChangeRequest {
    api: Arc<Api>,
    principal: Principal,
    /// Parsed by the handler, after query and body: what is wrong with those is refused first.
    path: ModulePath,
}

impl FromRequestParts<Arc<Api>> for ChangeRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let Path(path) = Path::<ModulePath>::from_request_parts(parts, api).await?;
        Ok(ChangeRequest { api: api.clone(), principal: Principal::of(&parts.extensions)?, path })
    }
}

impl ChangeRequest {
    async fn change(self, action: Action) -> Result<Response, ApiError> {
        self.change_if(action, |_| true).await
    }

    /// Changes versions if `is_unchanged` accepts the present state, reports to listeners, and answers with the module.
    async fn change_if(
        self,
        action: Action,
        is_unchanged: impl FnOnce(&CatalogueEntry) -> bool + Send + 'static,
    ) -> Result<Response, ApiError> {
        let ChangeRequest { api, principal, path } = self;
        let name: ModuleName = path.parse()?;
        let (by, stamp) = (principal.powers(), principal.stamp(api.now().wall));
        let transitions = api.versions.change(name.clone(), action, is_unchanged, by, stamp).await?;
        report(&api, &name, &transitions);
        show(&api, &name, &principal)
    }

    /// Only the operator may force a change, because it affects channels that are not the caller's.
    fn require_force(&self, force: bool) -> Result<(), ApiError> {
        if force { self.principal.require_operator() } else { Ok(()) }
    }
}

/// How something is withdrawn.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForceQuery {
    /// Even while channels run it; for the operator.
    #[serde(default)]
    #[param(default = false)]
    force: bool,
}

/// Withdraw a version
///
/// It is off the air everywhere at once, and never the latest; its bytes and its number stay taken. For the operator, and
/// for the key that the name belongs to.
#[utoipa::path(
    delete,
    path = "/api/v1/modules/{name}/versions/{version}",
    tag = "modules",
    params(VersionPath, ForceQuery),
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 403, description = "The name belongs to another key, or only the operator forces that."),
        (status = 409, description = "Channels run it, or it is no upload.")
    )
)]
pub(super) async fn withdraw_version(
    request: ChangeRequest,
    Path(path): Path<VersionPath>,
    Query(ForceQuery { force }): Query<ForceQuery>,
) -> Result<Response, ApiError> {
    let (_, version) = path.parse()?;
    request.require_force(force)?;
    request.change(Action::Withdraw { version, is_forced: force }).await
}

/// Withdraw a module
///
/// All of its versions, all at once. For the operator, and for the key that the name belongs to.
#[utoipa::path(
    delete,
    path = "/api/v1/modules/{name}",
    tag = "modules",
    params(ModulePath, ForceQuery),
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 403, description = "The name belongs to another key, or only the operator forces that."),
        (status = 409, description = "Channels run it, or it is no upload.")
    )
)]
pub(super) async fn withdraw_module(
    request: ChangeRequest,
    Query(ForceQuery { force }): Query<ForceQuery>,
) -> Result<Response, ApiError> {
    request.path.parse()?;
    request.require_force(force)?;
    request.change(Action::WithdrawAll { is_forced: force }).await
}

/// Restore a version
///
/// It is on the air again. For the operator, and for the key that the name belongs to.
#[utoipa::path(
    post,
    path = "/api/v1/modules/{name}/versions/{version}/restore",
    tag = "modules",
    params(VersionPath),
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 403, description = "The name belongs to another key."),
        (status = 409, description = "It is no upload.")
    )
)]
pub(super) async fn restore_version(
    request: ChangeRequest,
    Path(path): Path<VersionPath>,
) -> Result<Response, ApiError> {
    let (_, version) = path.parse()?;
    request.change(Action::Restore { version }).await
}

/// Roll a module back
///
/// Withdraws all versions above the one named, or above the one that was the latest before: every channel that follows the
/// latest is back on it at once, and the answer's `latest` says which it is. Where that one is not known or withdrawn, it is
/// the highest below the latest. Asked again, it goes further back.
#[utoipa::path(
    post,
    path = "/api/v1/modules/{name}/rollback",
    tag = "modules",
    params(ModulePath),
    request_body = RollbackWish,
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 409, description = "There is nothing to go back to, or it is no upload."),
        (status = 422, description = "That is no version.")
    )
)]
pub(super) async fn roll_back(request: ChangeRequest, Json(wish): Json<RollbackWish>) -> Result<Response, ApiError> {
    request.path.parse()?;
    let to = wish.to.map(|to| to.parse()).transpose();
    let to = to.map_err(|_| ApiError::wrong("to", "must be a semantic version such as 1.2.0"))?;
    request.change(Action::RollBack { to }).await
}

/// Try a version out
///
/// From now on only these channels have it, and all others the highest one beside it, which is to be an older one. One
/// version at a time is tried out: another one is to be promoted or dropped first.
#[utoipa::path(
    put,
    path = "/api/v1/modules/{name}/canary",
    tag = "modules",
    params(
        ModulePath,
        ("If-Match" = String, Header, description = "The ETag of the module that was read, or *.")
    ),
    request_body = NewCanary,
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 409, description = "The version is withdrawn or too old, another one is tried out, or the module is no upload."),
        (status = 422, description = "Such a canary cannot be.")
    )
)]
pub(super) async fn set_canary(
    request: ChangeRequest,
    if_match: IfMatch,
    Json(wanted): Json<NewCanary>,
) -> Result<Response, ApiError> {
    let name = request.path.parse()?;
    let version = wanted.version.parse();
    let version = version.map_err(|_| ApiError::wrong("version", "must be a semantic version such as 1.2.0"))?;
    let channels = parse_channels("channels", wanted.channels.iter().map(String::as_str))?;
    let catalogue = request.api.setup.catalogue();
    if_match.check(revision_of(find_listed(&catalogue, &name)?, &request.principal))?;
    let seen_by = request.principal.clone();
    // A concurrent change may come after the check above, so the change checks again.
    let is_unchanged = move |listed: &CatalogueEntry| if_match.check(revision_of(listed, &seen_by)).is_ok();
    request.change_if(Action::SetCanary(Canary { version, channels }), is_unchanged).await
}

pub(super) fn parse_channels<'a>(
    field: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<ChannelId>, ApiError> {
    let channels: Result<BTreeSet<_>, _> = ids.map(str::parse).collect();
    channels.map_err(|_| ApiError::wrong(field, "must be ids of channels"))
}

/// Promote the canary
///
/// It becomes a version like any other: the latest, where it is the highest.
#[utoipa::path(
    post,
    path = "/api/v1/modules/{name}/canary/promote",
    tag = "modules",
    params(ModulePath),
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 409, description = "There is no canary, or the module is no upload.")
    )
)]
pub(super) async fn promote_canary(request: ChangeRequest) -> Result<Response, ApiError> {
    request.change(Action::PromoteCanary).await
}

/// Drop the canary
///
/// It is withdrawn.
#[utoipa::path(
    delete,
    path = "/api/v1/modules/{name}/canary",
    tag = "modules",
    params(ModulePath),
    responses(
        (status = 200, description = "The module, as it is now.", body = ModuleDetail),
        (status = 409, description = "There is no canary, or the module is no upload.")
    )
)]
pub(super) async fn drop_canary(request: ChangeRequest) -> Result<Response, ApiError> {
    request.change(Action::DropCanary).await
}
