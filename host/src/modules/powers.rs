//! What whoever asks over the API may allow.

use crate::domain::manifest::Capability;
use crate::domain::principal::KeyId;
use crate::domain::version::UploadedModule;

/// Who asks. Neither is a chatter, and both act with the role of the broadcaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Powers {
    /// Of one channel.
    Creator,
    Operator,
}

impl Powers {
    /// What reaches beyond the channel, or makes currency, is the operator's to allow.
    pub fn may_grant(self, capability: Capability) -> bool {
        let needs_operator =
            matches!(capability, Capability::Channels | Capability::Settings | Capability::Treasury | Capability::Http);
        self == Powers::Operator || !needs_operator
    }
    /// Whether the caller with this key may change the versions of the module: its name belongs to the key that published it
    /// first.
    pub(super) fn may_change_versions(self, module: &UploadedModule, key: Option<&KeyId>) -> bool {
        self == Powers::Operator || key.is_some() && module.publisher.as_ref() == key
    }
}
