//! The guarded web client: the only door from the sandbox to the network.
//!
//! Promised: a request goes out by https, on port 443, to a host that was granted and declared, at an address that is
//! public, and to exactly the address that was checked; the same holds for each redirect. Each request has a connection of
//! its own, a deadline, and an end to what is read of its answer. What a module may hold at once is bounded, and nobody waits
//! for a place. Nothing is taken from the environment: no proxy, no credentials, no cookies. Secrets stand in headers
//! only, go to no other host than the one that the module named, and do not come back as they were sent. Absent: what an
//! invocation has sent so far, which is the transaction's, and where secrets are kept.

mod address;
mod echo;
mod exchange;
mod header;
mod lookups;
pub mod network;
mod reach;
mod redirect;
mod seats;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

use super::run::meter::Reading;
use crate::config::WebConfig;
use crate::domain::ports::Clock;
use address::{Address, parse_address};
use echo::Told;
use exchange::{Answer, Dialler};
pub use header::{Header, list_secret_keys, prepare_headers};
use network::{Network, SystemNetwork};
use redirect::Hop;
use seats::Seats;
pub use seats::Sender;

const MOST_REDIRECTS: usize = 3;

/// What to do with what is at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a module wants to be sent: nothing of it is checked yet, and no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebRequest {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// What came back, whatever its status. Names of headers are in lower case; what is not UTF-8 is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why nothing came back. No text of the server's, and no secret, is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRequestError {
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// Gives the host.
    #[error("{0} is not granted")]
    NotGranted(String),
    #[error("the host did not answer in time")]
    TimedOut,
    #[error("the answer is too large")]
    TooLarge,
    #[error("the requests of this invocation are used up")]
    OverBudget,
    #[error("a dry run sends nothing")]
    NotSent,
    #[error("unreachable: {0}")]
    Unreachable(String),
}

impl SendRequestError {
    /// One word, for whoever counts.
    pub fn code(&self) -> &'static str {
        match self {
            SendRequestError::InvalidRequest(_) => "invalid_request",
            SendRequestError::NotGranted(_) => "not_granted",
            SendRequestError::TimedOut => "timed_out",
            SendRequestError::TooLarge => "too_large",
            SendRequestError::OverBudget => "over_budget",
            SendRequestError::NotSent => "not_sent",
            SendRequestError::Unreachable(_) => "unreachable",
        }
    }
}

/// A request with all that decides whether and how it is sent.
pub struct Order<'a> {
    pub request: &'a WebRequest,
    /// The request's own, prepared.
    pub headers: Vec<Header>,
    /// Hosts that were granted and declared.
    pub hosts: Vec<String>,
    pub sender: Sender,
    /// Sent with all that may change something.
    pub idempotency_key: String,
    /// When the invocation has no time left for it.
    pub deadline: Instant,
    /// Bytes of body that the invocation has left for the answer.
    pub most_bytes: usize,
    pub spent: Arc<Spent>,
    pub clock: Arc<dyn Clock>,
}

/// What requests take besides what is asked for and answered. It is added here as they go.
#[derive(Debug, Default)]
pub struct Spent {
    /// Nanoseconds of processor time.
    pub processor: AtomicU64,
    /// Bytes: the heads of redirects, and what is sent again because of them.
    pub bytes: AtomicUsize,
}

/// Sends requests. Shared by all modules.
pub struct WebClient {
    config: WebConfig,
    dialler: Arc<Dialler>,
    seats: Seats,
}

impl WebClient {
    /// On the machine's network, trusting the certificate authorities that Mozilla does.
    pub fn system(config: &WebConfig) -> WebClient {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        WebClient::new(config, Arc::new(SystemNetwork::default()), roots)
    }

    pub fn new(config: &WebConfig, network: Arc<dyn Network>, roots: RootCertStore) -> WebClient {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers all that the protocol versions ask for")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Kept sessions would let a host know one channel's request by another's.
        tls.resumption = Resumption::disabled();
        WebClient {
            config: config.clone(),
            dialler: Arc::new(Dialler::new(network, tls)),
            seats: Seats::new(config.connections, config.connections_per_module),
        }
    }

    /// How much an invocation may send and receive.
    pub fn config(&self) -> &WebConfig {
        &self.config
    }

