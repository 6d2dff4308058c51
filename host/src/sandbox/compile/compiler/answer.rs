//! The child's answer, and the meaning of a missing one.
//!
//! An answer is a byte for its kind, the length of its body in eight bytes, and the body: machine code, or a reason.
//! The parent trusts neither the length nor the text.

use std::io::{self, Write};
use std::process::ExitStatus;

use super::super::error::CompileError;
use super::order::FAILED;
use super::process::Ended;
use crate::sandbox::run::guest_log::escape;

/// Most characters of a reason that are passed on.
const LONGEST_REASON: usize = 600;
/// Bytes of an answer before its body.
const HEAD: usize = 9;

const CODE: u8 = 0;
const INVALID: u8 = 1;
const TOO_COMPLEX: u8 = 2;
const CONTRACT: u8 = 3;
const CONTRACT_VERSION: u8 = 4;
const UNKNOWN_IMPORT: u8 = 5;
const MEMORY: u8 = 6;
const OTHER: u8 = 7;

/// Writes the answer, in the child.
pub(super) fn write(mut out: impl Write, compiled: &Result<Vec<u8>, CompileError>) -> io::Result<()> {
    let text;
    let (kind, body) = match compiled {
        Ok(code) => (CODE, code.as_slice()),
        Err(CompileError::Invalid(why)) => (INVALID, why.as_bytes()),
        Err(CompileError::TooComplex(why)) => (TOO_COMPLEX, why.as_bytes()),
        Err(CompileError::Contract(why)) => (CONTRACT, why.as_bytes()),
        Err(CompileError::ContractVersion(version)) => (CONTRACT_VERSION, version.as_bytes()),
        Err(CompileError::UnknownImports(name)) => (UNKNOWN_IMPORT, name.as_bytes()),
        Err(CompileError::CompileMemory) => (MEMORY, &[][..]),
        Err(other) => {
            text = other.to_string();
            (OTHER, text.as_bytes())
        }
    };
    out.write_all(&[kind])?;
    out.write_all(&(body.len() as u64).to_le_bytes())?;
    out.write_all(body)?;
    out.flush()
}

/// Reads the answer, in the parent. `is_late`: the child was killed at the deadline with processor time left.
pub(super) fn judge(ended: io::Result<Ended>, is_late: bool) -> Result<Vec<u8>, CompileError> {
    let mut ended = match ended {
        // On a busy machine the deadline can pass before the child's thread has started.
        Err(error) if is_late && error.kind() == io::ErrorKind::Interrupted => return Err(CompileError::Busy),
        ended => ended.map_err(|error| CompileError::Host(format!("compiler: {error}")))?,
    };
    if ended.is_too_long {
        return Err(CompileError::Compiler("it wrote more than machine code can be".to_owned()));
    }
    let Some((kind, length)) = read_head(&ended.answer) else { return Err(cause_of_death(&ended, is_late)) };
    let is_whole = usize::try_from(length).is_ok_and(|length| length == ended.answer.len() - HEAD);
    if !is_whole {
        return Err(cause_of_death(&ended, is_late));
    }
    ended.answer.drain(..HEAD);
    if kind == CODE {
        return Ok(ended.answer);
    }
    let why = plain(&String::from_utf8_lossy(&ended.answer));
    Err(match kind {
        INVALID => CompileError::Invalid(why),
        TOO_COMPLEX => CompileError::TooComplex(why),
        CONTRACT => CompileError::Contract(why),
        CONTRACT_VERSION => CompileError::ContractVersion(why),
        UNKNOWN_IMPORT => CompileError::UnknownImports(why),
        MEMORY => CompileError::CompileMemory,
        _ => CompileError::Compiler(why),
    })
}

fn read_head(answer: &[u8]) -> Option<(u8, u64)> {
    let (head, _) = answer.split_at_checked(HEAD)?;
    let (kind, length) = head.split_first()?;
    Some((*kind, u64::from_le_bytes(length.try_into().ok()?)))
}

/// The child escapes the text, but a hostile component may have taken over the child.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_REASON).collect()
}

fn cause_of_death(ended: &Ended, is_late: bool) -> CompileError {
    // Rust prints this when an allocation fails, and then aborts.
    let is_out_of_memory = ended.last_words.contains("memory allocation of");
    match find_signal(ended.status) {
        Some(Ending::OutOfTime) => CompileError::CompileTime,
        // The child got no processor to compute on, which says nothing about the module.
        _ if is_late && cfg!(target_os = "linux") => CompileError::Busy,
        _ if is_late => CompileError::CompileTime,
        Some(Ending::Aborted) if is_out_of_memory => CompileError::CompileMemory,
        // The host did not kill the child. This says nothing about the module: the same bytes may succeed another time.
        Some(Ending::Killed) => {
            tracing::warn!(status = %ended.status, "a compiler was killed from outside, perhaps for want of memory");
            CompileError::Killed
        }
        _ if ended.status.code() == Some(FAILED) => {
            let last_words = escape(ended.last_words.trim(), LONGEST_REASON);
            CompileError::Host(format!("the compiler could not work: {last_words}"))
        }
        _ => {
            // The text of a panic may quote the component, so it is escaped.
            let last_words = escape(ended.last_words.trim(), LONGEST_REASON);
            tracing::warn!(status = %ended.status, last_words, "a compiler ended without an answer");
            CompileError::Compiler(format!("it ended without an answer: {}", ended.status))
        }
    }
}

