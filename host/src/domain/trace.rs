//! A trace: the timed steps of one invocation, which show where its time went.
//!
//! The call and each of its replies hold the trace, which is finished when the last of them drops it. If tracing is
//! off, the trace is empty and its methods do nothing. A trace never contains chat text, a chatter's name or a token.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::id::{ChannelId, ModuleName, Origin, parse_hex};
use super::named::named;
use super::ports::Moment;

/// Most steps that a trace keeps; further ones are counted. A call has fewer, unless it asks the web again and again.
const MOST_STEPS: usize = 48;

/// Receives finished traces. Must not block.
pub trait TraceSink: Send + Sync + 'static {
    fn take_trace(&self, trace: FinishedTrace);
}

named! {
    /// One timed stage of an invocation (a span).
    pub enum Step {
        /// In the queue of events, since the line's arrival.
        Queue "queue",
        /// Waiting for admission, the channel's turn, a slot, and a thread.
        Admission "admission",
        /// In the sandbox, until the changes are on disk.
        Invoke "invoke",
        /// Loading a module that is not in memory: its machine code is read, or compiled anew.
        Load "load",
        /// One run of the guest.
        Run "run",
        /// A request to the web, for which the run waits.
        Request "request",
        /// Committing to disk.
        Commit "commit",
        /// A reply, from its arrival in the outbox until its first piece is sent.
        Reply "reply",
    }
}

impl Step {
    /// The step that contains this one; `None` for the invocation's own steps.
    pub fn parent(self) -> Option<Step> {
        match self {
            Step::Queue | Step::Admission | Step::Invoke | Step::Reply => None,
            Step::Load | Step::Run | Step::Request | Step::Commit => Some(Step::Invoke),
        }
    }
}

/// A finished step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedStep {
    pub step: Step,
    pub from: Instant,
    pub until: Instant,
}

/// The invocation that a trace is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSubject {
    pub channel: ChannelId,
    pub module: ModuleName,
    pub version: semver::Version,
    /// The declared name, or the claimed word.
    pub command: Box<str>,
    pub origin: Origin,
    /// Set if the call is part of a trace of its caller.
    pub parent: Option<TraceParent>,
}

/// A step in the caller's trace, with the names that W3C's Trace Context uses in the header `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    /// Whether the caller records its part of the trace.
    pub is_sampled: bool,
}

/// The text is not a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent is a version, a trace's id, a span's id and flags, in hexadecimal digits with hyphens between")]
pub struct ParseTraceParentError;

impl std::str::FromStr for TraceParent {
    type Err = ParseTraceParentError;

    /// In versions later than 00, further text may follow the four parts and is ignored.
    fn from_str(text: &str) -> Result<TraceParent, ParseTraceParentError> {
        let read = || {
            let (known, rest) = text.split_at_checked(55)?;
            if known.contains(|digit: char| digit.is_ascii_uppercase()) {
                return None;
            }
            let mut parts = known.split('-');
            let [version] = parse_hex::<1>(parts.next()?)?;
            let (trace_id, span_id) = (parse_hex(parts.next()?)?, parse_hex(parts.next()?)?);
            let [flags] = parse_hex::<1>(parts.next()?)?;
            let may_follow = version != 0 && rest.starts_with('-') || rest.is_empty();
            let is_named = trace_id != [0; 16] && span_id != [0; 8];
            let is_right = version != 0xff && may_follow && is_named && parts.next().is_none();
            is_right.then_some(TraceParent { trace_id, span_id, is_sampled: flags & 1 == 1 })
        };
        read().ok_or(ParseTraceParentError)
    }
}

/// All that is known of an invocation at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedTrace {
    pub subject: TraceSubject,
    /// When the line arrived, on both clocks.
    pub begun: Moment,
    /// `None` if the invocation was never executed.
    pub outcome: Option<&'static str>,
    /// Whether there was no answer because of a fault.
    pub has_failed: bool,
    /// In the order in which they ended.
    pub steps: Vec<FinishedStep>,
    /// Number of further steps that were not kept.
    pub left_out: usize,
}

/// The trace of one invocation, or nothing.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Recording>>);

struct Recording {
    into: Arc<dyn TraceSink>,
    /// `None` once the trace was handed over.
    trace: Mutex<Option<FinishedTrace>>,
}

