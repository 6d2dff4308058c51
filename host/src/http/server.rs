//! The server: accepts connections, passes requests through the gate to the router, and shuts down.
//!
//! Guarantees: connections are bounded, in total and by address; a slow or silent one is closed; an answer reaches a
//! client that is still sending. Not here: the endpoints, and the permissions of callers (the table of `access`).

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
use linger::{LeftUnread, LingeringStream, WatchedBody};
use throttle::InFlight;

/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 32 << 10;
/// A connection is closed when its client reads nothing of an answer for this long.
const READS_WITHIN: Duration = Duration::from_secs(30);
/// How long a shutdown waits for running requests.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Delay after a connection that could not be accepted, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `shutdown`. Running requests may then end within five seconds.
///
/// One address may hold an eighth of all connections, so that a single stranger cannot keep the others out. A trusted
/// proxy may hold all. When all are in use, new connections wait in the system's queue.
pub async fn serve(listener: TcpListener, router: Router, config: HttpConfig, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(config.connections));
    let of_address = InFlight::new((config.connections / 8).max(1));
    let mut connections = JoinSet::new();
    loop {
        // Removes ended connections; otherwise the set would grow with every connection.
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

/// `None`: accepting failed, and the failure is logged.
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
    // Nagle's algorithm would delay a small answer until more data follows.
    stream.set_nodelay(true).ok();
    let left = LeftUnread::default();
    let stream = LingeringStream::new(break_stalled(stream), left.clone());
    let at_stop = left.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        // hyper reads a further request only after the end of the previous one.
        left.reset();
        let (router, left) = (router.clone(), left.clone());
        async move {
            let mut request = request.map(|body| Body::new(WatchedBody::new(body, left)));
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
            // The unread rest of an earlier request must not hold up the shutdown.
            at_stop.reset();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection broke");
    }
}

/// Fails a write that makes no progress for [`READS_WITHIN`]. A client that does not read would otherwise keep its
/// connection, and the unsent data in the system's memory, for as long as it likes.
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
