//! The guarded HTTP client, for requests of guests.
//!
//! Guarantees: a request goes by https to port 443 of a host name. The name is looked up once, all of its addresses
//! must be public, and only these are dialled. The bytes of an answer are limited in each layer. Dropping the future
//! closes the connection. No other task works on the exchange, so the caller can measure its cost.
//!
//! Not here: deadlines, grants and redirects, which are the caller's; and IP addresses as hosts, which no request has.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, RootCertStore};

use super::limited_stream::LimitedStream;
use super::network::{Network, Stream};
use super::{public_address, tls};
use crate::domain::id::ModuleName;

/// Most addresses of a name. A name with more is none that a module needs.
const MOST_ADDRESSES: usize = 64;
/// Most addresses that are tried, one after another.
const MOST_DIALLED: usize = 4;
/// Time-out of a connection attempt if another address remains: many machines have an IPv6 that leads nowhere.
const DIAL_WITHIN: Duration = Duration::from_millis(250);
const MOST_HEADERS: usize = 64;
const HEAD_BYTES: usize = 16 << 10;
/// Bytes that a server may send besides head and body: certificates, and the framing of TLS and HTTP.
const OVERHEAD_BYTES: usize = 128 << 10;
const PRODUCT: &str = concat!("twitchy/", env!("CARGO_PKG_VERSION"));

/// A request by https.
#[derive(Clone, Debug)]
pub struct GuardedRequest<'a> {
    /// The module whose share of the look-ups is used.
    pub for_module: &'a ModuleName,
    /// A name, not an address.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
    pub method: Method,
    /// Host, User-Agent and Connection are ignored: the client adds its own.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer. The texts are our own alone, because a server's text could repeat what it was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("{0} cannot be written as HTTP")]
    Invalid(&'static str),
    #[error("the answer is too large")]
    TooLarge,
    #[error("{0}")]
    Unreachable(String),
}

pub struct GuardedClient {
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

impl GuardedClient {
    pub fn new(network: Arc<dyn Network>, roots: RootCertStore) -> GuardedClient {
        let mut config = tls::client_config(roots);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // With resumed TLS sessions, a host could link requests of different channels.
        config.resumption = Resumption::disabled();
        GuardedClient { network, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends the request over a connection of its own. An answer's body of more than `most_bytes` is an error; the body
    /// of a redirect is not read.
    pub async fn exchange(
        &self,
        request: GuardedRequest<'_>,
        most_bytes: usize,
    ) -> Result<Response<Vec<u8>>, ExchangeError> {
        let (for_module, host) = (request.for_module, request.host);
        let request = write_request(request)?;
        let stream = self.connect(for_module, host, most_bytes).await?;
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
            // The connection ended first: `asking` still returns the answer if all of it has arrived, else the error.
            _ = &mut connection => asking.await,
        }
    }

    /// Connects to one of the checked addresses, without a second look-up.
    async fn connect(
        &self,
        for_module: &ModuleName,
        host: &str,
        most_bytes: usize,
    ) -> Result<TlsStream<LimitedStream<Box<dyn Stream>>>, ExchangeError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| unreachable("no host can be called that"))?;
        let mut last = unreachable("the host has no address");
        let mut addresses = self.resolve(for_module, host).await?.into_iter().take(MOST_DIALLED).peekable();
        while let Some(address) = addresses.next() {
            let dialling = self.network.dial(SocketAddr::new(address, 443));
            // The last address may use all the remaining time.
            let dialled = match addresses.peek() {
                Some(_) => timeout(DIAL_WITHIN, dialling).await.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
                None => dialling.await,
            };
            match dialled {
                Ok(stream) => {
                    let stream = LimitedStream::new(stream, most_bytes + HEAD_BYTES + OVERHEAD_BYTES);
                    return self.tls.connect(name, stream).await.map_err(|error| untrusted(&error));
                }
                Err(error) => last = ExchangeError::Unreachable(format!("no connection: {}", error.kind())),
            }
        }
        Err(last)
    }

    /// Looks `host` up. If any of its addresses is not public, none is used: such a name is most likely an attack.
    async fn resolve(&self, for_module: &ModuleName, host: &str) -> Result<Vec<IpAddr>, ExchangeError> {
        let found = self.network.resolve(for_module, host).await;
        let addresses = found.map_err(|_| unreachable("the host's name cannot be looked up"))?;
        if addresses.len() > MOST_ADDRESSES {
            return Err(unreachable("the host has too many addresses"));
        }
        if !addresses.iter().all(|address| public_address::is_public(*address)) {
            return Err(unreachable("the host's name leads to an address that is not public"));
        }
        Ok(addresses)
    }
}

fn write_request(parts: GuardedRequest<'_>) -> Result<Request<Full<Bytes>>, ExchangeError> {
    let host = HeaderValue::from_str(parts.host).map_err(|_| ExchangeError::Invalid("the host"))?;
    // hyper sends the length of an empty `Full` too, with methods that usually have a body: some servers insist.
    let request = Request::builder().method(parts.method).uri(parts.target).body(Full::new(parts.body));
    let mut request = request.map_err(|_| ExchangeError::Invalid("it"))?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut others = parts.headers;
    for own in headers.keys() {
        others.remove(own);
    }
    headers.extend(others);
    Ok(request)
}

/// The target of a redirect.
pub fn find_redirect<B>(answer: &Response<B>) -> Option<&HeaderValue> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    answer.headers().get(LOCATION).filter(|_| is_redirect)
}

async fn read_answer(response: Response<Incoming>, most_bytes: usize) -> Result<Response<Vec<u8>>, ExchangeError> {
    if find_redirect(&response).is_some() {
        return Ok(response.map(|_| Vec::new()));
    }
    let (head, mut incoming) = response.into_parts();
    // The declared length alone is enough for refusing the body.
    if incoming.size_hint().lower() > most_bytes as u64 {
        return Err(ExchangeError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if body.len() + data.len() > most_bytes {
            return Err(ExchangeError::TooLarge);
        }
        body.extend_from_slice(&data);
    }
    Ok(Response::from_parts(head, body))
}

fn broken(error: &hyper::Error) -> ExchangeError {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_parse_too_large() || source.is_some_and(|error| error.kind() == io::ErrorKind::QuotaExceeded) {
        return ExchangeError::TooLarge;
    }
    unreachable(match error {
        _ if error.is_incomplete_message() => "the connection ended before the answer",
        _ if error.is_parse() => "what came back is not HTTP",
        _ => "the connection broke",
    })
}

fn untrusted(error: &io::Error) -> ExchangeError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    unreachable(match tls {
        Some(rustls::Error::InvalidCertificate(_)) => "the host's certificate is not valid for it",
        _ => "no encrypted connection",
    })
}

fn unreachable(why: &str) -> ExchangeError {
    ExchangeError::Unreachable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_cannot_overwrite_the_clients_own_headers() {
        let names = [HOST, USER_AGENT, CONNECTION, LOCATION];
        let headers = names.map(|name| (name, HeaderValue::from_static("other"))).into_iter().collect();
        let for_module = "dice".parse().unwrap();
        let (method, body) = (Method::GET, Bytes::new());
        let request = GuardedRequest { for_module: &for_module, host: "a.example", target: "/", method, headers, body };
        let request = write_request(request).unwrap();
        let written: Vec<_> = request.headers().iter().map(|(name, value)| (name, value.to_str().unwrap())).collect();
        let expected = [(&HOST, "a.example"), (&USER_AGENT, PRODUCT), (&CONNECTION, "close"), (&LOCATION, "other")];
        assert_eq!(written, expected);
    }
}
