//! Shows what came of a message to a module.

use std::time::Duration;

use super::cures::describe_fault_cure;
use super::stage::{Performance, Stage};
use crate::cli::module::report::text;
use crate::domain::report::{Outcome, Report};
use crate::http::api::commands::change::show_change;
use crate::sandbox::rehearsal::{HostCall, Observed};
use crate::telemetry::lines::{Line, LineLevel};
use crate::transcript::{Heard, Said, show_line};

/// The column of what stands behind a heading.
const COLUMN: usize = 12;
/// Host calls and log lines that are shown.
const MOST_HOST_CALLS: usize = 40;
const MOST_LINES: usize = 20;
/// Characters of a log line that are shown.
const LONGEST_LINE: usize = 300;
/// Frames of a guest's stack that are shown.
const MOST_FRAMES: usize = 5;

/// The chat, then changes, host calls, log lines and what the call used of its limits.
pub(super) fn describe(performance: &Performance, said: &Said, stage: &Stage) -> String {
    let Performance { heard, report, observed, lines, took } = performance;
    let mut shown = format!("{}\n", show_line(said.name.as_str(), &text(&said.text)));
    shown += &describe_heard(heard, report.as_ref(), stage);
    let Some(report) = report else { return shown };
    shown.push('\n');
    shown += &rows("changes", observed.changes.iter().map(|effect| show_change(effect).text));
    shown += &rows("host calls", list_host_calls(observed));
    shown += &rows("log", lines.iter().take(MOST_LINES).flat_map(show_logged));
    shown += &rows("advice", list_advice(report).into_iter());
    shown += &rows("used", list_usage(report, observed, *took, stage));
    shown
}

/// The replies, or why there is none and what the author can do about it.
fn describe_heard(heard: &Heard, report: Option<&Report>, stage: &Stage) -> String {
    let reason = match heard {
        Heard::Replies(replies) => {
            return replies.iter().map(|reply| format!("{}\n", show_line("bot", reply))).collect();
        }
        Heard::Nothing(reason) => reason.as_deref().unwrap_or("the module succeeded without a reply"),
    };
    let words: Vec<String> = stage.manifest().words().map(|word| format!("!{word}")).collect();
    let advice = match report {
        None if reason == "unknown word" || reason == "talk" => {
            format!("; {} answers to {}", stage.manifest().name, words.join(", "))
        }
        _ => String::new(),
    };
    format!("(nothing: {reason}{advice})\n")
}

/// `heading` before the first row, and all rows in one column. Nothing without rows.
fn rows(heading: &str, rows: impl Iterator<Item = String>) -> String {
    let mut heading = Some(heading);
    rows.map(|row| format!("{:<COLUMN$}{}\n", heading.take().unwrap_or_default(), text(&row))).collect()
}

/// The host calls in their order. Calls of one function in a row share a line.
fn list_host_calls(observed: &Observed) -> impl Iterator<Item = String> {
    let in_a_row =
        observed.host_calls.chunk_by(|one, next| (one.capability, one.function) == (next.capability, next.function));
    let groups: Vec<&[HostCall]> = in_a_row.collect();
    let more = groups.len().saturating_sub(MOST_HOST_CALLS);
    let show = |calls: &[HostCall]| {
        let times = if calls.len() == 1 { String::new() } else { format!(", {} times", calls.len()) };
        format!("{:>9}  {}.{}{times}", show_time(calls[0].at), calls[0].capability, calls[0].function)
    };
    let shown: Vec<String> = groups.into_iter().take(MOST_HOST_CALLS).map(show).collect();
    shown.into_iter().chain((more > 0).then(|| format!("and {more} more")))
}

