//! Why a component, a module or a change of its versions is refused, in the API's words.

use std::time::Duration;

use axum::http::StatusCode;
use tracing::error;

use crate::http::error::{ApiError, Refusal};
use crate::sandbox::{Blame, CompileError, InvokeError};
use crate::setup::publishing::{ChangeVersionsError, PublishError};

/// After which an upload is worth another try.
pub(super) const BUSY_FOR: Duration = Duration::from_secs(5);

pub(super) fn refuse_component(error: &CompileError) -> ApiError {
    let is_hosts_fault = |error: &InvokeError| error.blame() == Blame::Host;
    match error {
        CompileError::TooLarge(mebibytes) => ApiError::TooLarge(*mebibytes << 20),
        CompileError::Busy | CompileError::Run(InvokeError::Busy) => ApiError::Busy(BUSY_FOR),
        CompileError::Run(fault) if is_hosts_fault(fault) => fail(error),
        CompileError::Host(_) => fail(error),
        CompileError::SizeClass
        | CompileError::Precompiled
        | CompileError::Invalid(_)
        | CompileError::TooComplex(_)
        | CompileError::Contract(_)
        | CompileError::ContractVersion(_)
        | CompileError::UnknownImport(_)
        | CompileError::CompileTime
        | CompileError::CompileMemory
        | CompileError::Compiler(_)
        | CompileError::Run(_)
        | CompileError::Info(_) => refuse(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error),
    }
}

pub(super) fn refuse_publishing(error: PublishError) -> ApiError {
    let code = match error {
        PublishError::NameReserved(_) => "reserved_name",
        PublishError::WordReserved { .. } => "reserved_word",
        PublishError::NotPublisher(_) => "name_taken",
        PublishError::VersionTaken { .. } => "version_exists",
        PublishError::Full(_) => "full",
        PublishError::NoChannels => "unknown_channels",
        PublishError::CanaryExists(_) => "canary_exists",
        PublishError::CanaryTooOld { .. } => "canary_too_old",
        PublishError::Store(error) => return error.into(),
    };
    let status = match error {
        PublishError::NoChannels => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    refuse(status, code, &error)
}

pub(super) fn refuse_change(error: ChangeVersionsError) -> ApiError {
    let code = match error {
        ChangeVersionsError::UnknownModule => return ApiError::NotFound("module"),
        ChangeVersionsError::UnknownVersion => return ApiError::NotFound("version"),
        ChangeVersionsError::NotPublisher(_) => return ApiError::Forbidden,
        ChangeVersionsError::Overtaken => return ApiError::PreconditionFailed,
        ChangeVersionsError::Store(error) => return error.into(),
        ChangeVersionsError::NotUploaded(_) => "not_uploaded",
        ChangeVersionsError::InUse { .. } => "in_use",
        ChangeVersionsError::Withdrawn(_) => "withdrawn",
        ChangeVersionsError::NothingBefore => "nothing_before",
        ChangeVersionsError::NoCanary => "no_canary",
        ChangeVersionsError::NoChannels => "unknown_channels",
        ChangeVersionsError::CanaryExists(_) => "canary_exists",
        ChangeVersionsError::CanaryTooOld { .. } => "canary_too_old",
    };
    let status = match error {
        ChangeVersionsError::NoChannels => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    refuse(status, code, &error)
}

fn fail(error: &CompileError) -> ApiError {
    error!(%error, "an upload fails");
    ApiError::Internal
}

fn refuse(status: StatusCode, code: &'static str, error: &dyn std::error::Error) -> ApiError {
    ApiError::Refused(Refusal { status, code, detail: write_sentence(&error.to_string()) })
}

/// `the name dice is taken` -> `The name dice is taken.`
fn write_sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(std::iter::once('.')).collect()
}
