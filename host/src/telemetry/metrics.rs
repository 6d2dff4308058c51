//! The counts. A new series allocates; from then on, counting is a look-up and a few atomic additions.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::bounded::BoundedFamilies;
use super::reading::{self, Reading};
use crate::domain::id::ModuleDigest;
use crate::domain::report::{Fault, Outcome, Report};

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
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", OTHER];

type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, Buckets>;
/// Counts fractions of seconds too.
type Seconds = Counter<f64, AtomicU64>;

/// The buckets of a family of histograms.
#[derive(Clone)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

pub(super) struct Metrics {
    registry: Registry,
    families: Families,
    modules: BoundedFamilies<ModuleDigest, ModuleCounts>,
    routes: BoundedFamilies<String, RouteCounts>,
}

struct Families {
    invocations: Family<Labels, Counter>,
    answers: Histograms,
    processor: Family<Labels, Seconds>,
    runs: Family<Labels, Counter>,
    memory: Family<Labels, Gauge<u64, AtomicU64>>,
    compilations: Histogram,
    loads: Histogram,
    uploads: Family<Labels, Counter>,
    requests: Family<Labels, Counter>,
    request_spans: Histograms,
    web_requests: Family<Labels, Counter>,
    web_answers: Histogram,
    lines: Counter,
    records_left_out: Counter,
    traces: Family<Labels, Counter>,
}

/// The counts of one version of a module.
struct ModuleCounts {
    labels: Labels,
    outcomes: [OnceLock<Counter>; OUTCOMES],
    answers: Histogram,
    processor: Seconds,
    runs: Counter,
    memory: Gauge<u64, AtomicU64>,
}

struct RouteCounts {
    route: String,
    /// By method, then by class. The last entry is for unknown methods.
    requests: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len() + 1],
    spans: [OnceLock<Histogram>; METHODS.len() + 1],
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("twitchy");
        let families = Families::register(&mut registry);
        // Exists from the start, so that collectors see the first answer as an increase.
        drop(families.web_requests.get_or_create(&vec![("outcome", "answered".to_owned())]));
        Metrics { registry, families, modules: BoundedFamilies::new(MODULES), routes: BoundedFamilies::new(ROUTES) }
    }

    pub(super) fn note_invocation(&self, report: &Report) {
        let made = |own: Option<&ModuleDigest>| ModuleCounts::make(&self.families, own.map(|_| report));
        let module = self.modules.find_or_make(&report.digest, made);
        let outcomes = &self.families.invocations;
        module.outcomes[index_of(report.outcome)]
            .get_or_init(|| make_outcome(outcomes, &module.labels, report.outcome))
            .inc();
        module.answers.observe(report.took.as_secs_f64());
        module.processor.inc_by(report.usage.processor.as_secs_f64());
        module.runs.inc_by(report.usage.runs.into());
        let memory = u64::try_from(report.usage.memory).unwrap_or(u64::MAX);
        module.memory.inner().fetch_max(memory, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn note_request(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let route = self.routes.find_or_make(route.unwrap_or(OTHER), |own| RouteCounts::make(own.unwrap_or(OTHER)));
        let row = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len());
        let class = usize::from(status / 100).wrapping_sub(1).min(CLASSES.len() - 1);
        let method = METHODS.get(row).copied().unwrap_or(OTHER);
        let labels = || vec![("route", route.route.clone()), ("method", method.to_owned())];
        let counter = route.requests[row][class].get_or_init(|| {
            let status = ("status", CLASSES[class].to_owned());
            self.families.requests.get_or_create_owned(&[labels(), vec![status]].concat())
        });
        counter.inc();
        let spans = route.spans[row].get_or_init(|| self.families.request_spans.get_or_create_owned(&labels()));
        spans.observe(took.as_secs_f64());
    }

    pub(super) fn note_upload(&self, result: &'static str) {
        self.families.uploads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    pub(super) fn note_web_request(&self, outcome: &'static str) {
        self.families.web_requests.get_or_create(&vec![("outcome", outcome.to_owned())]).inc();
    }

    pub(super) fn note_web_answer(&self, took: Duration) {
        self.families.web_answers.observe(took.as_secs_f64());
    }

    pub(super) fn note_compilation(&self, took: Duration) {
        self.families.compilations.observe(took.as_secs_f64());
    }

    pub(super) fn note_load(&self, took: Duration) {
        self.families.loads.observe(took.as_secs_f64());
    }

    pub(super) fn note_lines(&self, lines: u64, is_left_out: bool) {
        self.families.lines.inc_by(lines);
        self.families.records_left_out.inc_by(is_left_out.into());
    }

    pub(super) fn note_traces(&self, result: &'static str, traces: u64) {
        self.families.traces.get_or_create(&vec![("result", result.to_owned())]).inc_by(traces);
    }

    pub(super) fn render(&self, readings: Vec<Reading>) -> String {
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &reading::registry(readings)))
            .and_then(|()| encode_eof(&mut text));
        written.expect("writing to a String cannot go wrong");
        text
    }
}

