//! What requests about modules say besides a name.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::shapes::module::Class;

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
