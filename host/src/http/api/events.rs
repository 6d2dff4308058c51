//! Events of the host as they happen: server-sent events.
//!
//! A listener costs the host nothing but a bounded amount of memory: one that reads too slowly misses events, and gets
//! their count. Chat texts are sent only on request, and only of a channel that the key opens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::id::ChannelId;
use crate::domain::report::Report;
use crate::domain::timestamp::write_timestamp;
use crate::http::error::ApiError;
use crate::http::error::refusals::TOO_MANY_LISTENERS;
use crate::http::principal::Principal;
use crate::http::request::body::Query;
use crate::http::server::throttle::QuotaPermit;
use crate::http::shapes::event::{ConnectionEvent, InvocationEvent, MissedEvent, ModuleEvent, TextEvent};
use crate::http::state::Api;
use crate::telemetry::HostEvent;
use crate::telemetry::listening::{Listening, Received};
use crate::telemetry::texts::CallText;

/// Proxies close a connection that is silent for a minute.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How often the key is checked: while events arrive, and while none do. A revoked key listens no longer than that.
const KEY_CHECKED_EVERY: Duration = Duration::from_secs(1);
const QUIET_KEY_CHECKED_EVERY: Duration = Duration::from_secs(10);

const KINDS: [&str; 3] = ["invocation", "module", "connection"];

/// Without this header nginx buffers an answer until it has a full page.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(stream_events))
}

/// Which events are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// A channel's id: only what is about that channel.
    #[param(format = "twitch-id", example = "100")]
    channel: Option<String>,
    /// One or more of `invocation`, `module` and `connection`, with commas between them; absent for all.
    #[param(
        pattern = "^(invocation|module|connection)(,(invocation|module|connection))*$",
        example = "invocation,module"
    )]
    kind: Option<String>,
    /// Also tell what chatters typed, as events `text`: only with a `channel`.
    #[param(default = false)]
    text: Option<bool>,
}

/// Listen to what happens
///
/// Server-sent events, from now on: `invocation` when a command was called, with what came of it; `module` when one was
/// uploaded, switched off or withdrawn; `connection` when a bot account's connection changed; `text` for what was typed,
/// where that was asked for; `missed` where the listener was too slow, with a `count` of events, wanted or not. The data of
/// each is a JSON object. A key of channels hears of its channels alone; what is about the whole host is for the operator.
/// What happens while nobody listens is not told later: `Last-Event-ID` is not heeded, and ids only count the events of one
/// answer.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "watch",
    params(EventsQuery),
    responses((status = 200, description = "Events, until one side ends it.", body = String, content_type = "text/event-stream"))
)]
async fn stream_events(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Query(query): Query<EventsQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted::parse(&query, &principal)?;
    let permit = api.listeners.enter(&principal, KEEP_ALIVE_EVERY).map_err(|_| TOO_MANY_LISTENERS)?;
    let listener = Listener {
        events: api.telemetry.listen(),
        texts: wanted.texts_of.map(|channel| api.telemetry.listen_to_texts(channel)),
        stop: api.stop.clone(),
        checked_at: api.now().instant,
        sent: 0,
        api,
        principal,
        wanted,
        _permit: permit,
    };
    let events = stream::unfold(listener, Listener::next).map(Ok::<Event, Infallible>);
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY));
    Ok(([NO_BUFFERING], answer).into_response())
}

/// The events that a listener has asked for and may see.
struct Wanted {
    /// `None`: all channels, and events about the whole host.
    channels: Option<Vec<ChannelId>>,
    kinds: Vec<&'static str>,
    texts_of: Option<ChannelId>,
}

impl Wanted {
    fn parse(query: &EventsQuery, principal: &Principal) -> Result<Wanted, ApiError> {
        let channel = query.channel.as_deref().map(parse_channel).transpose()?;
        if let Some(channel) = channel {
            principal.require_channel(channel)?;
        }
        let kinds =
            query.kind.as_deref().map_or(Ok(KINDS.to_vec()), |kinds| kinds.split(',').map(parse_kind).collect())?;
        let texts_of = match (query.text.unwrap_or(false), channel) {
            (true, None) => return Err(ApiError::invalid_query("text needs a channel.")),
            (true, channel) => channel,
            (false, _) => None,
        };
        let channels = channel.map_or_else(|| principal.channels(), |channel| Some(vec![channel]));
        Ok(Wanted { channels, kinds, texts_of })
    }

    fn contains(&self, event: &HostEvent) -> bool {
        let is_seen = match (&self.channels, event.channel()) {
            (None, _) => true,
            (Some(channels), Some(channel)) => channels.contains(&channel),
            (Some(_), None) => false,
        };
        is_seen && self.kinds.contains(&kind_of(event))
    }
}

/// Parses `?channel=`.
pub(super) fn parse_channel(text: &str) -> Result<ChannelId, ApiError> {
    text.parse().map_err(|_| ApiError::invalid_query("channel is a channel's id, a number."))
}

