//! Converts errors of the lower rooms into refusals.

use std::time::Duration;

use tracing::error;

use super::refusals::*;
use super::{ApiError, sentence, whole_seconds};
use crate::chat::dispatch::call::CallError;
use crate::chat::dispatch::refusal;
use crate::domain::timestamp::write_timestamp;
use crate::http::request::echo::show_field;
use crate::http::shapes::problem::WrongValue;
use crate::modules::consent::ConsentError;
use crate::modules::refusal::ChangeVersionsError;
use crate::sandbox::call::{Blame, InvokeError};
use crate::setup::changing::ChangeSetupError;
use crate::setup::module_change::{ModuleChangeError, Problem};
use crate::store::StoreError;

/// `Retry-After` of a call or a change that lost to concurrent ones of the channel.
const BUSY_FOR: Duration = Duration::from_secs(1);

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed | StoreError::NotActing => NOT_READY.into(),
            StoreError::UnknownChannel => ApiError::no_channel(),
            StoreError::Database(_) | StoreError::RolledBack | StoreError::Amount => {
                error!(%error, "a request fails at the store");
                INTERNAL.into()
            }
        }
    }
}

impl From<ChangeSetupError> for ApiError {
    fn from(error: ChangeSetupError) -> Self {
        match error {
            ChangeSetupError::UnknownChannel => ApiError::no_channel(),
            ChangeSetupError::Busy => ApiError::busy(BUSY_FOR),
            // The failed reload has already logged it.
            ChangeSetupError::NotReloaded => INTERNAL.into(),
            ChangeSetupError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeVersionsError> for ApiError {
    fn from(error: ChangeVersionsError) -> Self {
        let refusal = match error {
            ChangeVersionsError::UnknownModule | ChangeVersionsError::UnknownVersion => NOT_FOUND,
            ChangeVersionsError::NotPublisher(_) => return FORBIDDEN.into(),
            ChangeVersionsError::Overtaken => return PRECONDITION_FAILED.into(),
            ChangeVersionsError::Store(error) => return error.into(),
            ChangeVersionsError::Save(_) => {
                error!(%error, "an upload fails");
                return INTERNAL.into();
            }
            ChangeVersionsError::NameReserved(_) => RESERVED_NAME,
            ChangeVersionsError::WordReserved { .. } => RESERVED_WORD,
            ChangeVersionsError::NameTaken(_) => NAME_TAKEN,
            ChangeVersionsError::VersionTaken { .. } => VERSION_EXISTS,
            ChangeVersionsError::Full(_) => FULL,
            ChangeVersionsError::NotUploaded(_) => NOT_UPLOADED,
            ChangeVersionsError::InUse { .. } => IN_USE,
            ChangeVersionsError::Withdrawn(_) => WITHDRAWN,
            ChangeVersionsError::NothingBefore => NOTHING_BEFORE,
            ChangeVersionsError::NoCanary => NO_CANARY,
            ChangeVersionsError::NoChannels => UNKNOWN_CHANNELS,
            ChangeVersionsError::CanaryExists(_) => CANARY_EXISTS,
            ChangeVersionsError::CanaryTooOld { .. } => CANARY_TOO_OLD,
        };
        ApiError::because(refusal, sentence(&error))
    }
}

impl From<ModuleChangeError> for ApiError {
    fn from(error: ModuleChangeError) -> Self {
        match error {
            ModuleChangeError::Consent(error) => error.into(),
            ModuleChangeError::UnknownModule => UNKNOWN_MODULE.into(),
            // `sentence` would capitalise the module's name, which is then no longer its name.
            ModuleChangeError::AlwaysOn(name) => {
                ApiError::because(ALWAYS_ON, format!("The module {name} is always on."))
            }
            ModuleChangeError::FixedGrants(_) => ApiError::because(FIXED_GRANTS, sentence(&error)),
            ModuleChangeError::WordTaken { word, module, other } => ApiError::because(
                WORD_TAKEN,
                format!(
                    "The module {module} would answer to {word}, which calls {other} here: give one of the two commands other \
                 words, in its aliases."
                ),
            ),
            ModuleChangeError::Unknown(problems) => refuse_settings(UNKNOWN_SETTING, &problems),
            ModuleChangeError::Invalid(problems) => refuse_settings(INVALID_SETTING, &problems),
        }
    }
}

impl From<ConsentError> for ApiError {
    fn from(error: ConsentError) -> Self {
        let refusal = match error {
            ConsentError::UnknownVersion(_) => UNKNOWN_VERSION,
            ConsentError::Withdrawn(_) => VERSION_WITHDRAWN,
            ConsentError::NoVersion => NO_VERSION,
            ConsentError::NotDue(_) => VERSION_NOT_DUE,
            ConsentError::NothingBefore => NOTHING_BEFORE,
            ConsentError::NeedsOperator(_) => NEEDS_OPERATOR,
            ConsentError::NeedsGrant(_) => NEEDS_GRANT,
            ConsentError::SizeClass => SIZE_CLASS_NOT_ALLOWED,
            ConsentError::NotRequested(_) => NOT_REQUESTED,
        };
        ApiError::because(refusal, sentence(&error))
    }
}

fn refuse_settings(refusal: &'static Refusal, problems: &[Problem]) -> ApiError {
    let errors: Vec<WrongValue> = problems.iter().map(WrongValue::from).collect();
    let lines: Vec<String> = errors.iter().map(|wrong| format!("{} {}", wrong.field, wrong.detail)).collect();
    ApiError::because(refusal, format!("Not as the module has it: {}.", lines.join("; "))).with_errors(errors)
}

impl From<&Problem> for WrongValue {
    fn from(problem: &Problem) -> WrongValue {
        WrongValue { field: show_field(&problem.key), detail: format!("should be {}", problem.expected) }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownChannel => UNKNOWN_CHANNEL.into(),
            CallError::UnknownWord => UNKNOWN_COMMAND.into(),
            CallError::TooLong => ARGUMENTS_TOO_LONG.into(),
            CallError::Refused(refusal) => refusal.into(),
            CallError::Busy => ApiError::because(BUSY, "Too many calls at once.").retry_after(BUSY_FOR),
            CallError::Broken(InvokeError::NotActing) => {
                ApiError::because(NOT_READY, "Another process acts for this channel.")
            }
            CallError::Broken(error) => match error.blame() {
                Blame::Guest => ApiError::because(
                    MODULE_BROKE,
                    format!("Nothing was changed: {}. The module's own log says more.", error.reason()),
                ),
                Blame::Host => INTERNAL.into(),
            },
        }
    }
}

impl From<refusal::Refusal> for ApiError {
    fn from(refusal: refusal::Refusal) -> Self {
        match refusal {
            refusal::Refusal::Role => ROLE_TOO_LOW.into(),
            refusal::Refusal::Muted => MUTED.into(),
            refusal::Refusal::Blown(None) => FUSE_BLOWN.into(),
            refusal::Refusal::Blown(Some(until)) => ApiError::because(
                FUSE_BLOWN,
                format!("The module broke too often: it is off here until {}.", write_timestamp(until)),
            ),
            refusal::Refusal::Cooldown(left) => {
                let seconds = whole_seconds(left);
                ApiError::because(COOLDOWN, format!("The command's cooldown ends in {seconds} s.")).retry_after(left)
            }
            refusal::Refusal::Ignored(left) => {
                let seconds = whole_seconds(left);
                let detail = format!("The module broke at this chatter's calls: it ignores them for {seconds} s.");
                ApiError::because(CHATTER_IGNORED, detail).retry_after(left)
            }
        }
    }
}
