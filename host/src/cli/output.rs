//! Standard output and standard error: every subcommand prints through this module.
//!
//! Guarantees: a reader that closes the pipe early, as `| head -1` does, is no error. The rest of the text is dropped,
//! and the exit code stays that of the subcommand's work. Any other failure to print, such as a full disk, is an error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use serde::Serialize;

/// Whether standard output still has a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Open,
    /// The pipe's other end is closed: a subcommand that prints an endless stream stops.
    Closed,
}

/// Prints `text` unchanged: no line break is added.
///
/// # Errors
/// Standard output cannot be written, for another reason than a closed pipe.
pub(super) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<Reader> {
    write(&mut io::stdout().lock(), text.as_ref()).context("cannot write to standard output")
}

/// Formats a value as indented JSON for programs, with its fields sorted by name.
pub(super) fn to_json(shown: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{:#}\n", serde_json::to_value(shown)?))
}

/// Prints a line to standard error. A failure to do so is ignored, as it cannot be reported anywhere.
pub(super) fn report(line: impl Display) {
    writeln!(io::stderr(), "{line}").ok();
}

fn write(output: &mut impl Write, text: &[u8]) -> io::Result<Reader> {
    match output.write_all(text).and_then(|()| output.flush()) {
        Ok(()) => Ok(Reader::Open),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Closed),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_distinguished_from_a_full_disk() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert_eq!(write(&mut writer, b"read").unwrap(), Reader::Open);
        drop(reader);
        assert_eq!(write(&mut writer, b"not read").unwrap(), Reader::Closed);
        let error = write(&mut [0; 2].as_mut_slice(), b"too long").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}
