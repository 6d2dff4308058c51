//! Secret settings: sealed when they are entered, and never shown.

use std::collections::BTreeMap;

use tracing::error;

use crate::domain::effect::{Effect, SecretEffect};
use crate::domain::id::ChannelId;
use crate::domain::manifest::SettingKind;
use crate::http::error::ApiError;
use crate::http::error::refusals::INTERNAL;
use crate::http::state::Api;
use crate::setup::module::ModuleSetup;
use crate::setup::module_change::{ModuleChangeError, Problem};
use crate::vault::SecretId;
use crate::vault::error::{SECRET_TEXT, SealError};

/// The changed secrets by key; `None` deletes the secret.
pub(super) type Secrets = BTreeMap<String, Option<secrecy::SecretString>>;

/// The effects that save or delete `secrets`. Deletion works even if the module no longer declares the setting.
pub(super) async fn seal_all(
    api: &Api,
    channel: ChannelId,
    module: &ModuleSetup,
    secrets: &Secrets,
) -> Result<Vec<Effect>, ApiError> {
    if secrets.is_empty() {
        return Ok(Vec::new());
    }
    let name = &module.manifest.name;
    let stored = api.store.list_secret_keys(channel, name).await?;
    let declared =
        |key: &str| module.manifest.find_setting(key).is_some_and(|setting| setting.kind == SettingKind::Secret);
    let is_known = |key: &str, is_set: bool| declared(key) || !is_set && stored.iter().any(|there| there == key);
    let problem = |key: &str, expected: &str| Problem { key: format!("secrets.{key}"), expected: expected.to_owned() };
    let unknown = secrets.iter().filter(|(key, secret)| !is_known(key, secret.is_some()));
    let unknown: Vec<Problem> = unknown.map(|(key, _)| problem(key, "one of its secret settings")).collect();
    if !unknown.is_empty() {
        return Err(ModuleChangeError::Unknown(unknown).into());
    }
    let mut effects = Vec::new();
    for (key, secret) in secrets {
        let sealed = match secret {
            Some(secret) => {
                let sealed = api.sealer.seal(SecretId { channel, module: name, key }, secret);
                Some(sealed.map_err(|error| refuse(&error, problem(key, SECRET_TEXT)))?)
            }
            None if stored.contains(key) => None,
            None => continue,
        };
        effects.push(Effect::Secret(name.clone(), SecretEffect::Change { key: key.clone(), sealed }));
    }
    Ok(effects)
}

fn refuse(error: &SealError, of_text: Problem) -> ApiError {
    match error {
        SealError::Secret => ModuleChangeError::Invalid(vec![of_text]).into(),
        error => {
            error!(%error, "a secret cannot be sealed");
            INTERNAL.into()
        }
    }
}
