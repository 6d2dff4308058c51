//! One request and its answer, over a connection of their own.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

use super::network::{Measured, Network, Stream};
use super::redirect::Hop;
use super::{SendRequestError, WebResponse, reach};
use crate::domain::id::ModuleName;

/// What a name may lead to; a name with more is none of those that a module needs.
const MOST_ADDRESSES: usize = 64;
/// Addresses that are tried, one after another.
const MOST_DIALLED: usize = 4;
/// What an address gets to answer where there is another one: many a machine has an IPv6 that leads nowhere.
const DIAL_WITHIN: Duration = Duration::from_millis(250);
const MOST_HEADERS: usize = 64;
const HEAD_BYTES: usize = 16 << 10;
/// What a server may send besides head and body: certificates, and the frames around all of it.
const WRAPPING_BYTES: usize = 128 << 10;
const OWN_NAME: &str = concat!("twitchy/", env!("CARGO_PKG_VERSION"));

/// What came back.
pub(super) enum Answer {
    Response(WebResponse),
    /// To be looked for there; its body was not read.
    Redirect {
        status: u16,
        location: String,
        /// Of its head.
        bytes: usize,
    },
}

/// What a connection is made with.
pub(super) struct Dialler {
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

impl Dialler {
    pub(super) fn new(network: Arc<dyn Network>, tls: ClientConfig) -> Dialler {
        Dialler { network, tls: TlsConnector::from(Arc::new(tls)) }
    }

    pub(super) async fn exchange(&self, hop: &Hop, most_bytes: usize) -> Result<Answer, SendRequestError> {
        let request = write_request(hop)?;
        let stream = self.connect(hop, most_bytes).await?;
        let connected = http1::Builder::new()
            .max_headers(MOST_HEADERS)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(2 * HEAD_BYTES)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = connected.map_err(|error| broken(&error))?;
        let asking = async {
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            read_answer(response, most_bytes).await
        };
        let (mut asking, mut connection) = (std::pin::pin!(asking), std::pin::pin!(connection));
        tokio::select! {
            biased;
            answer = &mut asking => answer,
            // Over before the answer was read to its end: what has arrived, or what went wrong, is told by the other one.
            _ = &mut connection => asking.await,
        }
    }

    /// To an address that was checked: it is not looked up again.
    async fn connect(
        &self,
        hop: &Hop,
        most_bytes: usize,
    ) -> Result<TlsStream<Measured<Box<dyn Stream>>>, SendRequestError> {
        let host = &hop.address.host;
        let name = ServerName::try_from(host.clone()).map_err(|_| unreachable("no host can be called that"))?;
        let mut last = unreachable("the host has no address");
        let mut addresses = self.resolve(&hop.asker, host).await?.into_iter().take(MOST_DIALLED).peekable();
        while let Some(address) = addresses.next() {
            let dialling = self.network.dial(SocketAddr::new(address, 443));
            // The last one has all the time that there is.
            let dialled = match addresses.peek() {
                Some(_) => timeout(DIAL_WITHIN, dialling).await.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
                None => dialling.await,
            };
            match dialled {
                Ok(stream) => {
                    let stream = Measured::new(stream, most_bytes + HEAD_BYTES + WRAPPING_BYTES);
                    return self.tls.connect(name, stream).await.map_err(|error| untrusted(&error));
                }
                Err(error) => last = SendRequestError::Unreachable(format!("no connection: {}", error.kind())),
            }
        }
        Err(last)
    }

    /// All of them public, or none is used: a name that leads here and elsewhere means no good.
    async fn resolve(&self, asker: &ModuleName, host: &str) -> Result<Vec<IpAddr>, SendRequestError> {
        let found = self.network.resolve(asker, host).await;
        let addresses = found.map_err(|_| unreachable("the host's name cannot be looked up"))?;
        if addresses.len() > MOST_ADDRESSES {
            return Err(unreachable("the host has too many addresses"));
        }
        if !addresses.iter().all(|address| reach::is_public(*address)) {
            return Err(unreachable("the host's name leads to an address that is not public"));
        }
        Ok(addresses)
    }
}

fn write_request(hop: &Hop) -> Result<Request<Full<Bytes>>, SendRequestError> {
    let invalid = |_| SendRequestError::InvalidRequest("it cannot be written as HTTP".to_owned());
    let host = HeaderValue::from_str(&hop.address.host);
    let host = host.map_err(|_| SendRequestError::InvalidRequest("the host cannot be written as HTTP".to_owned()))?;
    // A request without a body still says how long it is, where a body is usual: some servers insist.
    let mut request = Request::builder()
        .method(hop.method.as_http())
        .uri(hop.address.target.as_str())
        .body(Full::new(hop.body.clone()))
        .map_err(invalid)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    for header in &hop.headers {
        headers.append(header.name.clone(), header.value.clone());
    }
    if let Some(key) = &hop.idempotency_key {
        headers.insert("idempotency-key", key.clone());
    }
    Ok(request)
}

async fn read_answer(response: Response<Incoming>, most_bytes: usize) -> Result<Answer, SendRequestError> {
    let status = response.status().as_u16();
    if matches!(status, 301 | 302 | 303 | 307 | 308)
        && let Some(location) = response.headers().get(LOCATION)
    {
        let location = location.to_str().map_err(|_| unreachable("the host redirects to no address"))?;
        let bytes = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        return Ok(Answer::Redirect { status, location: location.to_owned(), bytes });
    }
    let headers = list_headers(response.headers());
    let mut incoming = response.into_body();
    // What it says about its length is enough to refuse it.
    if incoming.size_hint().lower() > most_bytes as u64 {
        return Err(SendRequestError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if body.len() + data.len() > most_bytes {
            return Err(SendRequestError::TooLarge);
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer::Response(WebResponse { status, headers, body }))
}

fn list_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(value))).collect()
}

/// Texts of our own alone: a server could put into others what it was sent.
fn broken(error: &hyper::Error) -> SendRequestError {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_parse_too_large() || source.is_some_and(|error| error.kind() == io::ErrorKind::QuotaExceeded) {
        return SendRequestError::TooLarge;
    }
    unreachable(match error {
        _ if error.is_incomplete_message() => "the connection ended before the answer",
        _ if error.is_parse() => "what came back is not HTTP",
        _ => "the connection broke",
    })
}

fn untrusted(error: &io::Error) -> SendRequestError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    unreachable(match tls {
        Some(rustls::Error::InvalidCertificate(_)) => "the host's certificate is not valid for it",
        _ => "no encrypted connection",
    })
}

fn unreachable(why: &str) -> SendRequestError {
    SendRequestError::Unreachable(why.to_owned())
}
