//! Sends traces to an OpenTelemetry collector: OTLP over HTTP, in protobuf.
//!
//! Guarantees: no call waits for the collector. Traces wait in a bounded queue and are sent in batches. A trace that
//! finds the queue full, or that the collector does not accept within a few seconds, is lost and counted. A warning is
//! logged at most once a minute.
//!
//! OpenTelemetry's own SDK and exporter are not used: they read the environment, which only `config` may, have threads
//! of their own that a shutdown would have to wait for, and write to the log without our control.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{CollectorAddress, TelemetryConfig, environment};
use crate::domain::trace::{FinishedTrace, TraceSink};
use crate::net::plain::{FetchError, PlainClient};
use crate::net::server::Server;
use crate::net::tls::LoadRootsError;

mod encode;
mod waiting;

use waiting::Waiting;

/// Capacity of the queue, in traces. The trace of an ordinary call takes about half a kilobyte.
const QUEUE: usize = 4096;
const BATCH: usize = 256;
/// How long a trace waits for a batch to fill.
const SENT_EVERY: Duration = Duration::from_secs(1);
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// Timeout for sending the remaining traces when the host stops.
const DRAINED_WITHIN: Duration = Duration::from_secs(3);
const WARNED_EVERY: Duration = Duration::from_secs(60);

/// Why traces can never be sent. The texts quote no header, because a header is most likely a key.
#[derive(Debug, thiserror::Error)]
pub enum OpenExporterError {
    #[error("the variable that telemetry.otlp_headers_env names is not set")]
    NoHeaders,
    #[error("the variable that telemetry.otlp_headers_env names must hold name=value,name=value")]
    Headers,
    #[error(transparent)]
    Roots(#[from] LoadRootsError),
}

/// Why a batch was lost.
#[derive(Debug, thiserror::Error)]
enum SendTracesError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the collector answered {0}")]
    Status(StatusCode),
}

/// Accepts finished traces and queues them for the [`Exporter`].
#[derive(Debug)]
pub(super) struct Tracer {
    /// The share of invocations that are traced.
    ratio: f64,
    queue: mpsc::Sender<Waiting>,
    /// Traces that found the queue full since the exporter last read this count.
    overflown: AtomicU64,
}

impl Tracer {
    /// Draws whether to trace the next invocation.
    pub(super) fn is_chosen(&self) -> bool {
        // One of 2^53 numbers, the most that an f64 represents exactly.
        let draw = || getrandom::u64().expect("the operating system has random bytes once it is up") >> 11;
        self.ratio >= 1.0 || self.ratio > 0.0 && (draw() as f64) < self.ratio * (1_u64 << 53) as f64
    }
}

