//! A guest's log: few, short lines, in one record that they cannot break out of.

use std::fmt::{self, Write as _};
use std::time::Instant;

use tracing::field::display;

use crate::domain::id::{ChannelId, InvocationId};
use crate::telemetry::Telemetry;
use crate::telemetry::lines::{LineLevel, LineSource, LogAdmission};

/// The log of one run.
#[derive(Debug)]
pub(crate) struct GuestLog {
    most_lines: usize,
    /// In characters.
    longest_line: usize,
    lines: Vec<(LineLevel, String)>,
    dropped: u64,
}

/// Why a run broke off.
#[derive(Debug)]
pub(crate) struct RunError {
    /// In words for the module's author.
    pub(crate) reason: String,
    /// The guest's stack, if it trapped.
    pub(crate) backtrace: Option<String>,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.backtrace.as_ref().map_or(Ok(()), |backtrace| write!(f, ", at {backtrace}"))
    }
}

impl GuestLog {
    pub(crate) fn new(most_lines: usize, longest_line: usize) -> GuestLog {
        GuestLog { most_lines, longest_line, lines: Vec::new(), dropped: 0 }
    }

    /// Adds a line. The first lines are kept, because the first error explains the later ones.
    pub(crate) fn write(&mut self, level: LineLevel, line: &str) {
        if self.lines.len() >= self.most_lines {
            self.dropped += 1;
            return;
        }
        self.lines.push((level, escape(line, self.longest_line)));
    }

    /// The last error that the guest logged. A panic logs its message before it traps.
    pub(crate) fn last_error(&self) -> Option<&str> {
        let errors = self.lines.iter().filter(|(level, _)| *level == LineLevel::Error);
        errors.map(|(_, line)| line.as_str()).next_back()
    }

    /// Reports the log of a call, and why the call broke off: for the module's author, and as one record of the host's
    /// log unless the limit of such records is reached.
    pub(crate) fn report(&self, source: LineSource, run_error: Option<&RunError>, telemetry: &Telemetry) {
        let backtrace = run_error.and_then(|run_error| run_error.backtrace.as_deref());
        let ending = run_error.map(RunError::to_string);
        if self.lines.is_empty() && backtrace.is_none() {
            // No record of the host's log: the caller logs a bare reason.
            if let Some(ending) = &ending {
                telemetry.keep_lines(source, &[(LineLevel::Trap, ending)]);
            }
            return;
        }
        let dropped = (self.dropped > 0).then(|| format!("and {} lines more", self.dropped));
        let lines = self.lines.iter().map(|(level, line)| (*level, line.as_str()));
        let lines = lines.chain(dropped.as_deref().map(|told| (LineLevel::Warn, told)));
        let lines: Vec<_> = lines.chain(ending.as_deref().map(|ending| (LineLevel::Trap, ending))).collect();
        let (module, channel, invocation) = (source.module.clone(), source.channel, source.invocation.clone());
        if let LogAdmission::Admitted { left_out } = telemetry.note_lines(source, &lines, Instant::now()) {
            let reason = run_error.map(|run_error| run_error.reason.as_str());
            self.emit(module.as_str(), Some((channel, &invocation)), reason, backtrace, left_out);
        }
    }

    /// Writes the lines as one record, with the backtrace of a trap. `left_out` is the number of records before this
    /// one that were left out.
    pub(crate) fn emit(
        &self,
        module: &str,
        call: Option<(ChannelId, &InvocationId)>,
        reason: Option<&str>,
        backtrace: Option<&str>,
        left_out: u64,
    ) {
        if self.lines.is_empty() && backtrace.is_none() {
            return;
        }
        // Not escaped again: the lines already are.
        let (lines, backtrace) = (display(self.joined()), backtrace.map(display));
        let (channel, invocation) = (call.map(|(channel, _)| channel.0), call.map(|(_, id)| display(id)));
        let left_out = (left_out > 0).then_some(left_out);
        let is_serious = backtrace.is_some() || self.lines.iter().any(|(level, _)| *level >= LineLevel::Warn);
        // `tracing` fixes an event's level where the event is written, so there are two.
        if is_serious {
            let reason = reason.map(display);
            tracing::warn!(
                module,
                channel,
                invocation,
                lines,
                reason,
                backtrace,
                left_out,
                "a module has something to say"
            );
        } else {
            tracing::info!(module, channel, invocation, lines, left_out, "a module has something to say");
        }
    }

    fn joined(&self) -> String {
        let mut joined = String::new();
        for (level, line) in &self.lines {
            let separator = if joined.is_empty() { "" } else { " | " };
            // Writing to a `String` cannot fail.
            let _ = write!(joined, "{separator}{level:?}: {line}");
        }
        if self.dropped > 0 {
            let _ = write!(joined, " | and {} lines more", self.dropped);
        }
        joined
    }
}

/// Cuts `text` to `longest` characters, and escapes line breaks, terminal escapes and invisible characters.
pub(crate) fn escape(text: &str, longest: usize) -> String {
    let mut escaped: String = text.chars().take(longest).flat_map(char::escape_debug).collect();
    if text.chars().nth(longest).is_some() {
        escaped.push('…');
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cannot_break_out_of_their_record() {
        let mut log = GuestLog::new(4, 10);
        log.write(LineLevel::Info, "a\r\nERROR b");
        log.write(LineLevel::Error, "\u{1b}[2J\u{202e}");
        assert_eq!(log.joined(), r"Info: a\r\nERROR b | Error: \u{1b}[2J\u{202e}");
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let mut log = GuestLog::new(2, 3);
        for _ in 0..100_000 {
            log.write(LineLevel::Debug, "abcdef");
        }
        assert_eq!(log.joined(), "Debug: abc… | Debug: abc… | and 99998 lines more");
    }
}
