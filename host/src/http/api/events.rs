//! What happens, as it happens: server-sent events.
//!
//! Whoever listens costs the host nothing but memory, and a bounded part of it: who reads too slowly misses events, and is
//! told how many. What was said in chat is only told where it was asked for, and only of a channel that the key opens.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::sleep;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use super::event::parse_channel;
use super::event::{Told, kind_of, write_missed, write_text, write_told};
use crate::domain::id::ChannelId;
use crate::domain::principal::CallerId;
use crate::http::Api;
use crate::http::body::Query;
use crate::http::error::ApiError;
use crate::http::error::refusals::{INVALID_QUERY, TOO_MANY_LISTENERS};
use crate::http::principal::Principal;
use crate::http::throttle::{Place, UnderWay};
use crate::telemetry::HostEvent;
use crate::telemetry::listening::{Heard, Listening};
use crate::telemetry::texts::SaidText;

/// Listeners of one key, and of all keys of channels: however many of those there are, the operator can listen.
const LISTENERS_OF_CALLER: usize = 4;
const LISTENERS_OF_CREATORS: usize = 64;
/// A proxy takes a connection for dead on which nothing is said for a minute.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long a key that was revoked may go on listening, and how long it keeps its place where nothing happens.
const KEY_CHECKED_EVERY: Duration = Duration::from_secs(1);
const QUIET_KEY_CHECKED_EVERY: Duration = Duration::from_secs(10);

const KINDS: [&str; 3] = ["invocation", "module", "connection"];

/// nginx keeps an answer back until it has a page full of it, unless it is told not to.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(stream_events))
}

/// Who listens now.
pub(in crate::http) struct Listeners {
    of_caller: UnderWay<CallerId>,
    of_creators: UnderWay<()>,
}

impl Default for Listeners {
    fn default() -> Listeners {
        Listeners { of_caller: UnderWay::new(LISTENERS_OF_CALLER), of_creators: UnderWay::new(LISTENERS_OF_CREATORS) }
    }
}

impl Listeners {
    fn enter(&self, principal: &Principal) -> Result<Places, ApiError> {
        let of_caller = self.of_caller.enter(principal.caller()).ok_or(TOO_MANY_LISTENERS)?;
        let of_creators = match principal.is_operator() {
            true => None,
            false => Some(self.of_creators.enter(&()).ok_or(TOO_MANY_LISTENERS)?),
        };
        Ok((of_caller, of_creators))
    }
}

type Places = (Place<CallerId>, Option<Place<()>>);

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
    let places = api.listeners.enter(&principal)?;
    let listener = Listener {
        events: api.telemetry.listen(),
        texts: wanted.texts_of.map(|channel| api.telemetry.listen_to_texts(channel)),
        stop: api.stop.clone(),
        checked_at: api.now().instant,
        told: 0,
        api,
        principal,
        wanted,
        _places: places,
    };
    let told = Sse::new(Telling::of(listener)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY));
    Ok(([NO_BUFFERING], told).into_response())
}

/// What a listener may and wants to hear.
struct Wanted {
    /// None for all.
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
            (true, None) => return Err(INVALID_QUERY.because("text needs a channel.")),
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

fn parse_kind(text: &str) -> Result<&'static str, ApiError> {
    let kind = KINDS.into_iter().find(|kind| *kind == text);
    kind.ok_or_else(|| INVALID_QUERY.because(format!("kind is one or more of {}.", KINDS.join(", "))))
}

/// One who listens.
struct Listener {
    events: Listening<HostEvent>,
    texts: Option<Listening<SaidText>>,
    stop: CancellationToken,
    checked_at: Instant,
    /// Events so far.
    told: u64,
    api: Arc<Api>,
    principal: Principal,
    wanted: Wanted,
    _places: Places,
}

impl Listener {
    /// Waits for the next event that is wanted; None at the end of the host, or of the key.
    async fn next(mut self) -> Option<(Event, Listener)> {
        loop {
            let told = tokio::select! {
                // What was typed comes before what came of it.
                biased;
                () = self.stop.cancelled() => return None,
                said = hear(&mut self.texts) => self.tell_text(said?),
                heard = self.events.next() => self.tell_event(heard?),
                () = sleep(QUIET_KEY_CHECKED_EVERY) => None,
            };
            if !self.may_listen().await {
                return None;
            }
            let Some(told) = told else { continue };
            self.told += 1;
            let event = Event::default().id(self.told.to_string()).event(told.name).data(told.data);
            return Some((event, self));
        }
    }

    fn tell_event(&self, heard: Heard<HostEvent>) -> Option<Told> {
        match heard {
            Heard::Event(event) => self.wanted.contains(&event).then(|| write_told(&event, self.api.now().wall)),
            Heard::Missed(count) => Some(write_missed(count)),
        }
    }

    fn tell_text(&self, heard: Heard<SaidText>) -> Option<Told> {
        Some(match heard {
            Heard::Event(said) => write_text(&said),
            Heard::Missed(count) => write_missed(count),
        })
    }

    /// The key was valid when this began, and may have expired or been revoked since.
    async fn may_listen(&mut self) -> bool {
        let now = self.api.now();
        if now.instant.saturating_duration_since(self.checked_at) < KEY_CHECKED_EVERY {
            return true;
        }
        self.checked_at = now.instant;
        let key = self.api.store.find_api_key(&self.principal.key().id).await;
        key.is_ok_and(|key| key.is_some_and(|key| key.is_valid(now.wall)))
    }
}

/// Nothing, for ever, where nobody wants texts.
async fn hear(texts: &mut Option<Listening<SaidText>>) -> Option<Heard<SaidText>> {
    match texts {
        Some(texts) => texts.next().await,
        None => std::future::pending().await,
    }
}

/// The events of a listener, one after another.
struct Telling {
    /// None after the last one.
    next: Option<Next>,
}

type Next = Pin<Box<dyn Future<Output = Option<(Event, Listener)>> + Send>>;

impl Telling {
    fn of(listener: Listener) -> Telling {
        Telling { next: Some(Box::pin(listener.next())) }
    }
}

impl Stream for Telling {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready(told) = next.as_mut().poll(context) else { return Poll::Pending };
        let (event, listener) = told.unzip();
        self.next = listener.and_then(|listener| Telling::of(listener).next);
        Poll::Ready(event.map(Ok))
    }
}
