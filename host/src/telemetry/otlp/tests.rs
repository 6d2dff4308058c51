use std::sync::Mutex;
use std::time::SystemTime;

use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::domain::id::{ChannelId, Origin};
use crate::domain::ports::Moment;
use crate::domain::server::ServerAddress;
use crate::domain::trace::{Step, Trace, TraceParent, TraceSubject};
use crate::telemetry::Telemetry;

/// A collector on this machine that keeps each request: path, headers and traces.
struct Receiver {
    address: CollectorAddress,
    requests: Arc<Mutex<Vec<(String, HeaderMap, ExportTraceServiceRequest)>>>,
    arrived: Arc<Notify>,
}

impl Receiver {
    async fn start(status: StatusCode) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = ServerAddress { is_tls: false, host: "127.0.0.1".to_owned(), port };
        let address = CollectorAddress { server, path: "/otlp".to_owned() };
        let (requests, arrived) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(Notify::new()));
        let (kept, notify) = (requests.clone(), arrived.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, notify) = (kept.clone(), notify.clone());
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (kept, notify) = (kept.clone(), notify.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = ExportTraceServiceRequest::decode(body.collect().await.unwrap().to_bytes()).unwrap();
                        kept.lock().unwrap().push((head.uri.path().to_owned(), head.headers, body));
                        notify.notify_one();
                        let mut answer = hyper::Response::new(Empty::<Bytes>::new());
                        *answer.status_mut() = status;
                        Ok::<_, std::convert::Infallible>(answer)
                    }
                });
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
            }
        });
        Receiver { address, requests, arrived }
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|(_, _, request)| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn start(receiver: &Receiver, headers: Option<&str>) -> (Arc<Telemetry>, Exporter) {
    let config = TelemetryConfig { otlp_endpoint: Some(receiver.address.clone()), ..TelemetryConfig::default() };
    let headers = headers.map(|headers| SecretString::from(headers.to_owned()));
    let (telemetry, exporter) = Telemetry::open(&config, headers.as_ref()).unwrap();
    (Arc::new(telemetry), exporter.unwrap())
}

fn noting(telemetry: &Arc<Telemetry>) -> impl Fn(&'static str, u64) + Send + Sync + 'static {
    let telemetry = Arc::clone(telemetry);
    move |fate, traces| telemetry.metrics.note_traces(fate, traces)
}

fn begin(telemetry: &Telemetry) -> (Trace, std::time::Instant) {
    begin_below(telemetry, None)
}

fn begin_below(telemetry: &Telemetry, parent: Option<TraceParent>) -> (Trace, std::time::Instant) {
    let at = Moment { instant: std::time::Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000) };
    let subject = || TraceSubject {
        channel: ChannelId(100),
        module: "dice".parse().unwrap(),
        version: semver::Version::new(1, 0, 0),
        command: "roll".into(),
        origin: Origin::Chat,
        parent,
    };
    (telemetry.begin_trace(at, parent, subject), at.instant)
}

#[tokio::test]
async fn a_call_that_its_caller_traces_is_a_step_of_that_trace() {
    let receiver = Receiver::start(StatusCode::OK).await;
    let (telemetry, exporter) = start(&receiver, None);
    let parent = |is_sampled| Some(TraceParent { trace_id: [7; 16], span_id: [9; 8], is_sampled });
    let (trace, begun) = begin_below(&telemetry, parent(true));
    trace.note(Step::Queue, begun, begun + Duration::from_millis(1));
    drop(trace);
    assert!(!begin_below(&telemetry, parent(false)).0.is_on(), "its caller does not record it");
    let stop = CancellationToken::new();
    stop.cancel();
    exporter.run(noting(&telemetry), stop).await;

    let spans = receiver.spans();
    let [root, step] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&root.trace_id, &root.parent_span_id), (&vec![7; 16], &vec![9; 8]));
    assert_eq!((&step.trace_id, &step.parent_span_id), (&vec![7; 16], &root.span_id));
}

