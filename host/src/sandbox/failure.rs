//! What ended a run, in our words, and who is to blame.

use wasmtime::{Trap, WasmBacktrace};

use super::InvokeError;
use super::guest_log::escape;
use super::run::EndRun;

/// Frames of a trace that are kept.
const MOST_FRAMES: usize = 16;
/// Characters of a frame: function names are the author's text, as long as the author likes.
const LONGEST_FRAME: usize = 160;
/// Characters of an error's text.
const LONGEST_TEXT: usize = 300;

/// Why a run gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Somebody else wrote what the run had read: worth another run.
    Conflict,
    /// The host refused what the chatter wanted, with this sentence: an answer like a module's own.
    Refused(String),
    Final(InvokeError),
}

impl From<Failure> for InvokeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => InvokeError::Conflict,
            // Made an answer where the run ended; nothing else refuses.
            Failure::Refused(why) => InvokeError::Host(why),
            Failure::Final(error) => error,
        }
    }
}

/// An instance that could not be made. What its start functions did is the module's own doing, and so is a memory that
/// is too large from the beginning; all else is ours.
pub(super) fn of_start(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if error.is::<Trap>() || error.is::<EndRun>() || has_denied_memory {
        return of_call(error, has_denied_memory);
    }
    Failure::Final(InvokeError::Host(cut(error)))
}

/// A call that did not return. What is neither a trap nor ours is an answer that does not fit the contract.
pub(super) fn of_call(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if let Some(end) = error.downcast_ref::<EndRun>() {
        return match end {
            EndRun::Conflict => Failure::Conflict,
            EndRun::Refused(why) => Failure::Refused(why.clone()),
            EndRun::Host(why) => Failure::Final(InvokeError::Host(why.clone())),
            EndRun::Guest(why) => Failure::Final(InvokeError::Trap(why.clone())),
        };
    }
    Failure::Final(match error.downcast_ref::<Trap>() {
        // The epoch callback interrupts when the budget is used up, and for nothing else.
        Some(Trap::Interrupt) => InvokeError::Cpu,
        // An allocator that is refused memory has no other way to say so.
        Some(Trap::UnreachableCodeReached) if has_denied_memory => InvokeError::Memory,
        Some(trap) => InvokeError::Trap(trap.to_string()),
        None => InvokeError::Trap(cut(error)),
    })
}

fn cut(error: &wasmtime::Error) -> String {
    escape(&format!("{error:#}"), LONGEST_TEXT)
}

/// Where in the guest it happened, innermost function first; of a panic, where its author's code ends.
pub(super) fn backtrace(error: &wasmtime::Error) -> Option<String> {
    let trace = error.downcast_ref::<WasmBacktrace>()?.to_string();
    let frames: Vec<&str> = trace.lines().filter(|line| line.contains('!')).collect();
    let own = frames.iter().rposition(|frame| frame.contains("panicking::")).map_or(0, |last| last + 1);
    // A guest may name all of its functions like that.
    let frames = frames.get(own..).filter(|own| !own.is_empty()).unwrap_or(&frames);
    let frames: Vec<String> =
        frames.iter().take(MOST_FRAMES).map(|frame| escape(frame.trim(), LONGEST_FRAME)).collect();
    (!frames.is_empty()).then(|| frames.join(" < "))
}
