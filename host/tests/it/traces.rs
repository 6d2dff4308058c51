//! The traces that `twitchy serve` sends to an OpenTelemetry collector.

use std::fs;
use std::sync::{Arc, Mutex};

use fake_twitch::{FakeTwitch, Settings};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use crate::serve::{TOKEN, config, start_bot};

/// Starts a collector on this machine. Returns its port, and the bodies that it receives.
async fn start_collector() -> (u16, Arc<Mutex<Vec<Bytes>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, bodies) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<_>>>::default());
    let kept = bodies.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let kept = kept.clone();
                async move {
                    let body = request.into_body().collect().await?.to_bytes();
                    kept.lock().unwrap().push(body);
                    Ok::<_, hyper::Error>(Response::new(Empty::<Bytes>::new()))
                }
            });
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
        }
    });
    (port, bodies)
}

/// The spans of all bodies, grouped by trace, in the order of arrival.
fn list_traces(bodies: &[Bytes]) -> Vec<Vec<Span>> {
    let mut traces: Vec<Vec<Span>> = Vec::new();
    for body in bodies {
        let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            match traces.iter_mut().find(|trace| trace[0].trace_id == span.trace_id) {
                Some(trace) => trace.push(span),
                None => traces.push(vec![span]),
            }
        }
    }
    traces
}

/// Each distinct span as `name<parent`, such as `run<invoke`, sorted.
fn describe(trace: &[Span]) -> Vec<String> {
    let name_of = |id: &[u8]| trace.iter().find(|span| span.span_id == id).map_or("", |span| span.name.as_str());
    let mut steps: Vec<_> =
        trace.iter().map(|span| format!("{}<{}", span.name, name_of(&span.parent_span_id))).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_one_trace_from_its_line_to_its_reply_and_tells_nothing_of_what_was_said() {
    let twitch = FakeTwitch::new(&Settings::default());
    let address = twitch.listen().await.unwrap();
    twitch.add_account("mybot", "1000", TOKEN);
    twitch.add_channel("shop");
    let (port, bodies) = start_collector().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:{port}\"\nservice_name = \"botty\"\n");
    fs::write(&path, config(&address.to_string()) + &telemetry).unwrap();
    let mut bot = start_bot(&path);
    bot.meanwhile(twitch.until_joined("mybot", "shop")).await;
    bot.wait_for_error("online, 1 of 1 channel");
    let mut heard = twitch.subscribe();
    for (chatter, text) in [("alice", "!help confidential"), ("shop", "!settings prefix ?")] {
        twitch.say("shop", chatter, text).unwrap();
        while bot.meanwhile(heard.recv()).await.unwrap().from != "mybot" {}
    }
    twitch.say("shop", "alice", "nothing but talk").unwrap();
    bot.send_signal("TERM");
    let (status, errors) = bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");

    let bodies = bodies.lock().unwrap().clone();
    let traces = list_traces(&bodies);
    let reads = [
        "admission<invocation",
        "invocation<",
        "invoke<invocation",
        "queue<invocation",
        "reply<invocation",
        "run<invoke",
    ];
    let mut writes = [["commit<invoke"].as_slice(), &reads].concat();
    writes.sort_unstable();
    let described: Vec<_> = traces.iter().map(|trace| describe(trace)).collect();
    assert_eq!(described, [reads.as_slice(), &writes]);
    for (trace, outcome) in traces.iter().zip(["refused", "answered"]) {
        let root = trace.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
        let is_within = |span: &Span| {
            root.start_time_unix_nano <= span.start_time_unix_nano
                && span.start_time_unix_nano <= span.end_time_unix_nano
                && span.end_time_unix_nano <= root.end_time_unix_nano
        };
        assert!(trace.iter().all(is_within), "{trace:#?}");
        assert!(trace.iter().all(|span| *span == *root || span.attributes.is_empty()));
        let attributes = format!("{:?}", root.attributes);
        assert!(attributes.contains(&format!("\"{outcome}\"")), "{attributes}");
    }
    let all = bodies.concat();
    let has = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("botty") && has("help"));
    for text in ["confidential", "alice", "prefix", TOKEN, "talk"] {
        assert!(!has(text), "{text}");
    }
}