#[tokio::test]
async fn an_invocation_is_one_trace_with_its_steps_below_it() {
    let receiver = Receiver::start(StatusCode::OK).await;
    let (telemetry, exporter) = start(&receiver, Some("x-key=secret, x-other = b "));
    let (trace, begun) = begin(&telemetry);
    let ms = |ms| begun + Duration::from_millis(ms);
    for (step, from, until) in [
        (Step::Queue, 0, 1),
        (Step::Load, 2, 3),
        (Step::Run, 3, 5),
        (Step::Commit, 5, 6),
        (Step::Invoke, 2, 7),
        (Step::Reply, 7, 9),
    ] {
        trace.note(step, ms(from), ms(until));
    }
    trace.note_outcome("answered", false);
    drop(trace);
    let stop = CancellationToken::new();
    stop.cancel();
    exporter.run(noting(&telemetry), stop).await;

    let spans = receiver.spans();
    let root = &spans[0];
    let shape: Vec<_> = spans
        .iter()
        .map(|span| {
            let parent = spans.iter().find(|parent| parent.span_id == span.parent_span_id);
            assert_eq!(span.trace_id, root.trace_id);
            let ms = |nanos: u64| (nanos - 1_000_000_000_000) / 1_000_000;
            let times = (ms(span.start_time_unix_nano), ms(span.end_time_unix_nano));
            (span.name.as_str(), parent.map(|parent| parent.name.as_str()), times)
        })
        .collect();
    let expected = [
        ("invocation", None, (0, 9)),
        ("queue", Some("invocation"), (0, 1)),
        ("load", Some("invoke"), (2, 3)),
        ("run", Some("invoke"), (3, 5)),
        ("commit", Some("invoke"), (5, 6)),
        ("invoke", Some("invocation"), (2, 7)),
        ("reply", Some("invocation"), (7, 9)),
    ];
    assert_eq!(shape, expected);
    assert_eq!((root.trace_id.len(), root.span_id.len()), (16, 8));
    let attributes: Vec<&str> = root.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    let names = ["channel.id", "module", "version", "command", "origin", "outcome"];
    assert_eq!(attributes, names.map(|name| format!("twitchy.{name}")));
    let requests = receiver.requests.lock().unwrap();
    let (path, headers, _) = &requests[0];
    assert_eq!(
        (path.as_str(), &headers["x-key"], &headers["x-other"]),
        ("/otlp/v1/traces", &"secret".parse().unwrap(), &"b".parse().unwrap())
    );
    assert!(telemetry.metrics.render(Vec::new()).contains("twitchy_traces_total{result=\"sent\"} 1"));
}

#[tokio::test]
async fn traces_leave_while_the_host_runs() {
    let receiver = Receiver::start(StatusCode::OK).await;
    let (telemetry, exporter) = start(&receiver, None);
    let stop = CancellationToken::new();
    let running = tokio::spawn(exporter.run(noting(&telemetry), stop.clone()));
    (0..BATCH).for_each(|_| drop(begin(&telemetry)));
    receiver.arrived.notified().await;
    assert_eq!(receiver.spans().len(), BATCH);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_is_refused_or_finds_no_room_is_lost_and_counted() {
    let receiver = Receiver::start(StatusCode::SERVICE_UNAVAILABLE).await;
    let (telemetry, exporter) = start(&receiver, None);
    (0..QUEUE + 10).for_each(|_| drop(begin(&telemetry)));
    let stop = CancellationToken::new();
    stop.cancel();
    exporter.run(noting(&telemetry), stop).await;
    let text = telemetry.metrics.render(Vec::new());
    let expected = format!("twitchy_traces_total{{result=\"lost\"}} {}", QUEUE + 10);
    assert!(text.lines().any(|line| line == expected), "{text}");
    assert!(!text.contains("result=\"sent\""));
}

#[tokio::test(start_paused = true)]
async fn the_log_hears_of_it_once_a_minute() {
    let mut complaints = Complaints::default();
    for (seconds, lost_after) in [(0, 0), (1, 5), (58, 10), (1, 0), (1, 5)] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        complaints.complain(5, Some(&SendTracesError::Status(StatusCode::SERVICE_UNAVAILABLE)));
        assert_eq!(complaints.lost, lost_after);
    }
}

#[test]
fn a_share_of_the_invocations_is_chosen() {
    let chosen = |ratio| {
        let (queue, _) = mpsc::channel(1);
        let tracer = Tracer { ratio, queue, overflown: AtomicU64::new(0) };
        (0..10_000).filter(|_| tracer.is_chosen()).count()
    };
    assert_eq!((chosen(0.0), chosen(1.0)), (0, 10_000));
    // A tolerance of ten standard deviations in each direction.
    assert!((2_000..3_000).contains(&chosen(0.25)));
}

#[test]
fn headers_are_names_and_values_or_refused() {
    assert_eq!(parse_headers("Authorization=Basic a=b").unwrap()["authorization"], "Basic a=b");
    for bad in ["", "key", "a b=c", "a=b\r\nc: d", "=a"] {
        assert_eq!(parse_headers(bad), None, "{bad:?}");
    }
}

#[test]
fn without_a_collector_there_is_no_trace() {
    let (telemetry, exporter) = Telemetry::open(&TelemetryConfig::default(), None).unwrap();
    assert!(exporter.is_none() && !begin(&telemetry).0.is_on());
}