impl Families {
    fn register(registry: &mut Registry) -> Families {
        let answers = || Family::new_with_constructor(Buckets(&ANSWERED_WITHIN));
        let compiled = || Buckets(&COMPILED_WITHIN).new_metric();
        Families {
            invocations: add(
                registry,
                "invocations",
                "Calls of commands, by how they ended and whose fault it was",
                Family::default(),
            ),
            answers: add(
                registry,
                "invocation_seconds",
                "From the question to the answer, waiting included",
                answers(),
            ),
            processor: add(
                registry,
                "invocation_processor_seconds",
                "Processor time that guests used",
                Family::default(),
            ),
            runs: add(registry, "invocation_runs", "Runs of guests, those after conflicts included", Family::default()),
            memory: add(
                registry,
                "invocation_peak_memory_bytes",
                "The most memory that one run of the guest had since the start",
                Family::default(),
            ),
            compilations: add(registry, "module_compile_seconds", "Compiling a module", compiled()),
            loads: add(registry, "module_load_seconds", "Loading a module that was compiled before", compiled()),
            uploads: add(registry, "uploads", "Uploaded modules, by what became of them", Family::default()),
            requests: add(registry, "http_requests", "Answered HTTP requests", Family::default()),
            request_spans: add(registry, "http_request_seconds", "From a request's head to its answer's", answers()),
            web_requests: add(
                registry,
                "web_requests",
                "Requests of modules to the web, by what became of them",
                Family::default(),
            ),
            web_answers: add(
                registry,
                "web_request_seconds",
                "Of requests to the web that were answered, redirects included",
                Buckets(&ANSWERED_WITHIN).new_metric(),
            ),
            lines: add(registry, "guest_lines", "Lines that guests logged, traps' traces included", Counter::default()),
            records_left_out: add(
                registry,
                "guest_records_left_out",
                "Calls whose lines were kept out of the process's log, as there were too many",
                Counter::default(),
            ),
            traces: add(registry, "traces", "Traces of invocations, by what became of them", Family::default()),
        }
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl ModuleCounts {
    /// Without a report: the counts shared by all versions without series of their own.
    fn make(families: &Families, report: Option<&Report>) -> ModuleCounts {
        let name = |name: &dyn Fn(&Report) -> String| report.map_or_else(|| OTHER.to_owned(), name);
        let module = ("module", name(&|report| report.module.to_string()));
        let labels = vec![module, ("version", name(&|report| report.version.to_string()))];
        ModuleCounts {
            outcomes: [const { OnceLock::new() }; OUTCOMES],
            answers: families.answers.get_or_create_owned(&labels),
            processor: families.processor.get_or_create_owned(&labels),
            runs: families.runs.get_or_create_owned(&labels),
            memory: families.memory.get_or_create_owned(&labels),
            labels,
        }
    }
}

impl RouteCounts {
    fn make(route: &str) -> RouteCounts {
        RouteCounts {
            route: route.to_owned(),
            requests: [const { [const { OnceLock::new() }; CLASSES.len()] }; METHODS.len() + 1],
            spans: [const { OnceLock::new() }; METHODS.len() + 1],
        }
    }
}

fn make_outcome(invocations: &Family<Labels, Counter>, module: &Labels, outcome: Outcome) -> Counter {
    let outcome = [("outcome", outcome.as_str().to_owned()), ("blame", outcome.blame().to_owned())];
    invocations.get_or_create_owned(&[module.as_slice(), &outcome].concat())
}

const FAULTS: usize = 7;
const OUTCOMES: usize = 5 + 2 * FAULTS;

/// The outcome's own index in `outcomes`.
fn index_of(outcome: Outcome) -> usize {
    let fault = |fault: Fault| match fault {
        Fault::Deadline => 0,
        Fault::Processor => 1,
        Fault::Memory => 2,
        Fault::Trap => 3,
        Fault::Conflict => 4,
        Fault::Busy => 5,
        Fault::Host => 6,
    };
    match outcome {
        Outcome::Answered => 0,
        Outcome::Duplicate => 1,
        Outcome::Usage => 2,
        Outcome::Refused => 3,
        Outcome::Unavailable => 4,
        Outcome::GuestFault(broke) => 5 + fault(broke),
        Outcome::OtherFault(failed) => 5 + FAULTS + fault(failed),
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
