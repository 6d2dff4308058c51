//! Events as our JSON has them.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::domain::id::ChannelId;
use crate::domain::report::Report;
use crate::domain::timestamp::write_timestamp;
use crate::http::error::ApiError;
use crate::http::error::refusals::INVALID_QUERY;
use crate::telemetry::HostEvent;
use crate::telemetry::texts::SaidText;

/// An event, ready to be sent.
pub(super) struct Told {
    pub(super) name: &'static str,
    /// One line of JSON.
    pub(super) data: String,
}

#[derive(Serialize)]
struct Invocation<'e> {
    at: String,
    invocation: String,
    channel: String,
    chatter: String,
    module: &'e str,
    version: String,
    command: &'e str,
    outcome: &'static str,
    /// Nothing of what the module did was kept.
    dry_run: bool,
    blame: &'static str,
    /// Why there is no answer, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    replies: usize,
    /// From the question to the answer, in seconds.
    duration: f64,
    /// Processor time of the guest, in seconds.
    processor: f64,
    /// Bytes.
    memory: usize,
    runs: u32,
}

#[derive(Serialize)]
struct Module<'e> {
    at: String,
    module: &'e str,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    change: &'static str,
}

#[derive(Serialize)]
struct Connection<'e> {
    at: String,
    account: &'e str,
    state: &'static str,
}

#[derive(Serialize)]
struct Text<'e> {
    invocation: String,
    channel: String,
    text: &'e str,
}

#[derive(Serialize)]
struct Missed {
    count: u64,
}

pub(super) fn kind_of(event: &HostEvent) -> &'static str {
    match event {
        HostEvent::Invocation(_) => "invocation",
        HostEvent::Module { .. } => "module",
        HostEvent::Connection { .. } => "connection",
    }
}

pub(super) fn write_told(event: &HostEvent, now: SystemTime) -> Told {
    let at = write_timestamp(now);
    let data = match event {
        HostEvent::Invocation(report) => write(&show_report(report)),
        HostEvent::Module { module, version, channel, change } => write(&Module {
            at,
            module: module.as_str(),
            version: version.to_string(),
            channel: channel.map(|channel| channel.to_string()),
            change,
        }),
        HostEvent::Connection { account, state } => write(&Connection { at, account, state }),
    };
    Told { name: kind_of(event), data }
}

pub(super) fn write_text(said: &SaidText) -> Told {
    let (invocation, channel) = (said.invocation.to_string(), said.channel.to_string());
    Told { name: "text", data: write(&Text { invocation, channel, text: &said.text }) }
}

pub(super) fn write_missed(count: u64) -> Told {
    Told { name: "missed", data: write(&Missed { count }) }
}

/// That of `?channel=`.
pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| INVALID_QUERY.because("channel is a channel's id, a number."))
}

fn show_report(report: &Report) -> Invocation<'_> {
    Invocation {
        at: write_timestamp(report.at),
        invocation: report.id.to_string(),
        channel: report.channel.to_string(),
        chatter: report.chatter.to_string(),
        module: report.module.as_str(),
        version: report.version.to_string(),
        command: &report.command,
        outcome: report.outcome.as_str(),
        dry_run: report.is_dry_run,
        blame: report.outcome.blame(),
        reason: report.reason.as_deref(),
        replies: report.replies,
        duration: seconds(report.took),
        processor: seconds(report.usage.processor),
        memory: report.usage.memory,
        runs: report.usage.runs,
    }
}

/// To the microsecond.
fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e6
}

fn write(event: &impl Serialize) -> String {
    serde_json::to_string(event).expect("texts and numbers can be written as JSON")
}
