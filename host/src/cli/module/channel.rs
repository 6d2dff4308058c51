//! `--channel`: by its id, or by the login that whoever types knows.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use serde_json::Value;

use crate::cli::api_client::ApiClient;
use crate::domain::id::{ChannelId, Login, ParseIdError};

/// Of the channels that there are, so many are named to whoever mistyped one.
const MOST_NAMED: usize = 10;

/// A channel, as it was typed. Digits alone are an id, since a command that names one shall not depend on who bears which
/// login today; a login of digits alone is written `#123`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChannelName {
    Id(ChannelId),
    Login(Login),
}

impl FromStr for ChannelName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if let Some(login) = text.strip_prefix('#') {
            return login.parse().map(ChannelName::Login);
        }
        match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map(ChannelName::Id),
            false => text.parse().map(ChannelName::Login),
        }
    }
}

/// As it is typed again: without the `#`, at which a shell begins a comment, where it is not needed.
impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelName::Id(id) => id.fmt(f),
            ChannelName::Login(login) if login.as_str().bytes().all(|byte| byte.is_ascii_digit()) => {
                write!(f, "'#{login}'")
            }
            ChannelName::Login(login) => login.fmt(f),
        }
    }
}

impl ChannelName {
    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            ChannelName::Id(id) => format!("channel {id}"),
            ChannelName::Login(login) => format!("#{login}"),
        }
    }

    /// # Errors
    /// Where the host knows no channel, or several, by this login.
    pub(super) async fn find_id(&self, client: &ApiClient) -> anyhow::Result<ChannelId> {
        let login = match self {
            ChannelName::Id(id) => return Ok(*id),
            ChannelName::Login(login) => login,
        };
        let found = client.list(&format!("/api/v1/channels?login={login}")).await?;
        match found.as_slice() {
            [] => bail!(explain_unknown(login, &client.list("/api/v1/channels").await?)),
            [channel] => match channel["id"].as_str().and_then(|id| id.parse().ok()) {
                Some(id) => Ok(id),
                None => bail!("the host answers in another version's words"),
            },
            several => {
                let ids: Vec<&str> = several.iter().filter_map(|channel| channel["id"].as_str()).collect();
                bail!(
                    "#{login} is the name of more than one channel that the bot was in; say which: {}",
                    ids.join(", ")
                )
            }
        }
    }

    pub(super) async fn find_ids(names: &[ChannelName], client: &ApiClient) -> anyhow::Result<Vec<ChannelId>> {
        let mut ids = Vec::new();
        for name in names {
            ids.push(name.find_id(client).await?);
        }
        Ok(ids)
    }
}

/// `all` is what the key opens.
fn explain_unknown(login: &Login, all: &[Value]) -> String {
    let mut told: Vec<String> = all.iter().take(MOST_NAMED).map(name_channel).collect();
    if all.len() > MOST_NAMED {
        told.push(format!("{} more", all.len() - MOST_NAMED));
    }
    let there = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    format!(
        "there is no channel #{login}: the bot has not joined it yet, or this key does not open it. The host knows a channel \
         once the bot was in it; those of this key: {there}"
    )
}

fn name_channel(channel: &Value) -> String {
    let text = |field: &str| channel[field].as_str().unwrap_or_default().escape_debug().to_string();
    format!("#{} ({})", text("login"), text("id"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_are_an_id_and_all_else_is_a_login() {
        let parse = |text: &str| text.parse::<ChannelName>().map(|name| (format!("{name:?}"), name.to_string()));
        let id = ("Id(ChannelId(304492041))".to_owned(), "304492041".to_owned());
        assert_eq!(parse("304492041"), Ok(id));
        let shop = Ok((r#"Login(Login("shop"))"#.to_owned(), "shop".to_owned()));
        assert_eq!((parse("shop"), parse("#shop"), parse("#Shop")), (shop.clone(), shop.clone(), shop));
        assert_eq!(parse("#123"), Ok((r#"Login(Login("123"))"#.to_owned(), "'#123'".to_owned())));
        for bad in ["", "#", "a b", "##a", "007", "a/b", "#a?x=1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_names_an_unknown_channel_is_told_which_there_are() {
        let login = "shop".parse().unwrap();
        assert!(explain_unknown(&login, &[]).ends_with("those of this key: none"));
        let channel = |number: u64| json!({ "id": number.to_string(), "login": format!("cafe{number}") });
        let told = explain_unknown(&login, &(0..12).map(channel).collect::<Vec<_>>());
        assert!(told.contains("no channel #shop") && told.ends_with("#cafe9 (9), 2 more"), "{told}");
    }
}
