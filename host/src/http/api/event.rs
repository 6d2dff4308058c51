//! Events as our JSON has them.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::domain::id::ChannelId;
use crate::domain::report::Report;
use crate::domain::timestamp::write_timestamp;
use crate::http::error::ApiError;
use crate::http::error::refusals::INVALID_QUERY;
use crate::http::shapes::event::{ConnectionEvent, InvocationEvent, MissedEvent, ModuleEvent, TextEvent};
use crate::telemetry::HostEvent;
use crate::telemetry::texts::SaidText;

/// An event, ready to be sent.
pub(super) struct Told {
    pub(super) name: &'static str,
    /// One line of JSON.
    pub(super) data: String,
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
        HostEvent::Module { module, version, channel, change } => write(&ModuleEvent {
            at,
            module: module.to_string(),
            version: version.to_string(),
            channel: channel.map(|channel| channel.to_string()),
            change: change.as_str().to_owned(),
        }),
        HostEvent::Connection { account, state } => {
            write(&ConnectionEvent { at, account: account.to_string(), state: (*state).to_owned() })
        }
    };
    Told { name: kind_of(event), data }
}

pub(super) fn write_text(said: &SaidText) -> Told {
    let (invocation, channel) = (said.invocation.to_string(), said.channel.to_string());
    Told { name: "text", data: write(&TextEvent { invocation, channel, text: said.text.to_string() }) }
}

pub(super) fn write_missed(count: u64) -> Told {
    Told { name: "missed", data: write(&MissedEvent { count }) }
}

/// That of `?channel=`.
pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| INVALID_QUERY.because("channel is a channel's id, a number."))
}

fn show_report(report: &Report) -> InvocationEvent {
    InvocationEvent {
        at: write_timestamp(report.at),
        invocation: report.id.to_string(),
        channel: report.channel.to_string(),
        chatter: report.chatter.to_string(),
        module: report.module.to_string(),
        version: report.version.to_string(),
        command: report.command.to_string(),
        outcome: report.outcome.as_str().to_owned(),
        dry_run: report.is_dry_run,
        blame: report.outcome.blame().to_owned(),
        reason: report.reason.as_deref().map(str::to_owned),
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
