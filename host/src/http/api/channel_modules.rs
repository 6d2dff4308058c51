//! A channel's modules: enabled or not, their versions, grants and settings.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::path::{ChannelModulePath, ChannelPath};
use crate::domain::id::ModuleName;
use crate::domain::report::Transition;
use crate::domain::role::Role;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path};
use crate::http::request::paging::{Page, PageQuery};
use crate::http::request::precondition::{IfMatch, etag};
use crate::http::shapes::channel_module::{ChannelModule, ChannelModuleState, StepBack, WantedModule};
use crate::http::shapes::page::Listed;
use crate::http::state::Api;
use crate::modules::is_always_on;
use crate::setup::change::check_disable;
use crate::setup::changing::Changed;
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::setup::module_change::roll_back::check_roll_back;
use crate::setup::module_change::{ModuleChangeError, check_module_change, require_module};
use crate::telemetry::HostEvent;

mod secrets;
mod shown;
mod wanted;

use shown::show_state;
use wanted::{into_change, parse_target};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list_modules))
        .routes(routes!(show_module, put_module, disable_module))
        .routes(routes!(roll_back))
}

async fn answer(api: &Api, setup: &ChannelSetup, name: &ModuleName) -> Result<Response, ApiError> {
    let module = shown::show(api, setup, require_module(setup, name)?).await?;
    Ok((etag(setup.revision), Json(module)).into_response())
}

/// List a channel's modules
///
/// Every module of the host, by name, and how it is in this channel.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{channel}/modules",
    operation_id = "list_channel_modules",
    tag = "channels",
    params(ChannelPath, PageQuery),
    responses((status = 200, description = "A page of modules.", body = Listed<ChannelModuleState>))
)]
async fn list_modules(
    State(api): State<Arc<Api>>,
    Path(path): Path<ChannelPath>,
    page: Page,
) -> Result<Json<Listed<ChannelModuleState>>, ApiError> {
    let setup = api.find_channel(path.parse()?)?;
    let after: Option<ModuleName> = page.parse_cursor()?;
    let modules = setup.modules().filter(|module| after.as_ref().is_none_or(|after| module.manifest.name > *after));
    let modules = modules.take(page.limit + 1).collect();
    let cursor = |module: &&ModuleSetup| module.manifest.name.to_string();
    Ok(Json(page.cut(modules, cursor, |module| show_state(&api, &setup, module))))
}

/// Show a channel's module
///
/// `enabled`, `version`, `grants`, `settings` and `commands` are as a PUT takes them: sending them back changes nothing.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{channel}/modules/{name}",
    operation_id = "show_channel_module",
    tag = "channels",
    params(ChannelModulePath),
    responses(
        (status = 200, description = "The module; its ETag is for If-Match.", body = ChannelModule),
        (status = 409, description = "Every version of it is withdrawn, and the channel has said nothing of it.")
    )
)]
async fn show_module(State(api): State<Arc<Api>>, Path(path): Path<ChannelModulePath>) -> Result<Response, ApiError> {
    let (channel, name) = path.parse()?;
    answer(&api, &api.find_channel(channel)?, &name).await
}

/// Set a module up in a channel
///
/// The whole state that is wanted; what is left out is as the module's author made it, but for grants and secrets, which
/// stay. All of it is done, or nothing.
#[utoipa::path(
    put,
    path = "/api/v1/channels/{channel}/modules/{name}",
    tag = "channels",
    params(
        ChannelModulePath,
        ("If-Match" = String, Header, description = "The ETag that was read, or *.")
    ),
    request_body = WantedModule,
    responses(
        (status = 200, description = "The module as it is now.", body = ChannelModule),
        (status = 403, description = "The API key does not open this, or only the operator grants that."),
        (status = 409, description = "A word is another module's, a grant is missing, or the module stays as it is."),
        (status = 422, description = "A setting or another value cannot be.")
    )
)]
async fn put_module(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(path): Path<ChannelModulePath>,
    if_match: IfMatch,
    Json(wanted): Json<WantedModule>,
) -> Result<Response, ApiError> {
    let (channel, name) = path.parse()?;
    let before = api.find_channel(channel)?;
    if_match.check(before.revision)?;
    require_module(&before, &name)?;
    let (wanted, secrets) = into_change(wanted)?;
    let by = principal.powers();
    let plan = async |setup: ChannelSetup| {
        if_match.check(setup.revision)?;
        let mut effects = check_module_change(&setup, by, &name, &wanted)?;
        let after = setup.apply_all(&effects);
        effects.extend(secrets::seal_all(&api, channel, require_module(&after, &name)?, &secrets).await?);
        Ok::<_, ApiError>(effects)
    };
    let stamp = principal.stamp(api.now().wall);
    let changed = api.setup.change_reading(channel, stamp, plan).await?;
    report_and_answer(&api, &changed, &name).await
}

