//! The powers of an API caller.

use crate::domain::manifest::Capability;
use crate::domain::principal::CallerId;
use crate::domain::version::UploadedModule;

/// The caller as a creator or the operator. Neither is a chatter, and both act with the role of the broadcaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Powers {
    /// The creator of one channel.
    Creator,
    Operator,
}

impl Powers {
    /// Only the operator may grant a capability that reaches beyond the channel or mints currency.
    pub fn may_grant(self, capability: Capability) -> bool {
        let needs_operator =
            matches!(capability, Capability::Channels | Capability::Settings | Capability::Treasury | Capability::Http);
        self == Powers::Operator || !needs_operator
    }

    /// Whether a caller may change the module's versions: the module belongs to the caller who published it first.
    pub(super) fn may_change_versions(self, module: &UploadedModule, caller: Option<&CallerId>) -> bool {
        self == Powers::Operator || caller.is_some() && module.publisher.as_ref() == caller
    }
}
