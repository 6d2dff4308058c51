//! The value of `--channel`: a channel's id, or its login, which is resolved over the API.

use anyhow::Context;

use super::api_client::{ANOTHER_VERSION, ApiClient};
use crate::domain::channel_name::{ChannelName, FindChannelError, find_by_login};
use crate::domain::id::ChannelId;
use crate::domain::message::Channel;
use crate::http::shapes;

/// Why the API may not list an existing channel, for the error message.
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

/// The ids are in the order of `names`.
pub(super) async fn find_channel_ids(names: &[ChannelName], client: &ApiClient) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(find_channel_id(name, client).await?.to_string());
    }
    Ok(ids)
}

async fn list_channels(client: &ApiClient, path: &str) -> anyhow::Result<Vec<Channel>> {
    let listed: Vec<shapes::channel::Channel> = client.list(path).await?;
    let read = |channel: &shapes::channel::Channel| {
        let (id, login) = (channel.id.parse().ok()?, channel.login.parse().ok()?);
        Some(Channel { id, login, display_name: channel.display_name.as_str().into() })
    };
    listed.iter().map(read).collect::<Option<_>>().context(ANOTHER_VERSION)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::api_client::tests::with_json_host;

    #[tokio::test]
    async fn a_channel_is_found_by_its_id_and_its_names_alone() {
        let body = json!({ "items": [{ "id": "100", "login": "shop", "display_name": "Shop" }] });
        let shop = "shop".parse().unwrap();
        let found = with_json_host(&body, async |client| find_channel_id(&shop, client).await).await;
        assert_eq!(found.unwrap().to_string(), "100");
    }
}
