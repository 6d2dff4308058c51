//! The counts. A new series allocates; from then on, counting is a look-up and a few atomic additions.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::bounded::BoundedFamilies;
use super::reading::{self, Reading};
use crate::domain::id::ModuleDigest;
use crate::domain::report::{Outcome, Report};

/// Versions of modules with series of their own: the first ones since the start.
const MODULES: usize = 500;
/// Routes with series of their own. The router has far fewer.
const ROUTES: usize = 200;
/// The label for everything beyond these limits.
const OTHER: &str = "other";

/// Upper bounds in seconds: of an answer, from a warm read to the deadline; of a compilation, up to a large module's.
const ANSWERED_WITHIN: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
const COMPILED_WITHIN: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0, 60.0];

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

type Labels = Vec<(&'static str, String)>;
/// Counts fractions of seconds too.
type Seconds = Counter<f64, AtomicU64>;

/// All metrics that are counted where something happens.
pub struct Metrics {
    registry: Registry,
    modules: BoundedFamilies<ModuleDigest, ModuleCounts>,
    /// The label of each route.
    routes: BoundedFamilies<String, String>,
    invocations: Family<Labels, Counter>,
    answers: Family<Labels, Histogram>,
    processor: Family<Labels, Seconds>,
    runs: Family<Labels, Counter>,
    memory: Family<Labels, Gauge<u64, AtomicU64>>,
    compilations: Histogram,
    loads: Histogram,
    uploads: Family<Labels, Counter>,
    requests: Family<Labels, Counter>,
    request_spans: Family<Labels, Histogram>,
    web_requests: Family<Labels, Counter>,
    web_answers: Histogram,
    lines: Counter,
    records_left_out: Counter,
    traces: Family<Labels, Counter>,
}

/// The counts of one version of a module, looked up once so that a call allocates no labels.
struct ModuleCounts {
    labels: Labels,
    /// Unbounded, since there are few outcomes.
    outcomes: BoundedFamilies<Outcome, Counter>,
    answers: Histogram,
    processor: Seconds,
    runs: Counter,
    memory: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("twitchy");
        let to = &mut registry;
        let answers: fn() -> Histogram = || Histogram::new(ANSWERED_WITHIN);
        let compiled = || Histogram::new(COMPILED_WITHIN);
        let by_labels = || Family::new_with_constructor(answers);
        let metrics = Metrics {
            modules: BoundedFamilies::new(MODULES),
            routes: BoundedFamilies::new(ROUTES),
            invocations: add_default(to, "invocations", "Calls of commands, by how they ended and whose fault it was"),
            answers: add(to, "invocation_seconds", "From the question to the answer, waiting included", by_labels()),
            processor: add_default(to, "invocation_processor_seconds", "Processor time that guests used"),
            runs: add_default(to, "invocation_runs", "Runs of guests, those after conflicts included"),
            memory: add_default(
                to,
                "invocation_peak_memory_bytes",
                "The most memory that one run of the guest had since the start",
            ),
            compilations: add(to, "module_compile_seconds", "Compiling a module", compiled()),
            loads: add(to, "module_load_seconds", "Loading a module that was compiled before", compiled()),
            uploads: add_default(to, "uploads", "Uploaded modules, by what became of them"),
            requests: add_default(to, "http_requests", "Answered HTTP requests"),
            request_spans: add(to, "http_request_seconds", "From a request's head to its answer's", by_labels()),
            web_requests: add_default(to, "web_requests", "Requests of modules to the web, by what became of them"),
            web_answers: add(
                to,
                "web_request_seconds",
                "Of requests to the web that were answered, redirects included",
                answers(),
            ),
            lines: add_default(to, "guest_lines", "Lines that guests logged, traps' traces included"),
            records_left_out: add_default(
                to,
                "guest_records_left_out",
                "Calls whose lines were kept out of the process's log, as there were too many",
            ),
            traces: add_default(to, "traces", "Traces of invocations, by what became of them"),
            registry,
        };
        // Exists from the start, so that collectors see the first answer as an increase.
        drop(metrics.web_requests.get_or_create(&vec![("outcome", "answered".to_owned())]));
        metrics
    }

    pub(super) fn note_invocation(&self, report: &Report) {
        let made = |own: Option<&ModuleDigest>| self.make_module(own.map(|_| report));
        let module = self.modules.find_or_make(&report.digest, made);
        module.outcomes.find_or_make(&report.outcome, |_| self.make_outcome(&module.labels, report.outcome)).inc();
        module.answers.observe(report.took.as_secs_f64());
        module.processor.inc_by(report.usage.processor.as_secs_f64());
        module.runs.inc_by(report.usage.runs.into());
        let memory = u64::try_from(report.usage.memory).unwrap_or(u64::MAX);
        module.memory.inner().fetch_max(memory, std::sync::atomic::Ordering::Relaxed);
    }

    /// Without a report: the counts shared by all versions without series of their own.
    fn make_module(&self, report: Option<&Report>) -> ModuleCounts {
        let name = |name: &dyn Fn(&Report) -> String| report.map_or_else(|| OTHER.to_owned(), name);
        let module = ("module", name(&|report| report.module.to_string()));
        let labels = vec![module, ("version", name(&|report| report.version.to_string()))];
        ModuleCounts {
            outcomes: BoundedFamilies::new(usize::MAX),
            answers: self.answers.get_or_create_owned(&labels),
            processor: self.processor.get_or_create_owned(&labels),
            runs: self.runs.get_or_create_owned(&labels),
            memory: self.memory.get_or_create_owned(&labels),
            labels,
        }
    }

    fn make_outcome(&self, module: &Labels, outcome: Outcome) -> Counter {
        let outcome = [("outcome", outcome.as_str().to_owned()), ("blame", outcome.blame().to_owned())];
        self.invocations.get_or_create_owned(&[module.as_slice(), &outcome].concat())
    }

    /// Counts an answered HTTP request. `route` is its template (`/api/v1/modules/{name}`), never its path; `None` if
    /// unmatched.
    pub fn note_request(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let route = self.routes.find_or_make(route.unwrap_or(OTHER), |own| own.unwrap_or(OTHER).to_owned());
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let class = CLASSES.get(usize::from(status / 100).wrapping_sub(1)).copied().unwrap_or(OTHER);
        let labels = vec![("route", (*route).clone()), ("method", method.to_owned())];
        let with_class = [labels.as_slice(), &[("status", class.to_owned())]].concat();
        self.requests.get_or_create(&with_class).inc();
        self.request_spans.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts an upload by its result: `accepted`, `unchanged`, or the code of its refusal.
    pub fn note_upload(&self, result: &'static str) {
        self.uploads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// Counts a module's request to the web by its outcome: `answered`, or the code of its error.
    pub fn note_web_request(&self, outcome: &'static str) {
        self.web_requests.get_or_create(&vec![("outcome", outcome.to_owned())]).inc();
    }

    /// Records how long an answer from the web took.
    pub fn note_web_answer(&self, took: Duration) {
        self.web_answers.observe(took.as_secs_f64());
    }

    pub fn note_compilation(&self, took: Duration) {
        self.compilations.observe(took.as_secs_f64());
    }

    /// Records how long it took to load a compiled module from where it is kept.
    pub fn note_load(&self, took: Duration) {
        self.loads.observe(took.as_secs_f64());
    }

    pub(super) fn note_lines(&self, lines: u64, is_left_out: bool) {
        self.lines.inc_by(lines);
        self.records_left_out.inc_by(is_left_out.into());
    }

    /// Counts traces by their result: `sent`, or `lost`.
    pub fn note_traces(&self, result: &'static str, traces: u64) {
        self.traces.get_or_create(&vec![("result", result.to_owned())]).inc_by(traces);
    }

    /// All counts in the OpenMetrics text format, together with the current `readings`.
    pub fn render(&self, readings: Vec<Reading>) -> String {
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &reading::registry(readings)))
            .and_then(|()| encode_eof(&mut text));
        written.expect("writing to a String cannot go wrong");
        text
    }
}

fn add_default<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    add(registry, name, help, M::default())
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests;
