//! What an author does about a refusal, where the refusal does not say so itself.

use crate::domain::report::Fault;
use crate::modules::refusal::ChangeVersionsError;
use crate::sandbox::call::InvokeError;
use crate::sandbox::compile::error::CompileError;

/// `None` if the refusal names its cure, or if there is none but another try.
pub(super) fn describe_cure(error: &CompileError) -> Option<&'static str> {
    Some(match error {
        CompileError::TooLarge(_) => {
            "A Rust module is about 50 KB: `twitchy module build` makes one. A module with a JavaScript or Python \
             runtime in it is of the size class large: say --large."
        }
        CompileError::Precompiled => "Give the .wasm file that the build made, before any compilation to machine code.",
        CompileError::Invalid(_) => "Give the whole file whose path `twitchy module build` prints.",
        CompileError::Contract(_) => {
            "Build it with `twitchy module build`, and with the SDK that `twitchy module new` writes."
        }
        CompileError::ContractVersion(_) => {
            "Take the SDK that `twitchy module new` writes, which is made for this program's version of the contract, or \
             install a newer twitchy."
        }
        CompileError::UnknownImports(_) => {
            "Build for wasm32-unknown-unknown, as `twitchy module build` does, and use only the SDK to reach out of \
             the module."
        }
        CompileError::CompileTime | CompileError::CompileMemory | CompileError::TooComplex(_) => {
            "A dependency is larger than a command needs. Leave it out or trim its features. A JavaScript or Python \
             runtime is of the size class large: say --large."
        }
        CompileError::Run(InvokeError::Cpu | InvokeError::Deadline) => {
            "`info` only describes the module, in 10 ms of processor time: look for a loop that does not end."
        }
        CompileError::Run(InvokeError::Memory) => {
            "`info` only describes the module: look for a list or a text that grows without an end."
        }
        CompileError::Run(InvokeError::Trap(why)) if why.contains("copied between") => {
            "A text or a list in what `info` returns is far too large."
        }
        CompileError::Run(_) => {
            "`info` runs once at the upload. It only describes the module, and may call no capability but `log`."
        }
        CompileError::Info(_) => "Correct what `info` returns, and build again.",
        _ => return None,
    })
}

/// Like [`describe_cure`], for a component that is sound but cannot be published.
pub(super) fn describe_publish_cure(error: &ChangeVersionsError) -> Option<&'static str> {
    Some(match error {
        ChangeVersionsError::NameReserved(_) => "Choose another name in `ModuleInfo::new`.",
        ChangeVersionsError::WordReserved { .. } => "Choose another word in `CommandInfo::new` or `alias`.",
        _ => return None,
    })
}

/// What an author does about a call that broke: `fault` is its kind, and `reason` what the log says.
pub(super) fn describe_fault_cure(fault: Fault, reason: &str) -> Option<&'static str> {
    let traps = [
        ("call stack exhausted", "A recursion goes too deep: a module's stack has 64 KiB."),
        ("out of bounds memory access", "This is often a recursion that goes too deep: a module's stack has 64 KiB."),
        ("`unreachable`", "This is a panic: the line above says where. Return an error in its place."),
        (
            "host calls",
            "Read and write fewer entries: one value can hold many, and storage::list_entries reads many at once.",
        ),
        ("replies", "Say it in fewer messages."),
        ("characters", "Say it in fewer words, or in several replies."),
        ("copied between", "A text or a value is far too large to be handed over."),
    ];
    match fault {
        Fault::Processor => Some("It loops, or does too much for one call."),
        Fault::Deadline => Some("It waited too long, for the web perhaps: ask less, or answer without it."),
        Fault::Memory => Some("It keeps too much at once: work in smaller pieces, and drop what is done with."),
        Fault::Trap => traps.iter().find(|(text, _)| reason.contains(text)).map(|(_, cure)| *cure),
        Fault::Conflict | Fault::Busy | Fault::Host => None,
    }
}

/// The cure as a further line of a message.
pub(super) fn as_line(cure: Option<&str>) -> String {
    cure.map(|cure| format!("\n{cure}")).unwrap_or_default()
}
