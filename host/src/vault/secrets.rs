//! The port `Secrets`: loads secrets from the store and opens them with the vault.

use std::sync::Arc;

use super::{Sealer, SecretId};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::ports::{FindSecretError, FindingSecret, Secrets};
use crate::store::Store;

/// The secret settings of all channels.
pub struct StoredSecrets {
    store: Arc<Store>,
    sealer: Arc<Sealer>,
}

impl StoredSecrets {
    pub fn new(store: Arc<Store>, sealer: Arc<Sealer>) -> StoredSecrets {
        StoredSecrets { store, sealer }
    }
}

impl Secrets for StoredSecrets {
    fn find_secret<'a>(&'a self, channel: ChannelId, module: &'a ModuleName, key: &'a str) -> FindingSecret<'a> {
        Box::pin(async move {
            let sealed = self.store.load_secret(channel, module, key).await;
            let sealed = sealed.map_err(|error| FindSecretError(error.to_string()))?;
            let open = |sealed: Vec<u8>| self.sealer.open(SecretId { channel, module, key }, &sealed);
            sealed.map(open).transpose().map_err(|error| FindSecretError(error.to_string()))
        })
    }
}