enum Ending {
    OutOfTime,
    Aborted,
    /// By a signal that only another process or the system sends.
    Killed,
}

#[cfg(unix)]
fn find_signal(status: ExitStatus) -> Option<Ending> {
    use std::os::unix::process::ExitStatusExt;
    // As in signal(7), and the same on all Linux machines that wasmtime compiles for.
    const HANG_UP: i32 = 1;
    const INTERRUPT: i32 = 2;
    const QUIT: i32 = 3;
    const ABORT: i32 = 6;
    const KILL: i32 = 9;
    const TERMINATE: i32 = 15;
    const PROCESSOR_TIME: i32 = 24;
    match status.signal()? {
        PROCESSOR_TIME => Some(Ending::OutOfTime),
        ABORT => Some(Ending::Aborted),
        HANG_UP | INTERRUPT | QUIT | KILL | TERMINATE => Some(Ending::Killed),
        _ => None,
    }
}

#[cfg(not(unix))]
fn find_signal(_: ExitStatus) -> Option<Ending> {
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use super::super::process::Process;
    use super::*;

    fn ended(answer: Vec<u8>, signal: i32, last_words: &str) -> Ended {
        Ended {
            answer,
            last_words: last_words.into(),
            status: ExitStatus::from_raw(signal),
            processor: Duration::ZERO,
            is_too_long: false,
        }
    }

    fn written(compiled: &Result<Vec<u8>, CompileError>) -> Vec<u8> {
        let mut answer = Vec::new();
        write(&mut answer, compiled).unwrap();
        answer
    }

    #[test]
    fn an_answer_arrives_as_it_was_given() {
        for answer in [
            Ok(vec![1, 2, 3]),
            Ok(Vec::new()),
            Err(CompileError::Invalid("bad magic".into())),
            Err(CompileError::TooComplex("more than 5 functions".into())),
            Err(CompileError::Contract("nothing".into())),
            Err(CompileError::ContractVersion("0.2.0".into())),
            Err(CompileError::UnknownImports("moon".into())),
            Err(CompileError::CompileMemory),
        ] {
            // Killed after it had answered: the answer is valid.
            assert_eq!(judge(Ok(ended(written(&answer), 9, "")), false), answer);
        }
        let other = judge(Ok(ended(written(&Err(CompileError::Precompiled)), 0, "")), false);
        assert!(matches!(other, Err(CompileError::Compiler(_))), "{other:?}");
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = written(&Ok(vec![7; 100]));
        for length in 0..whole.len() {
            let answer = judge(Ok(ended(whole[..length].to_vec(), 0, "")), false);
            assert!(matches!(answer, Err(CompileError::Compiler(_))), "{length}: {answer:?}");
        }
        let longer = [whole, vec![0]].concat();
        assert!(matches!(judge(Ok(ended(longer, 0, "")), false), Err(CompileError::Compiler(_))));
    }

    #[test]
    fn a_lying_child_breaks_out_of_no_line_and_fills_no_log() {
        let text = format!("\u{1b}[2J\r\nERROR {}", "a".repeat(10_000));
        let answer = judge(Ok(ended(written(&Err(CompileError::Invalid(text))), 0, "")), false);
        let Err(CompileError::Invalid(why)) = answer else { panic!("{answer:?}") };
        assert!(why.starts_with("[2JERROR") && why.chars().count() == LONGEST_REASON, "{why}");
        let mut endless = ended(vec![0; 100], 9, "");
        endless.is_too_long = true;
        assert!(matches!(judge(Ok(endless), false), Err(CompileError::Compiler(_))));
    }

    #[test]
    fn what_a_child_died_of_is_reported() {
        let died = |signal, last_words| judge(Ok(ended(Vec::new(), signal, last_words)), false).unwrap_err();
        assert_eq!(died(24, ""), CompileError::CompileTime);
        assert_eq!(died(6, "memory allocation of 1024 bytes failed"), CompileError::CompileMemory);
        for from_outside in [1, 2, 3, 9, 15] {
            assert_eq!(died(from_outside, ""), CompileError::Killed);
        }
        let unable = died(FAILED << 8, "twitchy: limits: Operation not permitted");
        assert!(matches!(&unable, CompileError::Host(why) if why.ends_with("not permitted")), "{unable:?}");
        assert!(matches!(died(6, "stack overflow"), CompileError::Compiler(_)));
        assert!(matches!(died(11, ""), CompileError::Compiler(_)));
        assert!(matches!(died(101 << 8, "panicked"), CompileError::Compiler(why) if why.contains("101")));
        let late = |signal| judge(Ok(ended(Vec::new(), signal, "")), true).unwrap_err();
        assert_eq!((late(9), late(24)), (CompileError::Busy, CompileError::CompileTime));
    }

    #[test]
    fn a_child_that_was_killed_before_it_started_was_late_or_nobody_waits() {
        let killed = || {
            let process = Process::new();
            process.kill();
            process.run(std::process::Command::new("true"), &[], 0)
        };
        assert_eq!(judge(killed(), true), Err(CompileError::Busy));
        assert!(matches!(judge(killed(), false), Err(CompileError::Host(_))));
    }
}
