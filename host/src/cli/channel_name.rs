//! `--channel`: a channel by its id, or by its login, which is looked up over the API.

use anyhow::Context;
use serde_json::Value;

use super::api_client::{ANOTHER_VERSION, ApiClient};
use crate::domain::channel_name::{ChannelName, FindChannelError, find_by_login};
use crate::domain::id::ChannelId;
use crate::domain::message::Channel;

/// Why a channel may be missing from what a key is shown.
const REASON: &str = "the host knows a channel once the bot was in it, and a key only those that it opens";

/// # Errors
/// The host knows no channel, or several, by this login.
pub(super) async fn find_channel_id(name: &ChannelName, client: &ApiClient) -> anyhow::Result<ChannelId> {
    let login = match name {
        ChannelName::Id(id) => return Ok(*id),
        ChannelName::Login(login) => login,
    };
    let found = list_channels(client, &format!("/api/v1/channels?login={login}")).await?;
    if found.is_empty() {
        let known = list_channels(client, "/api/v1/channels").await?;
        return Err(FindChannelError::unknown(login, REASON, &known).into());
    }
    Ok(find_by_login(login, REASON, &found)?)
}

/// In the order of the names.
pub(super) async fn find_channel_ids(names: &[ChannelName], client: &ApiClient) -> anyhow::Result<Vec<ChannelId>> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(find_channel_id(name, client).await?);
    }
    Ok(ids)
}

async fn list_channels(client: &ApiClient, path: &str) -> anyhow::Result<Vec<Channel>> {
    let listed = client.list(path).await?;
    listed.iter().map(read_channel).collect::<Option<_>>().context(ANOTHER_VERSION)
}

fn read_channel(channel: &Value) -> Option<Channel> {
    let text = |field: &str| channel[field].as_str();
    Some(Channel {
        id: text("id")?.parse().ok()?,
        login: text("login")?.parse().ok()?,
        display_name: text("display_name")?.into(),
    })
}