impl Trace {
    /// Starts a trace that goes to `into` when it is finished.
    pub fn begin(subject: TraceSubject, begun: Moment, into: Arc<dyn TraceSink>) -> Trace {
        let trace = FinishedTrace {
            subject,
            begun,
            outcome: None,
            has_failed: false,
            steps: Vec::with_capacity(8),
            left_out: 0,
        };
        Trace(Some(Arc::new(Recording { into, trace: Mutex::new(Some(trace)) })))
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a finished step.
    pub fn note(&self, step: Step, from: Instant, until: Instant) {
        self.change(|trace| match trace.steps.len() < MOST_STEPS {
            true => trace.steps.push(FinishedStep { step, from, until }),
            false => trace.left_out += 1,
        });
    }

    /// Adds a step that ends now.
    pub fn note_since(&self, step: Step, from: Instant) {
        if self.is_on() {
            self.note(step, from, Instant::now());
        }
    }

    /// Starts a step that lasts until the returned value is dropped.
    pub fn enter(&self, step: Step) -> Entered<'_> {
        Entered { trace: self, step, from: self.is_on().then(Instant::now) }
    }

    /// Sets how the invocation ended, in snake_case.
    pub fn note_outcome(&self, outcome: &'static str, has_failed: bool) {
        self.change(|trace| (trace.outcome, trace.has_failed) = (Some(outcome), has_failed));
    }

    fn change(&self, change: impl FnOnce(&mut FinishedTrace)) {
        if let Some(recording) = &self.0
            && let Some(trace) = &mut *recording.lock()
        {
            change(trace);
        }
    }
}

impl Recording {
    /// The trace is consistent after every statement, so a panic of another holder does no harm.
    fn lock(&self) -> MutexGuard<'_, Option<FinishedTrace>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let trace = self.lock().take();
        if let Some(trace) = trace {
            self.into.take_trace(trace);
        }
    }
}

/// A trace does not affect the equality of the values that carry it.
impl PartialEq for Trace {
    fn eq(&self, _: &Trace) -> bool {
        true
    }
}

impl Eq for Trace {}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Trace(on)" } else { "Trace(off)" })
    }
}

/// A step that is not finished yet.
#[must_use]
pub struct Entered<'t> {
    trace: &'t Trace,
    step: Step,
    from: Option<Instant>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(from) = self.from {
            self.trace.note(self.step, from, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<FinishedTrace>>);

    impl TraceSink for Kept {
        fn take_trace(&self, trace: FinishedTrace) {
            self.0.lock().unwrap().push(trace);
        }
    }

    fn subject() -> TraceSubject {
        TraceSubject {
            channel: ChannelId(1),
            module: "dice".parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            command: "roll".into(),
            origin: Origin::Chat,
            parent: None,
        }
    }

    #[test]
    fn a_traceparent_is_four_parts() {
        let parse = |text: &str| text.parse::<TraceParent>().ok();
        let right = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = parse(right).unwrap();
        assert_eq!((parent.trace_id[0], parent.span_id[7], parent.is_sampled), (0x0a, 0x31, true));
        assert!(!parse(&right.replace("-01", "-00")).unwrap().is_sampled);
        assert!(parse(&(right.replace("00-0af", "cc-0af") + "-what-comes-later")).is_some());
        for bad in [
            "",
            &right[1..],
            &(right.to_owned() + "-more"),
            &right.replace("00-0af", "ff-0af"),
            &right.replace("00-0af", "cc-0af").replace("-01", "-01x"),
            &right.to_uppercase(),
            &right.replace("b7ad6b7169203331", "0000000000000000"),
            &right.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            &right.replace("-b7", "-+7"),
            &right.replace("-b7", "b-7"),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_trace_is_over_when_the_last_has_let_go_of_it() {
        let kept = Arc::new(Kept::default());
        let begun = Instant::now();
        let later = begun + Duration::from_millis(5);
        let at = Moment { instant: begun, wall: SystemTime::UNIX_EPOCH };
        let trace = Trace::begin(subject(), at, kept.clone());
        let carried = trace.clone();
        trace.note(Step::Queue, begun, later);
        trace.note_outcome("answered", false);
        drop(trace);
        assert_eq!(kept.0.lock().unwrap().len(), 0);
        (0..MOST_STEPS + 1).for_each(|_| carried.note(Step::Reply, begun, later));
        drop(carried);
        let traces = kept.0.lock().unwrap();
        let [trace] = traces.as_slice() else { panic!("{traces:?}") };
        assert_eq!((trace.outcome, trace.steps.len(), trace.left_out), (Some("answered"), MOST_STEPS, 2));
        assert_eq!(trace.steps[0], FinishedStep { step: Step::Queue, from: begun, until: later });
    }

    #[test]
    fn a_step_is_part_of_an_own_step_of_the_invocation() {
        for step in [Step::Load, Step::Run, Step::Request, Step::Commit] {
            assert_eq!(step.parent().map(Step::parent), Some(None));
        }
    }
}
