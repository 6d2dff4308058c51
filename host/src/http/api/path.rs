//! Path parameters that several endpoints share.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::id::{ChannelId, ModuleName};
use crate::http::error::ApiError;
use crate::http::error::refusals::INVALID_PATH;

/// A channel.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ChannelPath {
    /// The channel's id.
    #[param(format = "twitch-id", example = "100")]
    channel: String,
}

/// A module in a channel.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ChannelModulePath {
    /// The channel's id.
    #[param(format = "twitch-id", example = "100")]
    channel: String,
    /// The module's name.
    #[param(format = "module-name", example = "dice")]
    name: String,
}

/// A module.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ModulePath {
    /// The module's name.
    #[param(format = "module-name", example = "dice")]
    name: String,
}

/// A version of a module.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct VersionPath {
    /// The module's name.
    #[param(format = "module-name", example = "dice")]
    name: String,
    /// A semantic version.
    #[param(format = "version", example = "1.2.0")]
    version: String,
}

impl ChannelPath {
    pub(super) fn parse(&self) -> Result<ChannelId, ApiError> {
        parse_channel(&self.channel)
    }
}

impl ChannelModulePath {
    pub(super) fn parse(&self) -> Result<(ChannelId, ModuleName), ApiError> {
        let wrong = "A module's name is 1 to 32 lower-case letters, digits or hyphens, and starts with a letter.";
        let name = || self.name.parse().map_err(|_| ApiError::because(INVALID_PATH, wrong));
        Ok((parse_channel(&self.channel)?, name()?))
    }
}

impl ModulePath {
    pub(super) fn parse(&self) -> Result<ModuleName, ApiError> {
        parse_name(&self.name)
    }
}

impl VersionPath {
    pub(super) fn parse(&self) -> Result<(ModuleName, semver::Version), ApiError> {
        let wrong = "A version is a semantic version such as 1.2.0.";
        let version = || self.version.parse().map_err(|_| ApiError::because(INVALID_PATH, wrong));
        Ok((parse_name(&self.name)?, version()?))
    }
}

pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| ApiError::because(INVALID_PATH, "A channel's id is its broadcaster's Twitch id."))
}

fn parse_name(text: &str) -> Result<ModuleName, ApiError> {
    text.parse().map_err(|_| ApiError::because(INVALID_PATH, "That is no module's name."))
}
