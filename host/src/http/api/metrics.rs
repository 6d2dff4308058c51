//! The metrics, for Prometheus and similar tools. Not in the OpenAPI document: nobody generates a client for them.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::http::access::METRICS;
use crate::http::state::Api;
use crate::telemetry::METRICS_TYPE;

/// The format that Prometheus read before OpenMetrics, and the only one that most other tools read.
const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().route(METRICS, get(show_metrics))
}

/// Calls, modules, uploads, accounts, queues and requests, in the OpenMetrics text format, or in Prometheus' older one
/// if the header Accept prefers that. Addresses of `[http] metrics_from` need no key.
async fn show_metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let metrics = api.telemetry.metrics.render((api.readings)());
    let (content_type, text) =
        if prefers_text(&headers) { (TEXT_TYPE, write_text(&metrics)) } else { (METRICS_TYPE, metrics) };
    ([(CONTENT_TYPE, content_type), (VARY, "accept")], text).into_response()
}

/// Whether the header Accept prefers `text/plain` to OpenMetrics.
fn prefers_text(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = ranges.flat_map(|value| value.split(',')).map(read_range).collect();
    // The most specific range decides: RFC 9110, section 12.5.1.
    let quality = |names: [&str; 3]| {
        let find = |name: &str| ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(name));
        names.iter().find_map(|name| find(name)).map_or(0.0, |(_, quality)| *quality)
    };
    let openmetrics = quality(["application/openmetrics-text", "application/*", "*/*"]);
    quality(["text/plain", "text/*", "*/*"]) > openmetrics
}

/// `text/plain;version=0.0.4;q=0.5` -> `("text/plain", 0.5)`
fn read_range(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    (name, quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
}

/// OpenMetrics to the older format: there a counter's metadata has `_total` too, and no line gives a unit or the end.
fn write_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut lines = openmetrics.lines().peekable();
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let (Some("#"), Some(kind), Some(name), rest) = (words.next(), words.next(), words.next(), words.next()) else {
            if line != "# EOF" {
                text.extend([line, "\n"]);
            }
            continue;
        };
        // A metric's HELP precedes its TYPE.
        let of_type = if kind == "HELP" { lines.peek().and_then(|next| next.strip_prefix("# TYPE ")) } else { None };
        let of_type = of_type.and_then(|next| next.split_once(' ')).map(|(_, of_type)| of_type).or(rest);
        let suffix = if of_type == Some("counter") { "_total" } else { "" };
        if ["HELP", "TYPE"].contains(&kind) {
            writeln!(text, "# {kind} {name}{suffix} {}", rest.unwrap_or_default()).expect("a String takes all");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_is_for_clients_that_prefer_it() {
        let prefers =
            |accept: &'static str| prefers_text(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        for text in [
            "text/plain",
            "text/plain;version=0.0.4",
            "text/plain, */*;q=0.1",
            "text/*",
            "application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.9",
            "application/openmetrics-text;q=0, */*",
        ] {
            assert!(prefers(text), "{text}");
        }
        for openmetrics in [
            "",
            "*/*",
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/json",
            "text/html, */*",
            "text/plain;q=nonsense",
        ] {
            assert!(!prefers(openmetrics), "{openmetrics}");
        }
        assert!(!prefers_text(&HeaderMap::new()));
    }

    #[test]
    fn openmetrics_is_written_in_the_older_format() {
        let openmetrics = "# HELP a_calls Calls of counter kind.\n# TYPE a_calls counter\na_calls_total{b=\"# EOF\"} 1\n\
                           # HELP a_span Spans.\n# TYPE a_span histogram\n# UNIT a_span seconds\na_span_sum 0.5\n\
                           # TYPE a_level gauge\na_level 2\n# EOF\n";
        let text = "# HELP a_calls_total Calls of counter kind.\n# TYPE a_calls_total counter\na_calls_total{b=\"# EOF\"} 1\n\
                    # HELP a_span Spans.\n# TYPE a_span histogram\na_span_sum 0.5\n# TYPE a_level gauge\na_level 2\n";
        assert_eq!(write_text(openmetrics), text);
    }
}
