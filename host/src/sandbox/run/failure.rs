//! What ended a run, in our words, and who is to blame.

use std::fmt::{self, Write as _};

use wasmtime::{FrameInfo, Trap, WasmBacktrace};

use super::guest_log::escape;
use crate::sandbox::call::InvokeError;
use crate::sandbox::calls::error::EndRun;

/// Frames of a trace that are kept.
const MOST_FRAMES: usize = 16;
/// Bytes of a frame before it is cut, and of a function's name that is made readable.
const LONGEST_FUNCTION: usize = 1000;
/// Characters of a frame: function names are the author's text, as long as the author likes.
const LONGEST_FRAME: usize = 160;
/// Characters of an error's text.
const LONGEST_TEXT: usize = 300;

/// Why a run gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody else wrote what the run had read: worth another run.
    Conflict,
    /// The host refused what the chatter wanted, with this sentence: an answer like a module's own.
    Refused(String),
    Final(InvokeError),
}

impl From<EndRun> for Failure {
    fn from(end: EndRun) -> Self {
        match end {
            EndRun::Conflict => Failure::Conflict,
            EndRun::Refused(why) => Failure::Refused(why),
            EndRun::Host(why) => Failure::Final(InvokeError::Host(why)),
            EndRun::Guest(why) => Failure::Final(InvokeError::Trap(why)),
        }
    }
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
pub(crate) fn of_start(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if error.is::<Trap>() || error.is::<EndRun>() || has_denied_memory {
        return of_call(error, has_denied_memory);
    }
    Failure::Final(InvokeError::Host(cut(error)))
}

/// A call that did not return. What is neither a trap nor ours is an answer that does not fit the contract.
pub(crate) fn of_call(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if let Some(end) = error.downcast_ref::<EndRun>() {
        return end.clone().into();
    }
    Failure::Final(match error.downcast_ref::<Trap>() {
        // The epoch callback interrupts when the budget is used up, and for nothing else.
        Some(Trap::Interrupt) => InvokeError::Cpu,
        // An allocator that is refused memory has no other way to say so.
        Some(Trap::UnreachableCodeReached) if has_denied_memory => InvokeError::Memory,
        Some(trap) => InvokeError::Trap(trap.to_string()),
        None if is_of_system(error) => InvokeError::Host(cut(error)),
        None => InvokeError::Trap(cut(error)),
    })
}

/// Whether the system refused something (memory, permission) on the way: that is never the guest's fault.
pub(crate) fn is_of_system(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.is::<std::io::Error>() || is_errno(cause))
}

/// What wasmtime has of the system's own error numbers.
#[cfg(target_os = "linux")]
fn is_errno(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<rustix::io::Errno>()
}

