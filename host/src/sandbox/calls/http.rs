//! Capability `http`: sends requests through the guarded web client, and waits for the response.
//!
//! A request cannot be rolled back, so it is not part of the transaction ([`requests`]).

pub mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::requests::{Recorded, Requests, Sent};
use super::error::{EndRun, HostCallError, split};
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::id::InvocationId;
use crate::domain::manifest::{Capability, SettingKind};
use crate::domain::ports::FindSecretError;
use crate::domain::trace::Step;
use crate::sandbox::bindings::twitchy::command::http::{Host, HttpError, Request, Response};
use crate::sandbox::web::client::PreparedRequest;
use crate::sandbox::web::header::{list_secret_keys, prepare_headers};
use crate::sandbox::web::request::{SendRequestError, WebRequest, WebResponse};

/// Kept back of the call's deadline, so that the module can still answer when a request times out.
const TO_ANSWER: Duration = Duration::from_millis(50);
/// Characters of the longest invocation id that is sent unchanged.
const LONGEST_ID: usize = 100;

impl Host for Run {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let sent = split(send(self.enter(Capability::Http, "send")?, request.into()).await)?;
        Ok(sent.map(Response::from).map_err(HttpError::from))
    }
}

impl From<WebResponse> for Response {
    fn from(response: WebResponse) -> Self {
        Response { status: response.status, headers: response.headers, body: response.body }
    }
}

impl From<SendRequestError> for HttpError {
    fn from(error: SendRequestError) -> Self {
        match error {
            SendRequestError::InvalidRequest(why) => HttpError::InvalidRequest(why),
            SendRequestError::NotGranted(host) => HttpError::NotGranted(host),
            SendRequestError::TimedOut => HttpError::TimedOut,
            SendRequestError::TooLarge => HttpError::TooLarge,
            SendRequestError::OverBudget => HttpError::OverBudget,
            SendRequestError::NotSent => HttpError::NotSent,
            SendRequestError::Unreachable(why) => HttpError::Unreachable(why),
        }
    }
}

/// Sends a request, or returns the response that an earlier run of this invocation recorded in the same place.
pub async fn send(run: &mut Transaction, request: WebRequest) -> Result<WebResponse, HostCallError<SendRequestError>> {
    let requests = Arc::clone(run.requests());
    if requests.is_dry {
        return Err(refuse(run, SendRequestError::NotSent));
    }
    let most = run.world().web.config().requests;
    let Some(place) = run.next_request(most) else { return Err(refuse(run, SendRequestError::OverBudget)) };
    let digest = digest(&request);
    if let Some(recorded) = requests.find(place) {
        // A different request would have to be sent although the recorded one already was.
        let is_same = recorded.digest == digest;
        return if is_same { recorded.sent.map_err(HostCallError::Returned) } else { Err(EndRun::Conflict.into()) };
    }
    let left = run.world().web.config().bytes.checked_sub(requests.bytes() + request_bytes(&request));
    let has_time = Instant::now() + TO_ANSWER < requests.deadline;
    let asked_at = Instant::now();
    let (bytes, sent) = match left.filter(|_| has_time) {
        None => (0, Err(SendRequestError::OverBudget)),
        Some(left) => {
            let sent = {
                let _requests = run.call().trace.enter(Step::Request);
                send_now(run, &request, place, &requests, left).await?
            };
            let received = match &sent {
                Ok(response) => response_bytes(response),
                // The bytes that were read before the limit count as well.
                Err(SendRequestError::TooLarge) => left.min(run.world().web.config().response_bytes),
                Err(_) => 0,
            };
            (request_bytes(&request) + received, sent)
        }
    };
    run.world().telemetry.metrics.note_web_request(sent.as_ref().map_or_else(|error| error.code(), |_| "answered"));
    if sent.is_ok() {
        run.world().telemetry.metrics.note_web_answer(asked_at.elapsed());
    }
    requests.record(Recorded { digest, bytes, sent: sent.clone() });
    sent.map_err(HostCallError::Returned)
}

fn refuse(run: &Transaction, error: SendRequestError) -> HostCallError<SendRequestError> {
    run.world().telemetry.metrics.note_web_request(error.code());
    HostCallError::Returned(error)
}

async fn send_now(
    run: &Transaction,
    request: &WebRequest,
    place: usize,
    requests: &Requests,
    most_bytes: usize,
) -> Result<Sent, EndRun> {
    let mut secrets = HashMap::new();
    for key in list_secret_keys(&request.headers) {
        secrets.insert(key, find_secret(run, key).await?);
    }
    let headers = match prepare_headers(&request.headers, |key| secrets.get(key).cloned().flatten()) {
        Ok(headers) => headers,
        Err(error) => return Ok(Err(error)),
    };
    let (declared, granted) = (&run.call().manifest.http_hosts, &run.call().grants.http_hosts);
    let order = PreparedRequest {
        request,
        headers,
        hosts: granted.iter().filter(|host| declared.contains(host)).cloned().collect(),
        sender: (run.channel(), run.module().clone()),
        idempotency_key: format!("{}-{}", name(&run.invocation().id), place + 1),
        deadline: requests.deadline - TO_ANSWER,
        most_bytes,
        spent: Arc::clone(&requests.spent),
        clock: Arc::clone(&run.world().clock),
    };
    Ok(run.world().web.send(order).await)
}

/// Returns the value of a secret setting of this module in this channel; `None` if the module declares no such secret.
async fn find_secret(run: &Transaction, key: &str) -> Result<Option<SecretString>, FindSecretError> {
    let settings = &run.call().manifest.settings;
    if !settings.iter().any(|setting| setting.key == key && setting.kind == SettingKind::Secret) {
        return Ok(None);
    }
    run.world().secrets.find_secret(run.channel(), run.module(), key).await
}

/// The invocation's id as other servers see it: Twitch's id, or a digest where a caller chose the text of the id.
fn name(id: &InvocationId) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=LONGEST_ID).contains(&id.id.len()) && id.id.bytes().all(is_plain) {
        return id.id.to_string();
    }
    let digest = Sha256::new().chain_update(id.origin.as_str()).chain_update([0]).chain_update(id.id.as_bytes());
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes every part of the request with its length, so that different requests cannot have the same input.
fn digest(request: &WebRequest) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |part: &[u8]| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    };
    add(request.method.as_str().as_bytes());
    add(&[u8::from(request.body.is_some())]);
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
