//! What happens in the host, for whoever watches: counted, told as it happens, and kept for a while.
//!
//! Promised: noting something waits for nobody and takes bounded memory, whoever looks or does not. No token is ever
//! noted, and no text of chat but on the one way that is opened for it ([`Telemetry::listen_to_texts`]). Absent: how it is
//! shown, which is `http`'s and `cli`'s, and who may see it.
//!
//! A slow listener misses events and learns how many. The text of a call goes only to those who listen to that one channel (`texts`). A
//! trace (`domain/trace`) goes along with a call and its replies, and `otlp` sends traces in batches. `log_queue` keeps the log's records in
//! a bounded queue, from which one thread writes them to standard error, so that a stalled reader holds up nobody; a record that
//! finds no room is lost, and counted in `status`, the metrics and the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::broadcast;

use crate::config::TelemetryConfig;
use crate::domain::id::{ChannelId, InvocationId, ModuleName};
use crate::domain::ports::Moment;
use crate::domain::report::{Fate, Report};
use crate::domain::trace::{Trace, TraceParent, TraceSubject};

mod known;
pub mod lines;
pub mod listening;
pub mod log_queue;
mod metrics;
pub mod otlp;
pub mod reading;
pub mod texts;

use lines::{Admission, LineLevel, LinePage, LineSource, Lines};
use listening::Listening;
use metrics::Metrics;
use otlp::{Exporter, OpenExporterError, Tracer};
use reading::Reading;
use texts::{SaidText, Texts};

/// Events that a slow listener may be behind; it is told how many it missed.
const EVENTS: usize = 1024;

/// What the text of [`Telemetry::render_metrics`] is.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// An invocation has ended.
    Invocation(Report),
    /// A module's state changed in a channel, or everywhere.
    Module { module: ModuleName, version: semver::Version, channel: Option<ChannelId>, change: Fate },
    /// A bot account's connection changed: its login, and one of `connecting`, `online`, `no_token`, `refused`, `paused`, `stopped`.
    Connection { account: Box<str>, state: &'static str },
}

impl HostEvent {
    /// The one channel that it is about; None where it is about the whole host.
    pub fn channel(&self) -> Option<ChannelId> {
        match self {
            HostEvent::Invocation(report) => Some(report.channel),
            HostEvent::Module { channel, .. } => *channel,
            HostEvent::Connection { .. } => None,
        }
    }
}

/// Where everything that happens is noted. Shared as `Arc<Telemetry>`.
#[derive(Debug)]
pub struct Telemetry {
    events: broadcast::Sender<Arc<HostEvent>>,
    texts: Texts,
    lines: Lines,
    metrics: Metrics,
    /// None where nobody collects traces.
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
    /// As the configuration says, with what sends the traces where they are wanted. `headers` are what the variable that
    /// `otlp_headers_env` names holds.
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

    /// Begins the trace of an invocation whose line arrived at `at`; most likely an empty one, and then `subject` is not asked.
    /// Whether a call is traced that continues `parent` was decided by its caller.
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

    /// Counts it, and tells whoever listens.
    pub fn note(&self, event: HostEvent) {
        if let HostEvent::Invocation(report) = &event {
            self.metrics.note_invocation(report);
        }
        if self.events.receiver_count() > 0 {
            // Nobody listens any more: nothing is lost.
            drop(self.events.send(Arc::new(event)));
        }
    }

    /// All events from now on.
    pub fn listen(&self) -> Listening<HostEvent> {
        Listening::new(self.events.subscribe())
    }

    /// What is said in the channel's calls from now on: for whoever may read that channel's chat, and asked for it.
    pub fn listen_to_texts(&self, channel: ChannelId) -> Listening<SaidText> {
        self.texts.listen(channel)
    }

    /// What called; `text` is asked only where somebody listens to the channel's texts.
    pub fn note_text(&self, invocation: &InvocationId, channel: ChannelId, text: impl FnOnce() -> Box<str>) {
        self.texts.note(invocation, channel, text);
    }

    /// Keeps what a guest logged in one call, escaped already, and says whether the process's log may have it too.
    pub fn note_lines(&self, source: LineSource, lines: &[(LineLevel, &str)], now: Instant) -> Admission {
        let count = lines.len() as u64;
        let admission = self.lines.keep_and_admit(source, lines, now);
        self.metrics.note_lines(count, admission == Admission::LeftOut);
        admission
    }

    /// Keeps what a guest logged in one call, without asking for the process's log to have it.
    pub fn keep_lines(&self, source: LineSource, lines: &[(LineLevel, &str)]) {
        self.lines.keep(source, lines);
        self.metrics.note_lines(lines.len() as u64, false);
    }

    /// A module's lines in some channels, or in all of them, that came after the one numbered `after`: the oldest of them
    /// first, and `limit` at most.
    pub fn list_lines(
        &self,
        module: &ModuleName,
        channels: Option<&[ChannelId]>,
        after: u64,
        limit: usize,
    ) -> LinePage {
        self.lines.list(module, channels, after, limit)
    }

    /// An HTTP request was answered. `route` is its template (`/api/v1/modules/{name}`), never its path; None where there
    /// is none.
    pub fn note_request(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        self.metrics.note_request(route, method, status, took);
    }

    /// What became of an upload: `accepted`, `unchanged`, or the code of its refusal.
    pub fn note_upload(&self, result: &'static str) {
        self.metrics.note_upload(result);
    }

    /// What became of a module's request to the web: `answered`, or the code of its error.
    pub fn note_web_request(&self, outcome: &'static str) {
        self.metrics.note_web_request(outcome);
    }

    /// How long an answer from the web took.
    pub fn note_web_answer(&self, took: Duration) {
        self.metrics.note_web_answer(took);
    }

    pub fn note_compilation(&self, took: Duration) {
        self.metrics.note_compilation(took);
    }

    /// A compiled module was loaded from where it is kept.
    pub fn note_load(&self, took: Duration) {
        self.metrics.note_load(took);
    }

    /// What became of traces: `sent`, or `lost`.
    pub fn note_traces(&self, result: &'static str, traces: u64) {
        self.metrics.note_traces(result, traces);
    }

    /// All counts in the OpenMetrics text format, with what was read off the host's parts just now.
    pub fn render_metrics(&self, readings: Vec<Reading>) -> String {
        self.metrics.render(readings)
    }
}

#[cfg(test)]
mod tests;
