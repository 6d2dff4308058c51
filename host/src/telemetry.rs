//! Counts what happens in the host, reports it to listeners, and keeps part of it for a while.
//!
//! Guarantees: recording never waits and takes bounded memory, with or without listeners. No token is ever recorded.
//! Chat text is recorded only for those who listen to a channel's texts ([`Telemetry::listen_to_texts`]). Not here: how
//! it is shown, which is up to `http` and `cli`, and who may see it.
//!
//! A slow listener misses events and learns how many. The text of a call goes only to those who listen to that one channel (`texts`). A
//! trace (`domain/trace`) goes along with a call and its replies, and `otlp` sends traces in batches. `log_queue` keeps the log's records in
//! a bounded queue, from which one thread writes them to standard error, so that a stalled reader holds up nobody; a record that
//! finds no room is lost, and counted in `status`, the metrics and the log.

use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;
use tokio::sync::broadcast;

use crate::config::TelemetryConfig;
use crate::domain::id::{ChannelId, InvocationId, ModuleName};
use crate::domain::ports::Moment;
use crate::domain::report::{Report, Transition};
use crate::domain::trace::{Trace, TraceParent, TraceSubject};

mod bounded;
pub mod lines;
pub mod listening;
pub mod log_queue;
pub mod metrics;
pub mod otlp;
pub mod reading;
pub mod texts;

use lines::{LineLevel, LineSource, Lines, LogAdmission};
use listening::Listening;
use metrics::Metrics;
use otlp::{Exporter, OpenExporterError, Tracer};
use texts::{CallText, Texts};

/// Events that a slow listener may lag behind. It learns how many it missed.
const EVENTS: usize = 1024;

/// The content type of [`Metrics::render`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An event in the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// An invocation has ended.
    Invocation(Report),
    /// A module's state changed in a channel, or everywhere.
    Module { module: ModuleName, version: semver::Version, channel: Option<ChannelId>, change: Transition },
    /// A bot account's connection changed: its login, and one of `connecting`, `online`, `no_token`, `refused`,
    /// `paused`, `stopped`.
    Connection { account: Box<str>, state: &'static str },
}

impl HostEvent {
    /// The channel of the event; `None` if the event concerns the whole host.
    pub fn channel(&self) -> Option<ChannelId> {
        match self {
            HostEvent::Invocation(report) => Some(report.channel),
            HostEvent::Module { channel, .. } => *channel,
            HostEvent::Connection { .. } => None,
        }
    }
}

/// Records what happens in the host. Shared as `Arc<Telemetry>`.
pub struct Telemetry {
    events: broadcast::Sender<Arc<HostEvent>>,
    texts: Texts,
    pub lines: Lines,
    pub metrics: Metrics,
    /// `None` if no traces are collected.
    tracer: Option<Arc<Tracer>>,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry {
            events: broadcast::Sender::new(EVENTS),
            texts: Texts::default(),
            lines: Lines::new(),
            metrics: Metrics::new(),
            tracer: None,
        }
    }
}

impl Telemetry {
    /// Opens telemetry as configured, with the exporter of the traces if they are configured. `headers` is the content
    /// of the environment variable that `otlp_headers_env` names.
    pub fn open(
        config: &TelemetryConfig,
        headers: Option<&SecretString>,
    ) -> Result<(Telemetry, Option<Exporter>), OpenExporterError> {
        let Some(address) = &config.otlp_endpoint else { return Ok((Telemetry::default(), None)) };
        if config.otlp_headers_env.is_some() && headers.is_none() {
            return Err(OpenExporterError::NoHeaders);
        }
        let (tracer, exporter) = otlp::open(address, config, headers)?;
        Ok((Telemetry { tracer: Some(tracer), ..Telemetry::default() }, Some(exporter)))
    }

    /// Begins the trace of an invocation whose line arrived at `at`. Most traces are empty, and then `subject` is not
    /// called. For a call that continues `parent`, the caller has decided whether it is traced.
    pub fn begin_trace(
        &self,
        at: Moment,
        parent: Option<TraceParent>,
        subject: impl FnOnce() -> TraceSubject,
    ) -> Trace {
        let is_chosen = |tracer: &Tracer| parent.map_or_else(|| tracer.is_chosen(), |parent| parent.is_sampled);
        match &self.tracer {
            Some(tracer) if is_chosen(tracer) => Trace::begin(subject(), at, tracer.clone()),
            _ => Trace::default(),
        }
    }

    /// Counts the event, and reports it to listeners.
    pub fn note(&self, event: HostEvent) {
        if let HostEvent::Invocation(report) = &event {
            self.metrics.note_invocation(report);
        }
        if self.events.receiver_count() > 0 {
            // The last listener may be gone by now, which loses nothing.
            drop(self.events.send(Arc::new(event)));
        }
    }

    /// All events from now on.
    pub fn listen(&self) -> Listening<HostEvent> {
        Listening::new(self.events.subscribe())
    }

    /// The texts of the channel's calls from now on. Only for those who may read that channel's chat.
    pub fn listen_to_texts(&self, channel: ChannelId) -> Listening<CallText> {
        self.texts.listen(channel)
    }

    /// Reports the text of a call. `text` is called only if the channel's texts have a listener.
    pub fn note_text(&self, invocation: &InvocationId, channel: ChannelId, text: impl FnOnce() -> Box<str>) {
        self.texts.note(invocation, channel, text);
    }

    /// Keeps the escaped lines that a guest logged in one call. Returns whether the process's log may have them too.
    pub fn note_lines(&self, source: LineSource, lines: &[(LineLevel, &str)], now: Instant) -> LogAdmission {
        let count = lines.len() as u64;
        let admission = self.lines.keep_and_admit(source, lines, now);
        self.metrics.note_lines(count, admission == LogAdmission::LeftOut);
        admission
    }

    /// Keeps the lines that a guest logged in one call, without asking whether the process's log may have them.
    pub fn keep_lines(&self, source: LineSource, lines: &[(LineLevel, &str)]) {
        self.lines.keep(source, lines);
        self.metrics.note_lines(lines.len() as u64, false);
    }
}

#[cfg(test)]
mod tests;
