//! API keys without the API: made, listed and revoked in the store, by a running host or by the command line.

use std::str::FromStr;

use anyhow::{anyhow, bail};
use secrecy::ExposeSecret;

use crate::domain::audit::Stamp;
use crate::domain::channel_name::{ChannelName, find_by_login};
use crate::domain::principal::{KeyId, KeyScope};
use crate::http::api::keys::{make_key, show_key};
use crate::http::entropy::SystemEntropy;
use crate::http::key::KeySecret;
use crate::http::shapes::key::{Key, NewKey};
use crate::http::shapes::problem::WrongValue;
use crate::store::Store;
use crate::store::host::api_keys::{KeyGuard, Revoked};

/// Keys per page.
const PAGE: usize = 100;
/// Why a channel may be unknown.
const REASON: &str = "the host learns of a channel when the bot first joins it; before that, its Twitch id names it";

/// Returns the secret of the new key, and the key.
pub async fn create_key(store: &Store, mut wanted: NewKey, stamp: Stamp) -> anyhow::Result<(String, Key)> {
    for scope in &mut wanted.scopes {
        if let Some(id) = find_scope(store, scope).await? {
            *scope = id.to_string();
        }
    }
    let secret = KeySecret::make(&SystemEntropy);
    let key = make_key(&secret, &wanted, stamp.at).map_err(|wrong| anyhow!(list_wrong(&wrong)))?;
    store.host.save_api_key(key.clone(), stamp).await?;
    Ok((secret.reveal().expose_secret().to_owned(), show_key(&key, None)))
}

/// The scope with the channel's id, if `text` names the channel by its login.
async fn find_scope(store: &Store, text: &str) -> anyhow::Result<Option<KeyScope>> {
    match text.strip_prefix("channel:").map(ChannelName::from_str) {
        Some(Ok(ChannelName::Login(login))) => {
            let channel = find_by_login(&login, REASON, &store.list_known_channels().await?)?;
            Ok(Some(KeyScope::Channel(channel)))
        }
        // `make_key` reports a wrong scope together with all other errors.
        _ => Ok(None),
    }
}

/// A page of keys, the oldest first, and the id that requests the next page.
pub async fn list_keys(store: &Store, after: Option<&str>) -> anyhow::Result<(Vec<Key>, Option<String>)> {
    let after: Option<KeyId> = after.map(str::parse).transpose()?;
    let keys = store.host.list_api_keys(after.as_ref(), PAGE).await?;
    let next = keys.last().filter(|_| keys.len() == PAGE).map(|key| key.id.to_string());
    Ok((keys.iter().map(|key| show_key(key, None)).collect(), next))
}

pub async fn revoke_key(store: &Store, id: &str, stamp: Stamp) -> anyhow::Result<Key> {
    let id: KeyId = id.parse()?;
    // Even the last operator key may be revoked: an operator on this machine can make another.
    match store.host.revoke_api_key(id.clone(), KeyGuard::None, stamp).await? {
        Revoked::Done(key) => Ok(show_key(&key, None)),
        Revoked::Unknown | Revoked::Refused => bail!("there is no key {id}; `twitchy api-key list` lists all"),
    }
}

fn list_wrong(wrong: &[WrongValue]) -> String {
    let lines: Vec<String> = wrong.iter().map(|wrong| format!("{} {}", wrong.field, wrong.detail)).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::ports::Clock;
    use crate::store::fixture::{CHANNEL, Fixture};

    fn wanted(scopes: &[&str]) -> NewKey {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        NewKey { name: "shop".to_owned(), scopes, role: None, expires_at: None }
    }

    fn stamp(at: SystemTime) -> Stamp {
        Stamp { by: Actor::CommandLine { system_user: Some("root (uid 0)".into()) }, at, address: None }
    }

    #[tokio::test]
    async fn a_scope_names_its_channel_by_id_or_by_login() {
        let fixture = Fixture::with_channel().await;
        let stamp = stamp(fixture.clock.now().wall);
        let id = format!("channel:{CHANNEL}");
        let login = fixture.store.list_known_channels().await.unwrap()[0].login.to_string();
        for scopes in [
            &[format!("channel:{login}").as_str(), "operator"][..],
            &[format!("channel:#{login}").as_str(), "operator"],
            &[&id, "operator"],
        ] {
            let (_, key) = create_key(&fixture.store, wanted(scopes), stamp.clone()).await.unwrap();
            assert_eq!(key.scopes, ["operator", &id], "{scopes:?}");
        }
        let refuse = async |scope: &str| create_key(&fixture.store, wanted(&[scope]), stamp.clone()).await.unwrap_err();
        let told = refuse("channel:nowhere").await.to_string();
        assert!(told.starts_with("there is no channel #nowhere: the host learns of a channel"), "{told}");
        assert!(told.contains(&format!("#{login} ({CHANNEL})")), "{told}");
        let told = refuse("chanel:1").await.to_string();
        assert!(told.starts_with("scopes must be") && !told.contains("; "), "{told}");
    }

    #[tokio::test]
    async fn keys_are_listed_page_by_page_and_revoked_by_their_id() {
        let fixture = Fixture::empty();
        let stamp = stamp(fixture.clock.now().wall);
        for _ in 0..=PAGE {
            create_key(&fixture.store, wanted(&["operator"]), stamp.clone()).await.unwrap();
        }
        let (first, next) = list_keys(&fixture.store, None).await.unwrap();
        let (second, end) = list_keys(&fixture.store, next.as_deref()).await.unwrap();
        assert_eq!((first.len(), second.len(), end), (PAGE, 1, None));
        let revoked = revoke_key(&fixture.store, &second[0].id, stamp.clone()).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        let unknown = revoke_key(&fixture.store, "ffffffffffff", stamp.clone()).await.unwrap_err();
        assert!(unknown.to_string().starts_with("there is no key ffffffffffff"), "{unknown}");
        assert!(revoke_key(&fixture.store, "x", stamp).await.is_err());
    }
}
