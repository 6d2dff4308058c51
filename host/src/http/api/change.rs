//! What endpoints that read or change a channel's set-up share.

use crate::domain::id::{ChannelId, ModuleName};
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::refusals::INVALID_PATH;
use crate::setup::channel::ChannelSetup;

pub(super) fn find_channel(api: &Api, channel: ChannelId) -> Result<ChannelSetup, ApiError> {
    api.setup.find_channel(channel).ok_or_else(ApiError::no_channel)
}

pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| INVALID_PATH.because("A channel's id is its broadcaster's Twitch id."))
}

pub(super) fn parse_module(text: &str) -> Result<ModuleName, ApiError> {
    let wrong = "A module's name is 1 to 32 lower-case letters, digits or hyphens, and starts with a letter.";
    text.parse().map_err(|_| INVALID_PATH.because(wrong))
}