    /// Sends it, and follows where the answer leads. Dropping the future ends the connection.
    pub async fn send(&self, order: Order<'_>) -> Result<WebResponse, SendRequestError> {
        let address = parse_address(&order.request.url)?;
        check_granted(&address, &order.hosts)?;
        let body = Bytes::from(order.request.body.clone().unwrap_or_default());
        let idempotency_key = if order.request.method.is_safe() { None } else { Some(key(&order.idempotency_key)?) };
        let told = Told::of(&order.headers);
        let (asker, method) = (order.sender.1.clone(), order.request.method);
        let hop = Hop { asker, method, address, headers: order.headers, body, idempotency_key };
        let seat = self.seats.take(&order.sender);
        let seat = seat.ok_or_else(|| SendRequestError::Unreachable("too many requests at once".to_owned()))?;
        let (dialler, hosts, spent, clock) = (Arc::clone(&self.dialler), order.hosts, order.spent, order.clock);
        let most = Most { bytes: order.most_bytes, of_answer: self.config.response_bytes };
        let until = order.deadline.min(Instant::now() + self.config.answer_within);
        // A task of its own: what cryptography costs is no processor time of the guest's, which waits meanwhile. But it is
        // used for this module in this channel, whose credit it counts against.
        let sent = tokio::spawn(async move {
            let _seat = seat;
            let follow = follow(&dialler, hop, &hosts, &told, most, &spent.bytes);
            let follow = counted(&*clock, &spent.processor, follow);
            let followed = timeout_at(until, follow).await;
            let mut response = followed.unwrap_or(Err(SendRequestError::TimedOut))?;
            told.blot_out(&mut response);
            Ok(response)
        });
        let broken = |_| Err(SendRequestError::Unreachable("the request was ended".to_owned()));
        AbortOnDropHandle::new(sent).await.unwrap_or_else(broken)
    }
}

/// Notes what each step takes of the processor, whether or not there is a last one.
async fn counted<F: Future>(clock: &dyn Clock, processor: &AtomicU64, work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| {
        let before = Reading::of(clock);
        let polled = work.as_mut().poll(context);
        let took = Reading::of(clock).since(before).as_nanos();
        processor.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    })
    .await
}

/// How far a request may go.
#[derive(Clone, Copy)]
struct Most {
    /// On its whole way.
    bytes: usize,
    of_answer: usize,
}

async fn follow(
    dialler: &Dialler,
    mut hop: Hop,
    hosts: &[String],
    told: &Told,
    mut most: Most,
    spent: &AtomicUsize,
) -> Result<WebResponse, SendRequestError> {
    for _ in 0..=MOST_REDIRECTS {
        let (status, location, head) = match dialler.exchange(&hop, most.bytes.min(most.of_answer)).await? {
            Answer::Response(response) => return Ok(response),
            Answer::Redirect { status, location, bytes } => (status, location, bytes),
        };
        hop = hop.follow(status, &location)?;
        // Its name is the server's text.
        if told.is_in_name(&hop.address.host) {
            return Err(redirect::never_asked());
        }
        check_granted(&hop.address, hosts)?;
        let again = head + hop.bytes();
        most.bytes = most.bytes.checked_sub(again).ok_or(SendRequestError::OverBudget)?;
        spent.fetch_add(again, Ordering::Relaxed);
    }
    Err(SendRequestError::Unreachable(format!("more than {MOST_REDIRECTS} redirects")))
}

fn check_granted(address: &Address, hosts: &[String]) -> Result<(), SendRequestError> {
    let is_granted = hosts.contains(&address.host);
    is_granted.then_some(()).ok_or_else(|| SendRequestError::NotGranted(address.host.clone()))
}

fn key(text: &str) -> Result<HeaderValue, SendRequestError> {
    HeaderValue::from_str(text).map_err(|_| SendRequestError::InvalidRequest("the invocation has no id".to_owned()))
}

impl Method {
    /// Whether it only asks, so that asking twice does no harm.
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }

    fn as_http(self) -> hyper::Method {
        match self {
            Method::Get => hyper::Method::GET,
            Method::Head => hyper::Method::HEAD,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
            Method::Delete => hyper::Method::DELETE,
        }
    }
}
