//! Capability `http`: what an invocation sends, all its runs together.
//!
//! What was sent stays sent, so this is no part of the transaction: a run after a conflict is told what the first one was
//! told, as long as it asks the same.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Fault, HostCallError, Transaction};
use crate::domain::invocation::InvocationId;
use crate::domain::manifest::{Capability, SettingKind};
use crate::domain::ports::FindSecretError;
use crate::sandbox::web::{
    Order, PrepareHeadersError, SendRequestError, Spent, WebRequest, WebResponse, prepare_headers,
};

/// What a module has left of its deadline to say that nothing came back.
const TO_ANSWER: Duration = Duration::from_millis(50);
/// Characters of an invocation's id that are sent as they are.
const LONGEST_ID: usize = 100;

type Sent = Result<WebResponse, SendRequestError>;

/// The requests of one invocation, in the order of asking.
pub struct Requests {
    /// The invocation's.
    deadline: Instant,
    is_dry: bool,
    recorded: Mutex<Vec<Recorded>>,
    spent: Arc<Spent>,
}

/// A request, and what the module was told.
#[derive(Clone)]
struct Recorded {
    digest: [u8; 32],
    /// Sent and received.
    bytes: usize,
    sent: Sent,
}

impl Requests {
    /// A dry run sends nothing, and is told so.
    pub fn new(deadline: Instant, is_dry: bool) -> Requests {
        Requests { deadline, is_dry, recorded: Mutex::default(), spent: Arc::default() }
    }

    /// What they took of the processor, beside the guest.
    pub fn processor(&self) -> Duration {
        Duration::from_nanos(self.spent.processor.load(Ordering::Relaxed))
    }

    /// Bytes that were sent and received.
    fn bytes(&self) -> usize {
        let asked_for = self.recorded().iter().map(|recorded| recorded.bytes).sum::<usize>();
        asked_for + self.spent.bytes.load(Ordering::Relaxed)
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<Recorded>> {
        // Nothing panics while it holds this lock.
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transaction {
    /// Sends a request, or gives the answer that an earlier run of this invocation got in its place.
    pub async fn send(&mut self, request: WebRequest) -> Result<WebResponse, HostCallError<SendRequestError>> {
        self.require(Capability::Http)?;
        let requests = self.requests.clone();
        if requests.is_dry {
            return Err(self.refuse(SendRequestError::NotSent));
        }
        let (place, digest) = (self.asked, digest(&request));
        if place >= self.world.web.config().requests {
            return Err(self.refuse(SendRequestError::OverBudget));
        }
        self.asked += 1;
        let before = requests.recorded().get(place).cloned();
        if let Some(recorded) = before {
            // Another one would have to be sent in the place of one that was.
            let is_same = recorded.digest == digest;
            return if is_same { recorded.sent.map_err(HostCallError::Told) } else { Err(Fault::Conflict.into()) };
        }
        let left = self.world.web.config().bytes.checked_sub(requests.bytes() + request_bytes(&request));
        let has_time = Instant::now() + TO_ANSWER < requests.deadline;
        let asked_at = Instant::now();
        let (bytes, sent) = match left.filter(|_| has_time) {
            None => (0, Err(SendRequestError::OverBudget)),
            Some(left) => {
                let sent = self.send_now(&request, place, requests.deadline - TO_ANSWER, left).await?;
                let received = match &sent {
                    Ok(response) => response_bytes(response),
                    // Read as far as it was taken, and for nothing.
                    Err(SendRequestError::TooLarge) => left.min(self.world.web.config().response_bytes),
                    Err(_) => 0,
                };
                (request_bytes(&request) + received, sent)
            }
        };
        self.world.telemetry.note_web_request(sent.as_ref().map_or_else(|error| error.code(), |_| "answered"));
        if sent.is_ok() {
            self.world.telemetry.note_web_answer(asked_at.elapsed());
        }
        requests.recorded().push(Recorded { digest, bytes, sent: sent.clone() });
        sent.map_err(HostCallError::Told)
    }

    fn refuse(&self, error: SendRequestError) -> HostCallError<SendRequestError> {
        self.world.telemetry.note_web_request(error.code());
        HostCallError::Told(error)
    }

    async fn send_now(
        &self,
        request: &WebRequest,
        place: usize,
        deadline: Instant,
        most_bytes: usize,
    ) -> Result<Sent, Fault> {
        let headers = match prepare_headers(&request.headers, |key| self.find_secret(key)) {
            Ok(headers) => headers,
            Err(PrepareHeadersError::Refused(error)) => return Ok(Err(error)),
            Err(PrepareHeadersError::Secret(error)) => return Err(error.into()),
        };
        let (declared, granted) = (&self.call.manifest.http_hosts, &self.call.grants.http_hosts);
        let order = Order {
            request,
            headers,
            hosts: granted.iter().filter(|host| declared.contains(host)).cloned().collect(),
            sender: (self.channel(), self.module().clone()),
            idempotency_key: format!("{}-{}", name(&self.invocation().id), place + 1),
            deadline,
            most_bytes,
            spent: Arc::clone(&self.requests.spent),
            clock: Arc::clone(&self.world.clock),
        };
        Ok(self.world.web.send(order).await)
    }

    /// A setting that the module declares as secret, of this channel; None for any other.
    fn find_secret(&self, key: &str) -> Result<Option<SecretString>, FindSecretError> {
        let settings = &self.call.manifest.settings;
        if !settings.iter().any(|setting| setting.key == key && setting.kind == SettingKind::Secret) {
            return Ok(None);
        }
        self.world.secrets.find_secret(self.channel(), self.module(), key)
    }
}

/// What the web knows an invocation by: Twitch's id; in place of a text that a caller chose, its digest.
fn name(id: &InvocationId) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=LONGEST_ID).contains(&id.id.len()) && id.id.bytes().all(is_plain) {
        return id.id.to_string();
    }
    let digest = Sha256::new().chain_update(id.origin.as_str()).chain_update([0]).chain_update(id.id.as_bytes());
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Of all that a request says, each part with its length, so that no two requests say the same.
fn digest(request: &WebRequest) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |part: &[u8]| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    };
    add(&[request.method as u8, u8::from(request.body.is_some())]);
    add(request.url.as_bytes());
    add(request.body.as_deref().unwrap_or_default());
    for (name, value) in &request.headers {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    hasher.finalize().into()
}

fn request_bytes(request: &WebRequest) -> usize {
    request.url.len() + header_bytes(&request.headers) + request.body.as_ref().map_or(0, Vec::len)
}

fn response_bytes(response: &WebResponse) -> usize {
    header_bytes(&response.headers) + response.body.len()
}

fn header_bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}