fn kind_of(event: &HostEvent) -> &'static str {
    match event {
        HostEvent::Invocation(_) => "invocation",
        HostEvent::Module { .. } => "module",
        HostEvent::Connection { .. } => "connection",
    }
}

fn parse_kind(text: &str) -> Result<&'static str, ApiError> {
    let kind = KINDS.into_iter().find(|kind| *kind == text);
    kind.ok_or_else(|| ApiError::invalid_query(format!("kind is one or more of {}.", KINDS.join(", "))))
}

/// The state of one listener's stream.
struct Listener {
    events: Listening<HostEvent>,
    texts: Option<Listening<CallText>>,
    stop: CancellationToken,
    checked_at: Instant,
    /// Events sent so far; also the id of the last one.
    sent: u64,
    api: Arc<Api>,
    principal: Principal,
    wanted: Wanted,
    _permit: QuotaPermit,
}

impl Listener {
    /// The next requested event. `None` ends the stream: the host stops, or the key is no longer valid.
    async fn next(mut self) -> Option<(Event, Listener)> {
        loop {
            let event = tokio::select! {
                // The typed text comes before the outcome of its call.
                biased;
                () = self.stop.cancelled() => return None,
                said = hear(&mut self.texts) => Some(write_text(said?)),
                heard = self.events.next() => self.write_wanted(heard?),
                () = sleep(QUIET_KEY_CHECKED_EVERY) => None,
            };
            if !self.may_listen().await {
                return None;
            }
            let Some((name, data)) = event else { continue };
            self.sent += 1;
            return Some((Event::default().id(self.sent.to_string()).event(name).data(data), self));
        }
    }

    fn write_wanted(&self, heard: Received<HostEvent>) -> Option<Written> {
        match heard {
            Received::Event(event) => self.wanted.contains(&event).then(|| write_event(&event, self.api.now().wall)),
            Received::Missed(count) => Some(write_missed(count)),
        }
    }

    /// Whether the key is still valid; it may have expired or been revoked since the stream began.
    async fn may_listen(&mut self) -> bool {
        let now = self.api.now();
        if now.instant.saturating_duration_since(self.checked_at) < KEY_CHECKED_EVERY {
            return true;
        }
        self.checked_at = now.instant;
        let key = self.api.store.host.find_api_key(&self.principal.key().id).await;
        key.is_ok_and(|key| key.is_some_and(|key| key.is_valid(now.wall)))
    }
}

/// Waits forever if no texts were requested.
async fn hear(texts: &mut Option<Listening<CallText>>) -> Option<Received<CallText>> {
    match texts {
        Some(texts) => texts.next().await,
        None => std::future::pending().await,
    }
}

/// The name of an event, and its data as one line of JSON.
type Written = (&'static str, String);

fn write_event(event: &HostEvent, now: SystemTime) -> Written {
    let (name, at) = (kind_of(event), write_timestamp(now));
    match event {
        HostEvent::Invocation(report) => write(name, &show_report(report)),
        HostEvent::Module { module, version, channel, change } => {
            let channel = channel.map(|channel| channel.to_string());
            let (module, version, change) = (module.to_string(), version.to_string(), change.as_str().to_owned());
            write(name, &ModuleEvent { at, module, version, channel, change })
        }
        HostEvent::Connection { account, state } => {
            write(name, &ConnectionEvent { at, account: account.to_string(), state: (*state).to_owned() })
        }
    }
}

fn write_text(heard: Received<CallText>) -> Written {
    match heard {
        Received::Event(said) => {
            let (invocation, channel) = (said.invocation.to_string(), said.channel.to_string());
            write("text", &TextEvent { invocation, channel, text: said.text.to_string() })
        }
        Received::Missed(count) => write_missed(count),
    }
}

fn write_missed(count: u64) -> Written {
    write("missed", &MissedEvent { count })
}

fn show_report(report: &Report) -> InvocationEvent {
    InvocationEvent {
        at: write_timestamp(report.at),
        invocation: report.id.to_string(),
        channel: report.channel.to_string(),
        chatter: report.chatter.to_string(),
        module: report.module.to_string(),
        version: report.version.to_string(),
        command: report.command.to_string(),
        outcome: report.outcome.as_str().to_owned(),
        dry_run: report.is_dry_run,
        blame: report.outcome.blame().to_owned(),
        reason: report.reason.as_deref().map(str::to_owned),
        replies: report.replies,
        duration: seconds(report.took),
        processor: seconds(report.usage.processor),
        memory: report.usage.memory,
        runs: report.usage.runs,
    }
}

/// Seconds, rounded to the microsecond.
fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e6
}

fn write(name: &'static str, data: &impl Serialize) -> Written {
    (name, serde_json::to_string(data).expect("texts and numbers can be written as JSON"))
}
