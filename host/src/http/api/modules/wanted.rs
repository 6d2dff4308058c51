//! What requests about modules say besides a name.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::kinds::Class;

/// How a component is uploaded.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// `large` is for components with a JavaScript or Python runtime.
    #[serde(default)]
    #[param(inline)]
    pub(super) class: Class,
    /// The ids of the channels, with commas between, that are to have the version before all others: its canary from the
    /// first moment. For the operator.
    #[param(format = "twitch-ids", example = "100,200")]
    pub(super) canary: Option<String>,
}

/// How something is withdrawn.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForceQuery {
    /// Even while channels run it; for the operator.
    #[serde(default)]
    #[param(default = false)]
    pub(super) force: bool,
}

/// How far to roll back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollbackWish {
    /// The version to go back to; without it, the one that was the latest before.
    #[schema(format = "version", example = "1.1.0")]
    pub(super) to: Option<String>,
}

/// A version to try out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCanary {
    /// Which to try out.
    #[schema(format = "version", example = "1.3.0")]
    pub(super) version: String,
    /// The ids of the channels that are to have it.
    #[schema(min_items = 1, format = "twitch-id", example = json!(["100"]))]
    pub(super) channels: Vec<String>,
}
