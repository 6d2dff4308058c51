//! What traces and event listeners record about a call.

use std::time::Instant;

use super::call_request::CallRequest;
use crate::domain::invocation::Invocation;
use crate::domain::ports::Moment;
use crate::domain::trace::TraceSubject;
use crate::setup::words::Target;

/// When the call reached the host, as monotonic and as wall-clock time.
pub(super) fn arrival(received_at: Option<Instant>, now: Moment) -> Moment {
    let instant = received_at.unwrap_or(now.instant);
    let waited = now.instant.saturating_duration_since(instant);
    Moment { instant, wall: now.wall.checked_sub(waited).unwrap_or(now.wall) }
}

pub(super) fn subject_of(request: &CallRequest, target: &Target<'_>) -> TraceSubject {
    let manifest = &target.module.manifest;
    TraceSubject {
        channel: request.to.channel_id,
        module: manifest.name.clone(),
        version: manifest.version.clone(),
        command: target.command.name.clone(),
        origin: request.id.origin,
        parent: request.traced_below,
    }
}

/// The command with its arguments, as typed.
pub(super) fn typed(invocation: &Invocation) -> Box<str> {
    format!("{} {}", invocation.command, invocation.text).trim_end().into()
}