/// Disable a module in a channel
///
/// Its grants, settings and storage stay for when it is enabled again.
#[utoipa::path(
    delete,
    path = "/api/v1/channels/{channel}/modules/{name}",
    tag = "channels",
    params(ChannelModulePath),
    responses(
        (status = 200, description = "The module, which is off now.", body = ChannelModule),
        (status = 409, description = "The module is always on, or there is nothing of it to disable.")
    )
)]
async fn disable_module(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(path): Path<ChannelModulePath>,
) -> Result<Response, ApiError> {
    let (channel, name) = path.parse()?;
    let plan = |setup: &ChannelSetup| {
        require_module(setup, &name)?;
        if is_always_on(&name) {
            return Err(ModuleChangeError::AlwaysOn(name.clone()).into());
        }
        let effect = check_disable(setup, Role::Broadcaster, name.as_str());
        Ok::<_, ApiError>(effect.map_err(|_| ModuleChangeError::UnknownModule)?.into_iter().collect())
    };
    let changed = api.setup.change(channel, principal.stamp(api.now().wall), plan).await?;
    report_and_answer(&api, &changed, &name).await
}

/// Take a module back to an earlier version in a channel
///
/// The channel stays on that version from now on: the answer's `version`. It is the one named, or the one that ran here
/// before. Where that is not known, is withdrawn, or may not run with what is granted, it is the highest below the present
/// one that may. Asked again, it goes further back; 409 says that there is nothing further back. Everywhere at once it is done by the module's own rollback.
#[utoipa::path(
    post,
    path = "/api/v1/channels/{channel}/modules/{name}/rollback",
    operation_id = "roll_back_channel_module",
    tag = "channels",
    params(ChannelModulePath),
    request_body = StepBack,
    responses(
        (status = 200, description = "The module, pinned to that version.", body = ChannelModule),
        (status = 409, description = "There is no such version that may run here."),
        (status = 422, description = "There is no such version.")
    )
)]
async fn roll_back(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(path): Path<ChannelModulePath>,
    Json(wanted): Json<StepBack>,
) -> Result<Response, ApiError> {
    let (channel, name) = path.parse()?;
    let to = parse_target(&wanted)?;
    let plan = async |setup: ChannelSetup| {
        let left = api.store.list_previous(channel, &name).await?;
        Ok::<_, ApiError>(check_roll_back(&setup, &name, to.as_ref(), &left)?)
    };
    let stamp = principal.stamp(api.now().wall);
    let changed = api.setup.change_reading(channel, stamp, plan).await?;
    report_and_answer(&api, &changed, &name).await
}

/// Reports the change to listeners, and answers with the module.
async fn report_and_answer(api: &Api, changed: &Changed, name: &ModuleName) -> Result<Response, ApiError> {
    report(api, changed, name);
    answer(api, &changed.after, name).await
}

/// Reports to listeners whether the module was enabled, disabled, restored or switched to another version.
fn report(api: &Api, Changed { before, after }: &Changed, name: &ModuleName) {
    let now = api.now().wall;
    let (Some(was), Some(is)) = (before.find_module(name), after.find_module(name)) else { return };
    let runs = |module: &ModuleSetup| module.is_running() && !module.is_blown(now);
    let change = match (runs(was), runs(is)) {
        (false, true) if was.blown.is_some() => Transition::Restored,
        (false, true) => Transition::Enabled,
        (true, false) => Transition::Disabled,
        (true, true) if was.manifest.digest != is.manifest.digest => Transition::Switched,
        _ => return,
    };
    let (module, version) = (name.clone(), is.manifest.version.clone());
    api.telemetry.note(HostEvent::Module { module, version, channel: Some(after.channel.id), change });
}
