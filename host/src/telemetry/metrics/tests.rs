use std::collections::HashMap;
use std::time::SystemTime;

use super::*;
use crate::domain::id::{ChannelId, ChatterId, InvocationId, Origin};
use crate::domain::report::{Fault, Usage};

fn report(module: &str, digest: u16, outcome: Outcome) -> Report {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&digest.to_le_bytes());
    Report {
        id: InvocationId { origin: Origin::Chat, id: "message-1".into() },
        channel: ChannelId(1),
        chatter: ChatterId(2),
        module: module.parse().unwrap(),
        version: semver::Version::new(1, 2, 0),
        digest: ModuleDigest(bytes),
        command: "roll".into(),
        outcome,
        reason: None,
        is_dry_run: false,
        replies: 1,
        usage: Usage { processor: Duration::from_micros(1_500), memory: 1 << 20, runs: 1 },
        took: Duration::from_millis(3),
        at: SystemTime::UNIX_EPOCH,
    }
}

/// The rendered lines without buckets, of which there are many, in alphabetical order.
fn rendered(metrics: &Metrics, readings: Vec<Reading>) -> String {
    let text = metrics.render(readings);
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("_bucket{") && !line.starts_with("# HELP")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn everything_that_happened_is_in_the_text_once() {
    let metrics = Metrics::new();
    metrics.note_invocation(&report("dice", 1, Outcome::Answered));
    metrics.note_invocation(&report("dice", 1, Outcome::Answered));
    metrics.note_invocation(&report("dice", 1, Outcome::GuestFault(Fault::Deadline)));
    metrics.note_invocation(&report("dice", 1, Outcome::OtherFault(Fault::Deadline)));
    metrics.note_request(Some("/api/v1/modules/{name}"), "GET", 200, Duration::from_millis(2));
    metrics.note_request(Some("/api/v1/modules/{name}"), "GET", 404, Duration::from_millis(2));
    metrics.note_request(None, "BREW", 99, Duration::from_millis(2));
    metrics.note_upload("too_large");
    metrics.note_compilation(Duration::from_millis(200));
    metrics.note_web_request("answered");
    metrics.note_web_request("timed_out");
    metrics.note_web_answer(Duration::from_millis(250));
    metrics.note_lines(3, true);
    metrics.note_traces("sent", 2);
    let readings = vec![
        Reading::level("channels", "Channels").with(&[("account", "mybot"), ("state", "joined")], 2.0),
        Reading::count("replies_dropped", "Dropped").with(&[("reason", "st\"ale\n")], 7.0),
        Reading::level("uptime_seconds", "Since the start").with(&[], 1.5),
    ];
    assert_eq!(rendered(&metrics, readings), EXPECTED.trim());
}

const EXPECTED: &str = include_str!("expected.txt");

#[test]
fn strangers_cannot_make_more_series_than_there_is_room_for() {
    let metrics = Metrics::new();
    for digest in 0..1_000 {
        metrics.note_invocation(&report(&format!("dice-{digest}"), digest, Outcome::Answered));
        metrics.note_request(Some(&format!("/{digest}")), &format!("M{digest}"), digest, Duration::ZERO);
    }
    let text = metrics.render(Vec::new());
    let series = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(series("twitchy_invocations_total{"), MODULES + 1);
    assert!(text.contains(
        "twitchy_invocations_total{module=\"other\",version=\"other\",outcome=\"answered\",blame=\"none\"} 500"
    ));
    assert!(series("twitchy_http_requests_total{") <= ROUTES + CLASSES.len());
}

#[test]
fn each_outcome_is_counted_apart() {
    const FAULTS: [Fault; 7] =
        [Fault::Deadline, Fault::Processor, Fault::Memory, Fault::Trap, Fault::Conflict, Fault::Busy, Fault::Host];
    let plain = [Outcome::Answered, Outcome::Duplicate, Outcome::Usage, Outcome::Refused, Outcome::Unavailable];
    let plain_count = plain.len();
    let all = plain.into_iter().chain(FAULTS.map(Outcome::GuestFault)).chain(FAULTS.map(Outcome::OtherFault));
    let metrics = Metrics::new();
    all.for_each(|outcome| metrics.note_invocation(&report("dice", 1, outcome)));
    let text = metrics.render(Vec::new());
    let counts = text.lines().filter(|line| line.starts_with("twitchy_invocations_total{"));
    assert!(counts.clone().all(|line| line.ends_with(" 1")), "{text}");
    assert_eq!(counts.count(), plain_count + 2 * FAULTS.len());
}

/// Checks the format as strictly as we need: families one after another, each described before its values; all values
/// numbers, no series twice, counts named as such, buckets that only rise, and the end mark.
#[test]
fn the_text_keeps_to_the_format() {
    let metrics = Metrics::new();
    for (module, outcome) in [("dice", Outcome::Answered), ("quotes", Outcome::GuestFault(Fault::Trap))] {
        metrics.note_invocation(&report(module, module.len() as u16, outcome));
    }
    metrics.note_request(Some("/healthz"), "GET", 200, Duration::from_micros(80));
    metrics.note_load(Duration::from_millis(4));
    let text = metrics.render(vec![Reading::count("events", "Events").with(&[], 3.0)]);
    let body = text.strip_suffix("# EOF\n").expect("it ends with its mark");
    let (mut kinds, mut family, mut seen) = (HashMap::new(), "", HashMap::new());
    let mut buckets: HashMap<String, f64> = HashMap::new();
    for line in body.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            let (what, rest) = described.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            family = name;
            match what {
                "HELP" => assert!(!value.is_empty() && !kinds.contains_key(name), "{line}"),
                "TYPE" => assert_eq!(kinds.insert(name, value), None, "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        assert_eq!(seen.insert(series, value), None, "{line}");
        let name = series.split('{').next().unwrap();
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        match kinds[family] {
            "counter" => assert_eq!(suffix, "_total", "{line}"),
            "gauge" => assert_eq!(suffix, "", "{line}"),
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            kind => panic!("{kind}"),
        }
        if suffix == "_bucket" {
            let (start, rest) = series.split_once("le=\"").unwrap();
            let labels = format!("{start}{}", rest.split_once('"').unwrap().1);
            let before = buckets.insert(labels, value).unwrap_or_default();
            assert!(before <= value, "{line}");
        }
    }
    assert!(seen.len() > 50, "{text}");
}

#[test]
fn the_largest_memory_stays() {
    let metrics = Metrics::new();
    metrics.note_invocation(&report("dice", 1, Outcome::Answered));
    let mut small = report("dice", 1, Outcome::Answered);
    small.usage.memory = 1;
    metrics.note_invocation(&small);
    let expected = "twitchy_invocation_peak_memory_bytes{module=\"dice\",version=\"1.2.0\"} 1048576";
    assert!(metrics.render(Vec::new()).contains(expected));
}
