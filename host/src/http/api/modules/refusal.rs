//! Refusals of components. They point to a larger size class where that helps.

use std::time::Duration;

use tracing::error;

use crate::domain::manifest::SizeClass;
use crate::http::error::refusals::{
    COMPILE_BUDGET_SPENT, COMPILE_FAILED, COMPILE_INTERRUPTED, COMPILE_OUT_OF_MEMORY, COMPILE_OUT_OF_TIME,
    CONTRACT_MISMATCH, INFO_FAILED, INTERNAL, INVALID_COMPONENT, INVALID_INFO, OVER_CEILING, PRECOMPILED,
    SIZE_CLASS_NOT_ALLOWED, TOO_LARGE, UNKNOWN_IMPORT, UNSUPPORTED_CONTRACT,
};
use crate::http::error::{ApiError, sentence, show_bytes};
use crate::sandbox::call::{Blame, InvokeError};
use crate::sandbox::compile::error::CompileError;

/// Suggested delay before a retry.
pub(super) const BUSY_FOR: Duration = Duration::from_secs(5);

/// Advice for a component that is too much for its size class, as the end of a sentence.
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

/// Suggested delay after which the machine may have free memory again.
const KILLED_FOR: Duration = Duration::from_secs(30);

/// `most`: the largest component of its size class, in bytes. `hint`: [`find_hint`]'s.
pub(super) fn refuse_size(most: usize, hint: &str) -> ApiError {
    ApiError::because(TOO_LARGE, format!("The component may be {} at the most{hint}.", show_bytes(most)))
}

/// `hint`: [`find_hint`]'s.
pub(super) fn refuse_component(error: &CompileError, hint: &str) -> ApiError {
    let told = || sentence(error);
    let hinted = || sentence(&format!("{error}{hint}"));
    match error {
        CompileError::TooLarge(mebibytes) => refuse_size(*mebibytes << 20, hint),
        CompileError::SizeClass => ApiError::because(SIZE_CLASS_NOT_ALLOWED, told()),
        CompileError::Precompiled => ApiError::because(PRECOMPILED, told()),
        CompileError::Invalid(_) => ApiError::because(INVALID_COMPONENT, told()),
        CompileError::TooComplex(_) => ApiError::because(OVER_CEILING, hinted()),
        CompileError::Contract(_) => ApiError::because(CONTRACT_MISMATCH, told()),
        CompileError::ContractVersion(_) => ApiError::because(UNSUPPORTED_CONTRACT, told()),
        CompileError::UnknownImports(_) => ApiError::because(UNKNOWN_IMPORT, told()),
        CompileError::CompileTime => ApiError::because(COMPILE_OUT_OF_TIME, hinted()),
        CompileError::CompileMemory => ApiError::because(COMPILE_OUT_OF_MEMORY, hinted()),
        CompileError::Killed => ApiError::because(COMPILE_INTERRUPTED, told()).retry_after(KILLED_FOR),
        CompileError::BudgetSpent(wait) => ApiError::because(COMPILE_BUDGET_SPENT, told()).retry_after(*wait),
        CompileError::Compiler(_) => ApiError::because(COMPILE_FAILED, told()),
        CompileError::Run(InvokeError::Busy) | CompileError::Busy => ApiError::busy(BUSY_FOR),
        CompileError::Run(fault) if fault.blame() == Blame::Guest => ApiError::because(INFO_FAILED, told()),
        CompileError::Info(_) => ApiError::because(INVALID_INFO, told()),
        CompileError::Run(_) | CompileError::Host(_) => {
            error!(%error, "an upload fails");
            INTERNAL.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::RETRY_AFTER;
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn what_is_worth_another_try_says_so_and_is_not_kept() {
        let told = |error: &CompileError| {
            let response = refuse_component(error, "").into_response();
            let wait = response.headers().get(RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
            (response.status().as_u16(), wait)
        };
        assert_eq!(told(&CompileError::BudgetSpent(Duration::from_secs(42))), (429, Some("42".to_owned())));
        assert_eq!(told(&CompileError::Killed), (503, Some("30".to_owned())));
        assert_eq!(told(&CompileError::CompileTime), (422, None));
    }

    /// `sandbox` counts what is refused by the same codes.
    #[test]
    fn an_error_of_the_compiler_has_one_code() {
        let text = String::new;
        for error in [
            CompileError::TooLarge(16),
            CompileError::SizeClass,
            CompileError::Precompiled,
            CompileError::Invalid(text()),
            CompileError::TooComplex(text()),
            CompileError::Contract(text()),
            CompileError::ContractVersion(text()),
            CompileError::UnknownImports(text()),
            CompileError::CompileTime,
            CompileError::CompileMemory,
            CompileError::Killed,
            CompileError::BudgetSpent(Duration::ZERO),
            CompileError::Compiler(text()),
            CompileError::Run(InvokeError::Cpu),
            CompileError::Info(text()),
            CompileError::Busy,
        ] {
            assert_eq!(refuse_component(&error, "").refusal().code, error.code());
        }
        // A client learns no more than that it was not its fault.
        assert_eq!(refuse_component(&CompileError::Host(text()), "").refusal(), INTERNAL);
    }
}
