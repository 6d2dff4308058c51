//! Sends a guest's requests, within its grants and limits.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::RootCertStore;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, parse_address};
use super::echo::SentSecrets;
use super::header::Header;
use super::in_flight::{InFlight, Requester};
use super::redirect::{self, Hop};
use super::request::{SendRequestError, WebRequest, WebResponse};
use crate::config::WebConfig;
use crate::domain::ports::Clock;
use crate::net::guarded::{GuardedClient, find_redirect};
use crate::net::network::{Network, SystemNetwork};
use crate::net::tls::public_roots;
use crate::sandbox::run::meter::Reading;

const MOST_REDIRECTS: usize = 3;

/// A request, with everything that decides whether and how it is sent.
pub struct PreparedRequest<'a> {
    pub request: &'a WebRequest,
    /// The request's own headers, with secrets filled in.
    pub headers: Vec<Header>,
    /// The granted and declared hosts.
    pub hosts: Vec<String>,
    pub sender: Requester,
    /// Sent with all methods that may change something.
    pub idempotency_key: String,
    /// The end of the invocation's time for requests.
    pub deadline: Instant,
    /// Bytes of an answer's body that the invocation may still receive.
    pub most_bytes: usize,
    pub spent: Arc<RequestCost>,
    pub clock: Arc<dyn Clock>,
}

/// Further costs of requests, which the guest sees in neither request nor answer. Updated while the requests run.
#[derive(Debug, Default)]
pub struct RequestCost {
    /// Nanoseconds of processor time.
    pub processor: AtomicU64,
    /// Bytes of redirects: their heads, and the requests that follow them.
    pub bytes: AtomicUsize,
}

/// Sends requests. Shared by all modules.
pub struct WebClient {
    config: WebConfig,
    client: Arc<GuardedClient>,
    in_flight: InFlight,
    /// Set by the author's runner: no request is sent, and each URL has its answer here.
    rehearsed: Option<HashMap<String, WebResponse>>,
}

impl WebClient {
    /// A client on the machine's network that trusts Mozilla's certificate authorities.
    pub fn system(config: &WebConfig) -> WebClient {
        WebClient::new(config, Arc::new(SystemNetwork::default()), public_roots())
    }

    pub fn new(config: &WebConfig, network: Arc<dyn Network>, roots: RootCertStore) -> WebClient {
        WebClient {
            config: config.clone(),
            client: Arc::new(GuardedClient::new(network, roots)),
            in_flight: InFlight::new(config.connections, config.connections_per_module),
            rehearsed: None,
        }
    }

    /// A client that sends nothing: each URL has its answer here, and any other URL has none.
    pub fn rehearsed(config: &WebConfig, answers: HashMap<String, WebResponse>) -> WebClient {
        WebClient { rehearsed: Some(answers), ..WebClient::system(config) }
    }

    /// The limits on an invocation's requests and answers.
    pub fn config(&self) -> &WebConfig {
        &self.config
    }

    /// Sends the request and follows redirects. Dropping the future closes the connection.
    pub async fn send(&self, prepared: PreparedRequest<'_>) -> Result<WebResponse, SendRequestError> {
        let address = parse_address(&prepared.request.url)?;
        check_granted(&address, &prepared.hosts)?;
        if let Some(answers) = &self.rehearsed {
            let url = &prepared.request.url;
            let missing = || SendRequestError::Unreachable(format!("nothing answers {url} here"));
            return answers.get(url).cloned().ok_or_else(missing);
        }
        let body = Bytes::from(prepared.request.body.clone().unwrap_or_default());
        let idempotency_key =
            if prepared.request.method.is_safe() { None } else { Some(key(&prepared.idempotency_key)?) };
        let secrets = SentSecrets::of(&prepared.headers);
        let (for_module, method) = (prepared.sender.1.clone(), prepared.request.method.clone());
        let hop = Hop { for_module, method, address, headers: prepared.headers, body, idempotency_key };
        let permit = self.in_flight.find_permit(&prepared.sender);
        let permit = permit.ok_or_else(|| SendRequestError::Unreachable("too many requests at once".to_owned()))?;
        let (client, hosts, spent, clock) = (Arc::clone(&self.client), prepared.hosts, prepared.spent, prepared.clock);
        let (most_bytes, most_of_answer) = (prepared.most_bytes, self.config.response_bytes);
        let until = prepared.deadline.min(Instant::now() + self.config.answer_within);
        // A task of its own, so that the processor time of cryptography is not measured as the waiting guest's. It
        // counts against the processor credit of this module in this channel instead.
        let sent = tokio::spawn(async move {
            let _permit = permit;
            let follow = follow(&client, hop, &hosts, &secrets, most_bytes, most_of_answer, &spent.bytes);
            let follow = counted(&*clock, &spent.processor, follow);
            let followed = timeout_at(until, follow).await;
            let mut response = followed.unwrap_or(Err(SendRequestError::TimedOut))?;
            secrets.redact(&mut response);
            Ok(response)
        });
        let broken = |_| Err(SendRequestError::Unreachable("the request was ended".to_owned()));
        AbortOnDropHandle::new(sent).await.unwrap_or_else(broken)
    }
}

/// Adds the processor time of each poll to `processor`, so that it counts even if `work` is dropped before its end.
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

/// `most_bytes` limits the request with all its redirects, `most_of_answer` each answer.
async fn follow(
    client: &GuardedClient,
    mut hop: Hop,
    hosts: &[String],
    secrets: &SentSecrets,
    mut most_bytes: usize,
    most_of_answer: usize,
    spent: &AtomicUsize,
) -> Result<WebResponse, SendRequestError> {
    for _ in 0..=MOST_REDIRECTS {
        let answer = client.exchange(hop.request(), most_bytes.min(most_of_answer)).await?;
        let Some(location) = find_redirect(&answer) else { return Ok(answer.into()) };
        let no_address = |_| SendRequestError::Unreachable("the host redirects to no address".to_owned());
        hop = hop.follow(answer.status().as_u16(), location.to_str().map_err(no_address)?)?;
        // The server chose this host name, and an error would repeat it.
        if secrets.is_in_name(&hop.address.host) {
            return Err(redirect::invalid_redirect());
        }
        check_granted(&hop.address, hosts)?;
        let head = answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        let again = head + hop.bytes();
        most_bytes = most_bytes.checked_sub(again).ok_or(SendRequestError::OverBudget)?;
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
