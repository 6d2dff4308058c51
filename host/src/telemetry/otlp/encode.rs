//! Encodes finished traces as OTLP.

use std::time::{Duration, Instant, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::waiting::Waiting;
use crate::domain::ports::Moment;
use crate::domain::trace::{FinishedTrace, Step};

pub(super) fn encode(traces: &[Waiting], service_name: &str) -> Vec<u8> {
    let resource = Resource {
        attributes: vec![text("service.name", service_name), text("service.version", env!("CARGO_PKG_VERSION"))],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: "twitchy".to_owned(), ..InstrumentationScope::default() };
    let spans = traces.iter().flat_map(list_spans).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The invocation's own span, and one for each of its steps.
fn list_spans(waiting: &Waiting) -> Vec<Span> {
    let FinishedTrace { begun, steps, .. } = &waiting.trace;
    let id_of = |place: usize| (waiting.span_id + 1 + place as u64).to_be_bytes().to_vec();
    let root_id = waiting.span_id.to_be_bytes().to_vec();
    let last = steps.iter().map(|taken| taken.until).max().unwrap_or(begun.instant);
    let root = Span {
        trace_id: waiting.trace_id.to_vec(),
        span_id: root_id.clone(),
        parent_span_id: waiting.trace.subject.parent.map(|parent| parent.span_id.to_vec()).unwrap_or_default(),
        name: "invocation".to_owned(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: unix_nanos(begun, begun.instant),
        end_time_unix_nano: unix_nanos(begun, last),
        attributes: list_attributes(&waiting.trace),
        status: waiting.trace.has_failed.then(|| Status { code: StatusCode::Error.into(), message: String::new() }),
        ..Span::default()
    };
    let find_parent = |step: Step| {
        let parent = step.parent()?;
        steps.iter().position(|taken| taken.step == parent)
    };
    let steps = steps.iter().enumerate().map(|(place, taken)| Span {
        trace_id: waiting.trace_id.to_vec(),
        span_id: id_of(place),
        parent_span_id: find_parent(taken.step).map_or_else(|| root_id.clone(), id_of),
        name: taken.step.as_str().to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: unix_nanos(begun, taken.from),
        end_time_unix_nano: unix_nanos(begun, taken.until),
        ..Span::default()
    });
    [root].into_iter().chain(steps).collect()
}

fn list_attributes(trace: &FinishedTrace) -> Vec<KeyValue> {
    let subject = &trace.subject;
    let mut attributes = vec![
        text("twitchy.channel.id", &subject.channel.to_string()),
        text("twitchy.module", subject.module.as_str()),
        text("twitchy.version", &subject.version.to_string()),
        text("twitchy.command", &subject.command),
        text("twitchy.origin", subject.origin.as_str()),
        text("twitchy.outcome", trace.outcome.unwrap_or("dropped")),
    ];
    if trace.left_out > 0 {
        attributes.push(text("twitchy.steps_left_out", &trace.left_out.to_string()));
    }
    attributes
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// Spans are measured by the monotonic clock, and exported as wall time counted from the invocation's start.
fn unix_nanos(begun: &Moment, at: Instant) -> u64 {
    let since = begun.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let moment = match at.checked_duration_since(begun.instant) {
        Some(later) => since.saturating_add(later),
        None => since.saturating_sub(begun.instant.duration_since(at)),
    };
    u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
}