/// A line of the module's log; for a trap, the reason and the author's own frames of the stack.
pub(super) fn show_logged(line: &Line) -> Vec<String> {
    if line.level != LineLevel::Trap {
        return vec![cut(format!("{}: {}", line.level.as_str(), line.text))];
    }
    let (reason, stack) = line.text.split_once(", at ").unwrap_or((&line.text, ""));
    let mut frames: Vec<&str> = stack.split(" < ").filter_map(find_own_frame).collect();
    frames.dedup();
    frames.truncate(MOST_FRAMES);
    let frames = frames.into_iter().map(|frame| cut(format!("  in {frame}")));
    [cut(format!("broke off: {reason}"))].into_iter().chain(frames).collect()
}

/// The function of a frame, such as `0x7e8 - dice.wasm!dice::roll`, unless it is the SDK's, the standard library's or the
/// contract's.
fn find_own_frame(frame: &str) -> Option<&str> {
    let (_, function) = frame.split_once('!')?;
    let path = function.trim_start_matches('<').trim_start_matches("dyn ");
    let foreign = ["twitchy_sdk::", "std::", "core::", "alloc::", "__rust", "function ", "twitchy:", "rust_"];
    let is_own = !foreign.iter().any(|start| path.starts_with(start)) && !function.contains("::_::Exported");
    (is_own && function.contains("::")).then_some(function)
}

fn cut(line: String) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What the call used, beside what it may use.
fn list_usage(report: &Report, observed: &Observed, took: Duration, stage: &Stage) -> impl Iterator<Item = String> {
    let (usage, limits) = (&report.usage, stage.limits());
    let memory = stage.memory_limit();
    let again = (usage.runs > 1).then(|| format!("{} runs, as other changes came first", usage.runs));
    [
        format!("{} of {} of processor time", show_time(usage.processor), show_time(limits.cpu_budget)),
        format!("{} KiB of {} MiB of memory", usage.memory.div_ceil(1024), memory >> 20),
        format!("{} of {} host calls", observed.host_calls.len(), limits.host_calls),
        format!("{} of {} until the answer", show_time(took), show_time(limits.deadline)),
    ]
    .into_iter()
    .chain(again)
}

/// Why a call that broke kept nothing, and what the author does about it.
fn list_advice(report: &Report) -> Vec<String> {
    let (Outcome::GuestFault(fault) | Outcome::OtherFault(fault)) = report.outcome else { return Vec::new() };
    let cure = describe_fault_cure(fault, report.reason.as_deref().unwrap_or_default()).map(str::to_owned);
    cure.into_iter().chain(["Nothing is kept of a call that broke.".to_owned()]).collect()
}

/// `0.12 ms`, or `2.50 s`.
fn show_time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 1000.0 { format!("{millis:.2} ms") } else { format!("{:.2} s", millis / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_stands_before_its_first_row_alone() {
        let shown = rows("log", ["info: one".to_owned(), "info: \u{1b}[2Jtwo".to_owned()].into_iter());
        assert_eq!(shown, "log         info: one\n            info: [2Jtwo\n");
        assert_eq!(rows("log", std::iter::empty()), "");
    }

    #[test]
    fn of_a_stack_the_authors_own_frames_are_shown() {
        let own = "<dice::Dice as twitchy_sdk::Module>::respond";
        let stack = [
            "0x54e4 - dice.wasm!std::alloc::rust_oom::{closure#0}".to_owned(),
            format!("0x7c9 - dice.wasm!{own}"),
            "0x9 - dice.wasm!twitchy_sdk::bindings::exports::_export_respond_cabi".to_owned(),
            "0x2b61 - dice.wasm!twitchy:command/module@0.1.0#respond".to_owned(),
            "0xb6c7 - <unknown>!<function 1>".to_owned(),
        ];
        assert_eq!(stack.iter().filter_map(|frame| find_own_frame(frame)).collect::<Vec<_>>(), [own]);
    }

    #[test]
    fn times_are_shown_in_the_unit_that_people_read() {
        assert_eq!(show_time(Duration::from_micros(123)), "0.12 ms");
        assert_eq!(show_time(Duration::from_millis(2500)), "2.50 s");
    }
}
