//! Closes a connection whose request was answered before all of it was read, such as an upload that is too large.
//!
//! Closing a socket with unread bytes resets the connection, and the reset discards the answer if the client is still
//! sending. So lingering first shuts down the sending side, then reads and discards input until the client closes, or
//! for a bounded time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

/// Longest time for reading all remaining input.
const LINGERS_FOR: Duration = Duration::from_secs(30);
/// Longest wait for the next bytes.
const READS_WITHIN: Duration = Duration::from_secs(5);

/// Whether a request's body was dropped before its end.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct LeftUnread(Arc<AtomicBool>);

impl LeftUnread {
    pub(in crate::http) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The unread rest no longer matters: a later request arrived behind it, or the answer has been read.
    pub(in crate::http) fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A request's body that reports to `left` if it is dropped before its end.
pub(in crate::http) struct WatchedBody {
    body: Incoming,
    /// Needed for a body of unknown length, whose `is_end_stream` does not report the end.
    has_ended: bool,
    left: LeftUnread,
}

impl WatchedBody {
    pub(in crate::http) fn new(body: Incoming, left: LeftUnread) -> WatchedBody {
        WatchedBody { body, has_ended: false, left }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.has_ended |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.left.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A stream whose shutdown lingers if a request was left unread.
pub(in crate::http) struct LingeringStream<S> {
    /// `None` once lingering has begun.
    stream: Option<S>,
    left: LeftUnread,
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> LingeringStream<S> {
    pub(in crate::http) fn new(stream: S, left: LeftUnread) -> LingeringStream<S> {
        LingeringStream { stream: Some(stream), left, end: None }
    }

    fn open(&mut self) -> io::Result<Pin<&mut S>>
    where
        S: Unpin,
    {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LingeringStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_read(context, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for LingeringStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(context),
            // hyper flushes before each poll of the shutdown, so this must not fail.
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Lingering that has begun continues even after a reset of `left`.
        if self.end.is_none() && !self.left.is_set() {
            return self.open()?.poll_shutdown(context);
        }
        if let Some(stream) = self.stream.take() {
            self.end = Some(Box::pin(linger(stream)));
        }
        self.end.as_mut().map_or(Poll::Ready(Ok(())), |end| end.as_mut().poll(context).map(Ok))
    }
}

/// Shuts down the sending side, then reads and discards input.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut discarded = vec![0; 16 << 10];
    let read = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        while let Ok(Ok(1..)) = timeout(READS_WITHIN, stream.read(&mut discarded)).await {}
    };
    timeout(LINGERS_FOR, read).await.ok();
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::duplex;
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_sends_on_is_read_from_and_let_go_of_when_it_takes_too_long() {
        for (pause, lingered) in [(Duration::from_secs(4), 30), (Duration::from_secs(6), 5)] {
            let (ours, mut theirs) = duplex(8);
            let begun = Instant::now();
            let sending = tokio::spawn(async move {
                while theirs.write_all(&[1; 8]).await.is_ok() {
                    sleep(pause).await;
                }
            });
            linger(ours).await;
            assert_eq!(begun.elapsed().as_secs(), lingered);
            sending.await.unwrap();
        }
    }

    /// hyper flushes before each poll of the shutdown.
    #[tokio::test(start_paused = true)]
    async fn the_end_is_waited_for_however_often_it_is_flushed() {
        let (ours, mut theirs) = duplex(8);
        let left = LeftUnread::default();
        left.0.store(true, Ordering::Relaxed);
        let mut stream = LingeringStream::new(ours, left);
        let begun = Instant::now();
        let end = poll_fn(|context| {
            assert!(matches!(Pin::new(&mut stream).poll_flush(context), Poll::Ready(Ok(()))));
            Pin::new(&mut stream).poll_shutdown(context)
        });
        let sending = async {
            for _ in 0..3 {
                theirs.write_all(&[1; 8]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
            drop(theirs);
        };
        let (ended, ()) = tokio::join!(end, sending);
        assert_eq!((ended.is_ok(), begun.elapsed().as_secs()), (true, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_who_has_hung_up() {
        let (ours, mut theirs) = duplex(8);
        let begun = Instant::now();
        let reading = async move {
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).await.unwrap();
            drop(theirs);
        };
        tokio::join!(linger(ours), reading);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
