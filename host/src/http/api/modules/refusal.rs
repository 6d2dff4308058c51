//! Why a component, a module or a change of its versions is refused, in the API's words.

use std::time::Duration;

use tracing::error;

use crate::domain::manifest::SizeClass;
use crate::http::error::{ApiError, Refusal};
use crate::modules::refusal::ChangeVersionsError;
use crate::sandbox::call::{Blame, InvokeError};
use crate::sandbox::compile::error::CompileError;

/// After which an upload is worth another try.
pub(super) const BUSY_FOR: Duration = Duration::from_secs(5);

/// What to do about a component that is too much for its size class, as the end of a sentence.
pub(super) fn find_hint(size: SizeClass, is_large_allowed: bool) -> &'static str {
    match (size, is_large_allowed) {
        (SizeClass::Large, _) => "",
        (SizeClass::Small, true) => {
            "; one of the size class large may be and take more: push it with --large (?class=large)"
        }
        (SizeClass::Small, false) => {
            "; one of the size class large may be and take more, where the operator allows it ([sandbox] allow_large)"
        }
    }
}

/// After which the machine may have memory again.
const KILLED_FOR: Duration = Duration::from_secs(30);

/// `hint` is [`find_hint`]'s.
pub(super) fn refuse_component(error: &CompileError, hint: &'static str) -> ApiError {
    let retry_after = match error {
        CompileError::TooLarge(mebibytes) => return ApiError::ComponentTooLarge { most: *mebibytes << 20, hint },
        CompileError::Busy | CompileError::Run(InvokeError::Busy) => return ApiError::Busy(BUSY_FOR),
        CompileError::Host(_) => return fail(error),
        CompileError::Run(fault) if fault.blame() == Blame::Host => return fail(error),
        CompileError::TooComplex(_) | CompileError::CompileTime | CompileError::CompileMemory => {
            let detail = write_sentence(&format!("{error}{hint}"));
            return ApiError::Refused(Refusal { code: error.code(), detail, retry_after: None });
        }
        CompileError::Killed => Some(KILLED_FOR),
        CompileError::BudgetSpent(wait) => Some(*wait),
        // All else is the component's own fault, and stays so.
        _ => None,
    };
    refuse(error.code(), error, retry_after)
}

pub(super) fn refuse_change(error: ChangeVersionsError) -> ApiError {
    let code = match error {
        ChangeVersionsError::UnknownModule => return ApiError::NotFound("module"),
        ChangeVersionsError::UnknownVersion => return ApiError::NotFound("version"),
        ChangeVersionsError::NotPublisher(_) => return ApiError::Forbidden,
        ChangeVersionsError::Overtaken => return ApiError::PreconditionFailed,
        ChangeVersionsError::Store(error) => return error.into(),
        ChangeVersionsError::Save(_) => {
            error!(%error, "an upload fails");
            return ApiError::Internal;
        }
        ChangeVersionsError::NameReserved(_) => "reserved_name",
        ChangeVersionsError::WordReserved { .. } => "reserved_word",
        ChangeVersionsError::NameTaken(_) => "name_taken",
        ChangeVersionsError::VersionTaken { .. } => "version_exists",
        ChangeVersionsError::Full(_) => "full",
        ChangeVersionsError::NotUploaded(_) => "not_uploaded",
        ChangeVersionsError::InUse { .. } => "in_use",
        ChangeVersionsError::Withdrawn(_) => "withdrawn",
        ChangeVersionsError::NothingBefore => "nothing_before",
        ChangeVersionsError::NoCanary => "no_canary",
        ChangeVersionsError::NoChannels => "unknown_channels",
        ChangeVersionsError::CanaryExists(_) => "canary_exists",
        ChangeVersionsError::CanaryTooOld { .. } => "canary_too_old",
    };
    refuse(code, &error, None)
}

fn fail(error: &CompileError) -> ApiError {
    error!(%error, "an upload fails");
    ApiError::Internal
}

fn refuse(code: &'static str, error: &dyn std::error::Error, retry_after: Option<Duration>) -> ApiError {
    ApiError::Refused(Refusal { code, detail: write_sentence(&error.to_string()), retry_after })
}

/// `the name dice is taken` -> `The name dice is taken.`
fn write_sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(std::iter::once('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::codes::find_status;

    #[test]
    fn what_is_worth_another_try_is_told_so_and_not_kept() {
        let told = |error: &CompileError| match refuse_component(error, "") {
            ApiError::Refused(Refusal { code, retry_after, .. }) => (find_status(code).as_u16(), code, retry_after),
            other => panic!("{other:?}"),
        };
        let wait = Duration::from_secs(42);
        assert_eq!(told(&CompileError::BudgetSpent(wait)), (429, "compile_budget_spent", Some(wait)));
        assert_eq!(told(&CompileError::Killed), (503, "compile_interrupted", Some(KILLED_FOR)));
        assert_eq!(told(&CompileError::CompileTime), (422, "compile_out_of_time", None));
    }
}
