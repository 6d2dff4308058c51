//! How many uploads are in memory at once, and how fast their bodies have to come.
//!
//! Promised: an upload whose body trickles in holds up no other. It counts against those that are read, of which there are
//! many, and takes a place among those that are worked on once it is there as a whole; and a body that comes too slowly is
//! given up. In both, no caller alone keeps others out, and creators together leave the operator room.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use super::refusal::BUSY_FOR;
use crate::domain::principal::CallerId;
use crate::http::body::BodyTooSlow;
use crate::http::error::ApiError;
use crate::http::principal::Principal;
use crate::http::throttle::{Place, UnderWay};

/// Bytes of a body that have to come in each [`PACE_EVERY`]: far fewer than any connection carries that ends in time.
const PACE_BYTES: usize = 16 << 10;
const PACE_EVERY: Duration = Duration::from_secs(10);

/// Room for uploads in one state.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Of all keys of channels.
    of_creators: UnderWay<()>,
    of_caller: UnderWay<CallerId>,
}

/// The place of one upload, given back when it is dropped.
pub(super) struct HeldPlace {
    _of_caller: Place<CallerId>,
    _of_creators: Option<Place<()>>,
    _of_all: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: usize, most_of_creators: usize, most_of_a_caller: usize) -> Places {
        Places {
            all: Arc::new(Semaphore::new(most)),
            of_creators: UnderWay::new(most_of_creators),
            of_caller: UnderWay::new(most_of_a_caller),
        }
    }

    pub(super) fn enter(&self, principal: &Principal) -> Result<HeldPlace, ApiError> {
        let of_caller = self.of_caller.enter(principal.caller()).ok_or_else(|| ApiError::rate_limited(BUSY_FOR))?;
        let of_creators = match principal.is_operator() {
            true => None,
            false => Some(self.of_creators.enter(&()).ok_or_else(|| ApiError::busy(BUSY_FOR))?),
        };
        let of_all = self.all.clone().try_acquire_owned().map_err(|_| ApiError::busy(BUSY_FOR))?;
        Ok(HeldPlace { _of_caller: of_caller, _of_creators: of_creators, _of_all: of_all })
    }
}

/// A body that fails with [`BodyTooSlow`] where it does not keep the pace. Holds a place until it is dropped.
pub(super) struct PacedBody {
    body: Body,
    /// Since the pace was kept last.
    received: usize,
    until: Pin<Box<Sleep>>,
    _place: HeldPlace,
}

impl PacedBody {
    pub(super) fn new(body: Body, place: HeldPlace) -> PacedBody {
        PacedBody { body, received: 0, until: Box::pin(sleep(PACE_EVERY)), _place: place }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        // First: a body of many small frames is always ready.
        if self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(BodyTooSlow.into())));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.received += frame.data_ref().map_or(0, Bytes::len);
            if self.received >= PACE_BYTES {
                self.received = 0;
                self.until.as_mut().reset(Instant::now() + PACE_EVERY);
            }
        }
        polled.map(|frame| frame.map(|read| read.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::SystemTime;

    use http_body_util::BodyExt;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::domain::id::ChannelId;
    use crate::domain::principal::KeyScope;
    use crate::store::host::api_keys::ApiKey;

    const SECOND: Duration = Duration::from_secs(1);

    fn principal(number: u32, scope: KeyScope) -> Principal {
        let key = ApiKey {
            id: format!("{number:012x}").parse().unwrap(),
            name: "key".into(),
            digest: [0; 32],
            scopes: [scope].into(),
            role: None,
            created_at: SystemTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        Principal::new(key, Ipv4Addr::LOCALHOST.into())
    }

    fn creator(number: u32) -> Principal {
        principal(number, KeyScope::Channel(ChannelId(100)))
    }

    fn operator(number: u32) -> Principal {
        principal(number, KeyScope::Operator)
    }

    /// How long it took to read, and whether it was read.
    async fn read(bytes: usize, every: Duration, pieces: usize) -> (u64, Result<usize, bool>) {
        let place = Places::new(1, 1, 1).enter(&operator(1)).unwrap();
        let pieces = tokio_stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes]))
        });
        let begun = Instant::now();
        let collected = PacedBody::new(Body::from_stream(pieces), place).collect().await;
        let read = collected.map(|collected| collected.to_bytes().len()).map_err(|error| error.is::<BodyTooSlow>());
        (begun.elapsed().as_secs(), read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_and_one_that_comes_slowly_is_read() {
        assert_eq!(read(1, 3 * SECOND, 40).await, (10, Err(true)));
        assert_eq!(read(PACE_BYTES - 1, 10 * SECOND, 5).await, (10, Err(true)));
        assert_eq!(read(1, SECOND / 100, 100_000).await, (10, Err(true)), "many small pieces are no pace either");
        assert_eq!(read(PACE_BYTES, 9 * SECOND, 5).await, (45, Ok(5 * PACE_BYTES)));
        assert_eq!(read(1000, SECOND, 8).await, (8, Ok(8000)), "it ended before it had to have more");
    }

    #[test]
    fn no_key_and_no_creators_keep_all_the_others_out() {
        let places = Places::new(5, 3, 2);
        let enter = |principal: &Principal| places.enter(principal);
        let own = (enter(&creator(1)).unwrap(), enter(&creator(1)).unwrap());
        assert_eq!(enter(&creator(1)).err(), Some(ApiError::rate_limited(BUSY_FOR)));
        let other = enter(&creator(2)).unwrap();
        assert_eq!(enter(&creator(3)).err(), Some(ApiError::busy(BUSY_FOR)));
        let of_operator = (enter(&operator(4)).unwrap(), enter(&operator(5)).unwrap());
        assert_eq!(enter(&operator(5)).err(), Some(ApiError::busy(BUSY_FOR)));
        drop((own, other, of_operator));
        assert!(enter(&creator(3)).is_ok() && enter(&operator(5)).is_ok());
    }
}
