//! Shared by the endpoints of modules: their answer, its revision, and the report of a change.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::response::{IntoResponse, Response};

use super::shown::{list_seen, show_detail};
use crate::domain::effect::Revision;
use crate::domain::id::ModuleName;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::request::body::Json;
use crate::http::request::precondition::etag;
use crate::http::state::Api;
use crate::modules::catalogue::{Catalogue, CatalogueEntry};
use crate::modules::plan::Transitions;
use crate::telemetry::HostEvent;

/// Reports the new states of versions to listeners, as events of the whole host.
pub(super) fn report(api: &Api, name: &ModuleName, transitions: &Transitions) {
    for (version, fate) in transitions {
        let (module, version, change) = (name.clone(), version.clone(), *fate);
        api.telemetry.note(HostEvent::Module { module, version, channel: None, change });
    }
}

/// Differs after every change of the module's versions. Only a canary's channels that `principal` may see are hashed:
/// from a hash of all, a caller could find out the others by guessing.
pub(super) fn revision_of(listed: &CatalogueEntry, principal: &Principal) -> Revision {
    let module = match listed {
        CatalogueEntry::Fixed(manifest) => return hash(manifest.digest.0),
        CatalogueEntry::Uploaded(module) => module,
    };
    let versions = module.versions.iter().map(|version| (version.manifest.digest.0, version.withdrawn_at));
    let canary = module.canary.as_ref().map(|canary| (&canary.version, list_seen(canary, principal)));
    hash((versions.collect::<Vec<_>>(), canary))
}

/// The hasher's keys are fixed, so an ETag that was read before a restart stays valid.
fn hash(shown: impl Hash) -> Revision {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    Revision(hasher.finish())
}

pub(super) fn find_listed<'a>(catalogue: &'a Catalogue, name: &ModuleName) -> Result<&'a CatalogueEntry, ApiError> {
    catalogue.find(name).ok_or_else(|| ApiError::not_found("module"))
}

/// Answers with the module's present state.
pub(super) fn show(api: &Api, name: &ModuleName, principal: &Principal) -> Result<Response, ApiError> {
    let catalogue = api.setup.catalogue();
    let listed = find_listed(&catalogue, name)?;
    let detail = show_detail(name, listed, api.setup.count_enabled(name), principal);
    Ok((etag(revision_of(listed, principal)), Json(detail)).into_response())
}
