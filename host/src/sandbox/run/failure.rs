//! Translates wasmtime's errors, and says who is to blame.

use std::fmt::{self, Write as _};

use wasmtime::{FrameInfo, Trap, WasmBacktrace};

use super::guest_log::escape;
use crate::sandbox::call::InvokeError;
use crate::sandbox::calls::error::EndRun;

/// Part of wasmtime's text when a call has passed more than [`wasmtime::Store::set_hostcall_fuel`] allows. The error has
/// no type.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";
/// Replaces that text.
const PASSED_TOO_MUCH: &str = "more bytes were copied between the host and the module than one call may copy";
/// Most frames of a backtrace that are kept.
const MOST_FRAMES: usize = 16;
/// Most bytes of a frame before it is cut, and of a function's name that is demangled.
const LONGEST_FUNCTION: usize = 1000;
/// Most characters of a frame. The module's author chooses function names, of any length.
const LONGEST_FRAME: usize = 160;
/// Most characters of an error's text.
const LONGEST_TEXT: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another commit wrote a scope that the run had read. Another run may succeed.
    Conflict,
    /// The host refused the chatter's request. This sentence is the answer, as if the module had given it.
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
            // Cannot occur here: `Invoker::run` turns a refusal into an answer.
            Failure::Refused(why) => InvokeError::Host(why),
            Failure::Final(error) => error,
        }
    }
}

/// The failure of instantiating a module. A trap in a start function is the module's fault, and so is a memory that is
/// too large from the beginning. All else is the host's fault.
pub(crate) fn of_start(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if error.is::<Trap>() || error.is::<EndRun>() || has_denied_memory {
        return of_call(error, has_denied_memory);
    }
    Failure::Final(InvokeError::Host(cut(error)))
}

/// The failure of a call. An error that is neither a trap nor the host's is an answer that does not fit the contract.
pub(crate) fn of_call(error: &wasmtime::Error, has_denied_memory: bool) -> Failure {
    if let Some(end) = error.downcast_ref::<EndRun>() {
        return end.clone().into();
    }
    Failure::Final(match error.downcast_ref::<Trap>() {
        // The epoch callback interrupts only when the budget is used up.
        Some(Trap::Interrupt) => InvokeError::Cpu,
        // A guest's allocator that is refused memory can only trap.
        Some(Trap::UnreachableCodeReached) if has_denied_memory => InvokeError::Memory,
        Some(trap) => InvokeError::Trap(trap.to_string()),
        None if is_of_system(error) => InvokeError::Host(cut(error)),
        None if error.root_cause().to_string().contains(TOO_MUCH_DATA) => InvokeError::Trap(PASSED_TOO_MUCH.to_owned()),
        None => InvokeError::Trap(cut(error)),
    })
}

/// Whether the operating system refused something (memory, permission): that is never the guest's fault.
pub(crate) fn is_of_system(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.is::<std::io::Error>() || is_errno(cause))
}

/// Whether `cause` is wasmtime's wrapper of a system error number.
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

/// The guest's stack at the failure, innermost function first. The frames of a panic's own machinery are left out.
pub(crate) fn backtrace(error: &wasmtime::Error) -> Option<String> {
    let frames: Vec<String> = error.downcast_ref::<WasmBacktrace>()?.frames().iter().map(show).collect();
    let own = frames.iter().rposition(|frame| frame.contains("panicking::")).map_or(0, |last| last + 1);
    // A guest chooses its function names, so all frames may look like that; then all are kept.
    let frames = frames.get(own..).filter(|own| !own.is_empty()).unwrap_or(&frames);
    let frames: Vec<String> = frames.iter().take(MOST_FRAMES).map(|frame| escape(frame, LONGEST_FRAME)).collect();
    (!frames.is_empty()).then(|| frames.join(" < "))
}

fn show(frame: &FrameInfo) -> String {
    let mut shown = Cut { text: String::new(), room: LONGEST_FUNCTION };
    // An error only means that `shown` is full.
    let _ = write_frame(&mut shown, frame);
    shown.text
}

/// Writes a frame without wasmtime's own formatting, which demangles C++ names: a name of a few hundred bytes can stand
/// for gigabytes of text, and nothing would interrupt the thread that writes them. Demangled Rust names are cut at the
/// limit of `out`.
fn write_frame(out: &mut Cut, frame: &FrameInfo) -> fmt::Result {
    let offset = frame.module_offset().unwrap_or_default();
    write!(out, "{offset:#x} - {}!", frame.module().name().unwrap_or("<unknown>"))?;
    match frame.func_name() {
        Some(name) if name.len() <= LONGEST_FUNCTION => write!(out, "{:#}", rustc_demangle::demangle(name)),
        Some(name) => out.write_str(name),
        None => write!(out, "<function {}>", frame.func_index()),
    }
}

/// A writer that keeps the first `room` bytes, then fails so that formatting stops.
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
        // A length in two bytes of LEB128 is enough for every section here.
        let length = u16::try_from(content.len()).unwrap();
        let low = u8::try_from(length & 0x7f).unwrap() | 0x80;
        [&[id, low, u8::try_from(length >> 7).unwrap()], content].concat()
    }

    /// The backtrace of a module that traps in its only function, which has this name.
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
        // Even with the backtrace in it.
        assert!(cut(&error).len() < 10 * LONGEST_TEXT);
        backtrace(&error).unwrap()
    }

    /// The mangled name of a C++ function whose argument type doubles in size 55 times: 2^55 parts from 600 bytes.
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
