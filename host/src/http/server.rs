//! The server: connections in, requests through the gate to the router, and the end.
//!
//! Guarantees: connections are bounded, by address too, and one that is slow or silent is given up; an answer reaches a
//! client that is still sending. Not here: the endpoints, and what a caller may ask of them, which is the table of
//! `access`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::config::HttpConfig;

pub mod address;
pub(super) mod callers;
pub(in crate::http) mod gate;
mod linger;
pub(in crate::http) mod throttle;

use address::{AddressGroup, Peer};
use linger::{LeftUnread, Lingering, Watched};
use throttle::InFlight;

/// Bytes of a request's head.
const LARGEST_HEAD: usize = 32 << 10;
/// For a caller to read some of the answer.
const READS_WITHIN: Duration = Duration::from_secs(30);
/// Requests that run may hold up the end.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// After a connection that could not be accepted, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers until `shutdown`; then requests that run may end, within five seconds.
///
/// A stranger may have an eighth of all connections, so that one alone cannot keep the others out; a trusted proxy may have
/// all. Where all are taken, new ones wait in the system's queue.
pub async fn serve(listener: TcpListener, router: Router, config: HttpConfig, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(config.connections));
    let of_address = InFlight::new((config.connections / 8).max(1));
    let mut connections = JoinSet::new();
    loop {
        // Those that have ended are let go of as new ones come.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let is_proxy = config.trusted_proxies.iter().any(|network| network.contains(peer.ip()));
        let share = of_address.enter(&AddressGroup::from(peer.ip()));
        if share.is_none() && !is_proxy {
            debug!(%peer, "too many connections from one address");
            continue;
        }
        let connection = answer(stream, peer, router.clone(), config.header_within, shutdown.clone());
        connections.spawn(async move {
            connection.await;
            drop((permit, share));
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_WITHIN, drained).await.is_err() {
        warn!("requests that did not end in time are cut off");
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// None where it did not work.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            warn!(%error, "cannot accept a connection");
            sleep(PAUSE).await;
            None
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, router: Router, head_within: Duration, stop: CancellationToken) {
    // An answer is small, and should not wait for a second one.
    stream.set_nodelay(true).ok();
    let left = LeftUnread::default();
    let stream = Lingering::new(break_stalled(stream), left.clone());
    let at_stop = left.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        // The request before was read to its end: there would be no next one otherwise.
        left.reset();
        let (router, left) = (router.clone(), left.clone());
        async move {
            let mut request = request.map(|body| Body::new(Watched::new(body, left)));
            request.extensions_mut().insert(Peer(peer));
            Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|error| match error {}))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            // An idle connection has nothing to read on.
            at_stop.reset();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection broke");
    }
}

/// Breaks where nothing of what is written leaves for a while. A caller that does not read would otherwise keep its connection, and
/// what waits for it in the system's memory, for as long as it likes.
fn break_stalled<S: AsyncRead + AsyncWrite>(stream: S) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READS_WITHIN));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_does_not_read_loses_its_connection() {
        let (ours, theirs) = duplex(8);
        let mut stream = break_stalled(ours);
        let begun = Instant::now();
        let error = stream.write_all(b"more than eight").await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::TimedOut, READS_WITHIN));
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_reads_slowly_gets_all() {
        let (ours, mut theirs) = duplex(8);
        let mut stream = break_stalled(ours);
        let reads = async {
            for _ in 0..5 {
                tokio::time::advance(READS_WITHIN - Duration::from_secs(1)).await;
                theirs.read_exact(&mut [0; 8]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&[1; 40]), reads);
        written.unwrap();
    }
}
