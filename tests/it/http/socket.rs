//! The server over a real socket.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twitchy::config::HttpConfig;
use twitchy::http::serve;

use super::harness::Site;

struct Serving {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn start(site: &Site, config: HttpConfig) -> (SocketAddr, Serving) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, site.router.clone(), config, stop.clone()));
    (address, Serving { stop, task })
}

#[tokio::test]
async fn a_request_over_a_socket_is_answered_and_the_server_ends_when_told() {
    let site = Site::open().await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /api/v1/keys/self HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n", site.own);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    // The idle keep-alive connection must not delay the shutdown.
    serving.end().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("\"name\":\"own\""));
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    site.close().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_without_a_body_as_documented() {
    let site = Site::open().await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    for length in [70_000, 400_000] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/v1/audit?subject={} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(length));
        // Writing may fail, because the server may answer before it has read everything.
        stream.write_all(request.as_bytes()).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    serving.end().await;
    site.close().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_ends_the_connection() {
    let site = Site::open().await;
    let config = HttpConfig { header_within: std::time::Duration::from_millis(20), ..HttpConfig::default() };
    let (address, serving) = start(&site, config).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a").await.unwrap();
    // The test waits for nothing but the end of the connection.
    stream.read_to_end(&mut Vec::new()).await.ok();
    serving.end().await;
    site.close().await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_upload_whose_caller_hangs_up_is_not_compiled_to_its_end() {
    use twitchy::config::SandboxConfig;

    use crate::harness::patient;
    use crate::sandbox::bytes::endless_to_compile;
    use crate::sandbox::compilers::find_child;

    // An unusual limit, by which this test's compiler process is told from those of other tests.
    let memory = (2 << 30) + 16_384;
    let limits = SandboxConfig { compile_memory: memory, ..patient() };
    let site = Site::with_limits(HttpConfig::default(), limits).await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let component = endless_to_compile(0);
    let head = format!(
        "POST /api/v1/modules HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/wasm\r\nContent-Length: {}\r\n\r\n",
        site.own,
        component.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&component).await.unwrap();
    let process = loop {
        match find_child(memory) {
            Some(process) => break process,
            None => tokio::task::yield_now().await,
        }
    };
    drop(stream);
    while process.exists() {
        tokio::task::yield_now().await;
    }
    serving.end().await;
    site.close().await;
}

/// The body never arrives, and the host does not wait for it.
#[tokio::test]
async fn a_body_that_is_promised_to_be_too_large_is_refused_at_once() {
    let site = Site::open().await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    for request in ["POST /api/v1/keys", "PATCH /api/v1/channels/100", "POST /api/v1/modules"] {
        for more in ["", "Idempotency-Key: k\r\n"] {
            let content = if request.ends_with("modules") { "wasm" } else { "json" };
            let head = format!(
                "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nIf-Match: *\r\n{more}\
                 Content-Type: application/{content}\r\nContent-Length: 99999999999\r\n\r\n",
                site.operator
            );
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{request}: {answer}");
        }
    }
    serving.end().await;
    site.close().await;
}

/// Some clients write the whole request before they read. A reset connection would lose the answer.
#[tokio::test]
async fn who_sends_on_after_a_refusal_still_reads_it() {
    let site = Site::open().await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    // More bytes than the system buffers for a reader that does not read.
    let body = vec![b' '; 24 << 20];
    for (request, key, refusal) in [
        ("POST /api/v1/modules", &site.operator, " 415 "),
        ("POST /api/v1/modules?class=large", &site.operator, " 415 "),
        ("POST /api/v1/keys", &"nonsense".to_owned(), " 401 "),
        ("PATCH /api/v1/channels/100", &site.other, " 403 "),
        ("POST /no/such/path", &site.operator, " 404 "),
    ] {
        for length in [format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked".to_owned()] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!(
                "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: text/plain\r\n\
                 {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            if length.starts_with('T') {
                stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).await.unwrap();
            }
            stream.write_all(&body).await.unwrap_or_else(|error| panic!("{request} {length}: {error}"));
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap_or_else(|error| panic!("{request} {length}: {error}"));
            let (line, _) = answer.split_once("\r\n").unwrap();
            assert!(line.contains(refusal) && answer.ends_with('}'), "{request} {length}: {answer}");
        }
    }
    serving.end().await;
    site.close().await;
}

/// Old load balancers send HTTP/1.0 without a Host.
#[tokio::test]
async fn a_probe_may_be_of_the_oldest_version() {
    let site = Site::open().await;
    let (address, serving) = start(&site, HttpConfig::default()).await;
    for (path, status) in [("/healthz", " 200 "), ("/readyz", " 200 "), ("/metrics", " 421 ")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.lines().next().unwrap().contains(status), "{path}: {answer}");
    }
    serving.end().await;
    site.close().await;
}