#[cfg(not(target_os = "linux"))]
fn is_errno(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

fn cut(error: &wasmtime::Error) -> String {
    escape(&format!("{error:#}"), LONGEST_TEXT)
}

/// Where in the guest it happened, innermost function first; of a panic, where its author's code ends.
pub(crate) fn backtrace(error: &wasmtime::Error) -> Option<String> {
    let frames: Vec<String> = error.downcast_ref::<WasmBacktrace>()?.frames().iter().map(show).collect();
    let own = frames.iter().rposition(|frame| frame.contains("panicking::")).map_or(0, |last| last + 1);
    // A guest may name all of its functions like that.
    let frames = frames.get(own..).filter(|own| !own.is_empty()).unwrap_or(&frames);
    let frames: Vec<String> = frames.iter().take(MOST_FRAMES).map(|frame| escape(frame, LONGEST_FRAME)).collect();
    (!frames.is_empty()).then(|| frames.join(" < "))
}

fn show(frame: &FrameInfo) -> String {
    let mut shown = Cut { text: String::new(), room: LONGEST_FUNCTION };
    // What ends it is that there is no more room.
    let _ = write_frame(&mut shown, frame);
    shown.text
}

/// wasmtime could write all of this itself, with C++'s names in readable form. But a few hundred bytes of such a name can
/// stand for gigabytes of text, and nothing would interrupt the thread that writes them. Rust's names are held to be no
/// longer than there is room for.
fn write_frame(out: &mut Cut, frame: &FrameInfo) -> fmt::Result {
    let offset = frame.module_offset().unwrap_or_default();
    write!(out, "{offset:#x} - {}!", frame.module().name().unwrap_or("<unknown>"))?;
    match frame.func_name() {
        Some(name) if name.len() <= LONGEST_FUNCTION => write!(out, "{:#}", rustc_demangle::demangle(name)),
        Some(name) => out.write_str(name),
        None => write!(out, "<function {}>", frame.func_index()),
    }
}

/// Takes what there is room for, and ends whoever writes more.
struct Cut {
    text: String,
    room: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let taken = text.floor_char_boundary(self.room);
        self.text.push_str(&text[..taken]);
        self.room -= taken;
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, Module, Store};

    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        // A length in two bytes of LEB128 will do for all.
        let length = u16::try_from(content.len()).unwrap();
        let low = u8::try_from(length & 0x7f).unwrap() | 0x80;
        [&[id, low, u8::try_from(length >> 7).unwrap()], content].concat()
    }

    /// Where a module traps whose one function has this name.
    fn trace_of(name: &str) -> String {
        let names = section(1, &[&[1, 0][..], &section(0, name.as_bytes())[1..]].concat());
        let sections = [
            section(1, &[1, 0x60, 0, 0]),
            section(3, &[1, 0]),
            section(8, &[0]),
            section(10, &[1, 3, 0, 0, 0x0b]),
            section(0, &[b"\x04name", names.as_slice()].concat()),
        ];
        let engine = Engine::default();
        let module = Module::new(&engine, [b"\0asm\x01\0\0\0", sections.concat().as_slice()].concat()).unwrap();
        let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).unwrap_err();
        assert!(error.is::<Trap>(), "{error:?}");
        // With the trace in it.
        assert!(cut(&error).len() < 10 * LONGEST_TEXT);
        backtrace(&error).unwrap()
    }

    /// A C++ function whose argument's type has twice as many parts as that of the argument before: 2^55 in 600 bytes.
    fn doubling_name() -> String {
        let place = |number: usize| char::from_digit(u32::try_from(number % 36).unwrap(), 36).unwrap();
        let place = |number: usize| {
            let high = if number < 36 { String::new() } else { place(number / 36).to_string() };
            format!("{high}{}", place(number)).to_uppercase()
        };
        let types = (0..55).map(|number| format!("S_IS{0}_S{0}_E", place(number)));
        format!("_Z1f1AIiiE{}", types.collect::<String>())
    }

    #[test]
    fn a_name_that_stands_for_gigabytes_of_text_is_not_written_out() {
        let trace = trace_of(&doubling_name());
        assert!(trace.contains("!_Z1f1AIiiES_IS0_S0_ES_IS1_S1_E"), "{trace}");
        assert!(trace.chars().count() <= LONGEST_FRAME + 1, "{trace}");
    }

    #[test]
    fn what_the_system_refuses_is_no_fault_of_the_guest() {
        let refused = |error: std::io::Error| wasmtime::Error::from(error).context("unable to allocate a stack");
        let denied = refused(std::io::Error::from_raw_os_error(12));
        assert!(matches!(of_call(&denied, false), Failure::Final(InvokeError::Host(why)) if why.contains("stack")));
        #[cfg(target_os = "linux")]
        assert!(is_of_system(&wasmtime::Error::from(rustix::io::Errno::NOMEM).context("mprotect")));
        let of_guest = wasmtime::Error::msg("a list is out of bounds");
        assert!(matches!(of_call(&of_guest, false), Failure::Final(InvokeError::Trap(_))));
    }

    #[test]
    fn rusts_names_are_readable() {
        assert!(trace_of("_ZN4dice4roll17h0123456789abcdefE").ends_with("!dice::roll"));
        assert!(trace_of("_RNvC6_123foo3bar").ends_with("!123foo::bar"));
        assert!(trace_of(&"é".repeat(400)).contains("!éé"));
    }
}
