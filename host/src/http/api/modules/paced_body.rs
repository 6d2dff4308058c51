//! The least speed of an upload's body. A body that trickles in would otherwise hold its permit indefinitely.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::http::request::body::BodyTooSlow;
use crate::http::server::throttle::QuotaPermit;

/// Least bytes of a body in each [`PACE_EVERY`]. A connection that finishes in time carries far more.
const PACE_BYTES: usize = 16 << 10;
const PACE_EVERY: Duration = Duration::from_secs(10);

/// A body that fails with [`BodyTooSlow`] if it is too slow. Holds a permit until it is dropped.
pub(super) struct PacedBody {
    body: Body,
    /// Bytes since the deadline was last extended.
    received: usize,
    until: Pin<Box<Sleep>>,
    _permit: QuotaPermit,
}

impl PacedBody {
    pub(super) fn new(body: Body, permit: QuotaPermit) -> PacedBody {
        PacedBody { body, received: 0, until: Box::pin(sleep(PACE_EVERY)), _permit: permit }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        // Checked first, because a body of many small frames is always ready.
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
    use crate::http::api::keys::make_key;
    use crate::http::entropy::SystemEntropy;
    use crate::http::key::KeySecret;
    use crate::http::principal::Principal;
    use crate::http::server::throttle::Quota;
    use crate::http::shapes::key::NewKey;

    const SECOND: Duration = Duration::from_secs(1);

    fn permit() -> QuotaPermit {
        let key = KeySecret::make(&SystemEntropy);
        let wanted =
            NewKey { name: "key".to_owned(), scopes: vec!["operator".to_owned()], role: None, expires_at: None };
        let key = make_key(&key, &wanted, SystemTime::UNIX_EPOCH).unwrap();
        Quota::new(1, 1, 1).enter(&Principal::new(key, Ipv4Addr::LOCALHOST.into()), SECOND).ok().unwrap()
    }

    /// The time until the end of reading, and whether all was read.
    async fn read(bytes: usize, every: Duration, pieces: usize) -> (u64, Result<usize, bool>) {
        let pieces = tokio_stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes]))
        });
        let begun = Instant::now();
        let collected = PacedBody::new(Body::from_stream(pieces), permit()).collect().await;
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
}
