//! A trace in the exporter's queue.

use crate::domain::trace::FinishedTrace;

/// A queued trace with its ids, which stay the same if the trace is sent twice.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) trace: FinishedTrace,
    pub(super) trace_id: [u8; 16],
    /// The span id of the invocation; its steps have the ids after it.
    pub(super) span_id: u64,
}

impl Waiting {
    pub(super) fn new(trace: FinishedTrace) -> Waiting {
        let mut random = [0; 24];
        getrandom::fill(&mut random).expect("the operating system has random bytes once it is up");
        let (trace_id, span_id) = random.split_at(16);
        let trace_id = trace_id.try_into().expect("it was cut to this length");
        Waiting {
            trace_id: trace.subject.parent.map_or(trace_id, |parent| parent.trace_id),
            trace,
            // An OpenTelemetry span id must not be 0.
            span_id: u64::from_le_bytes(span_id.try_into().expect("8 are left of 24")).clamp(1, u64::MAX / 2),
        }
    }
}