impl TraceSink for Tracer {
    fn take_trace(&self, trace: FinishedTrace) {
        if self.queue.try_send(Waiting::new(trace)).is_err() {
            self.overflown.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends the queued traces; runs as a task of its own.
pub struct Exporter {
    queue: mpsc::Receiver<Waiting>,
    tracer: Arc<Tracer>,
    collector: Collector,
    service_name: String,
    /// The traces to send next, or being sent.
    batch: Vec<Waiting>,
    complaints: Complaints,
}

/// The losses that are not logged yet, and when the last warning was logged.
#[derive(Debug, Default)]
struct Complaints {
    lost: u64,
    warned_at: Option<Instant>,
}

struct Collector {
    client: PlainClient,
    path: String,
    headers: HeaderMap,
}

/// `headers` is the value of the variable that `otlp_headers_env` names.
pub(super) fn open(
    address: &CollectorAddress,
    config: &TelemetryConfig,
    headers: Option<&SecretString>,
) -> Result<(Arc<Tracer>, Exporter), OpenExporterError> {
    let (queue_in, queue) = mpsc::channel(QUEUE);
    let tracer = Arc::new(Tracer { ratio: config.sample_ratio, queue: queue_in, overflown: AtomicU64::new(0) });
    let exporter = Exporter {
        queue,
        tracer: Arc::clone(&tracer),
        collector: Collector::new(address, headers)?,
        service_name: config.service_name.clone(),
        batch: Vec::new(),
        complaints: Complaints::default(),
    };
    Ok((tracer, exporter))
}

impl Exporter {
    /// Runs until `stop`, then sends the remaining traces, for three seconds at most.
    pub async fn run(mut self, note: impl Fn(&'static str, u64) + Send + Sync, stop: CancellationToken) {
        let work = async {
            loop {
                self.fill_batch().await;
                self.send_batch(&note).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
        let drain = async {
            loop {
                while self.batch.len() < BATCH
                    && let Ok(trace) = self.queue.try_recv()
                {
                    self.batch.push(trace);
                }
                if self.batch.is_empty() {
                    return;
                }
                self.send_batch(&note).await;
            }
        };
        if timeout(DRAINED_WITHIN, drain).await.is_err() {
            let lost = self.batch.len() + self.queue.len();
            note("lost", lost as u64);
            warn!(lost, "the collector did not take the last traces in time");
        }
    }

    /// Waits for a trace, and then up to [`SENT_EVERY`] for a full batch. Dropping the future loses no trace.
    async fn fill_batch(&mut self) {
        self.queue.recv_many(&mut self.batch, BATCH).await;
        let due_at = Instant::now() + SENT_EVERY;
        while self.batch.len() < BATCH {
            let room = BATCH - self.batch.len();
            if timeout_at(due_at, self.queue.recv_many(&mut self.batch, room)).await.is_err() {
                return;
            }
        }
    }

    /// Dropping the future keeps the batch, so the collector may get it twice.
    async fn send_batch(&mut self, note: &(impl Fn(&'static str, u64) + Sync)) {
        let body = encode::encode(&self.batch, &self.service_name);
        let sent = self.collector.send(body).await;
        let traces = self.batch.len() as u64;
        self.batch.clear();
        let mut lost = self.tracer.overflown.swap(0, Ordering::Relaxed);
        match &sent {
            Ok(()) => note("sent", traces),
            Err(_) => lost += traces,
        }
        if lost > 0 {
            note("lost", lost);
            self.complaints.complain(lost, sent.err().as_ref());
        }
    }
}

impl Complaints {
    fn complain(&mut self, lost: u64, error: Option<&SendTracesError>) {
        self.lost += lost;
        if self.warned_at.is_some_and(|warned| warned.elapsed() < WARNED_EVERY) {
            return;
        }
        self.warned_at = Some(Instant::now());
        let lost = std::mem::take(&mut self.lost);
        match error {
            Some(error) => warn!(lost, %error, "the collector does not take traces"),
            None => warn!(lost, "more traces than the collector takes"),
        }
    }
}

impl Collector {
    fn new(address: &CollectorAddress, headers: Option<&SecretString>) -> Result<Collector, OpenExporterError> {
        let mut parsed = match headers {
            Some(headers) => parse_headers(headers.expose_secret()).ok_or(OpenExporterError::Headers)?,
            None => HeaderMap::new(),
        };
        parsed.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        parsed.insert(USER_AGENT, HeaderValue::from_static(concat!("twitchy/", env!("CARGO_PKG_VERSION"))));
        // Plain HTTP is allowed: the configuration refuses headers for a remote collector without TLS, and traces are
        // no secret.
        let server = Server::new(address.server.clone(), environment::find_authorities())?.allow_plaintext();
        let client = PlainClient::new(server, TAKEN_WITHIN);
        Ok(Collector { client, path: format!("{}/v1/traces", address.path), headers: parsed })
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), SendTracesError> {
        let mut request = Request::new(Full::new(Bytes::from(body)).boxed());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.parse().expect("a path is made of what needs no escape");
        *request.headers_mut() = self.headers.clone();
        let status = self.client.open(request).await?.status();
        if status.is_success() { Ok(()) } else { Err(SendTracesError::Status(status)) }
    }
}

/// `name=value,name=value`
fn parse_headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value);
    }
    (!headers.is_empty()).then_some(headers)
}

#[cfg(test)]
mod tests;
