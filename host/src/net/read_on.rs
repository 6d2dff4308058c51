//! A connection that can still be read after a failed write. A server may refuse a request before it has read all of
//! it, and close the connection; its answer, which gives the reason, must not be lost.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// After a failed write, all further writes pretend to succeed and discard their bytes, so that the HTTP client goes on
/// to read the answer. If no answer comes, the stream ends.
pub(super) struct ReadOn<S> {
    stream: S,
    is_broken: bool,
}

impl<S> ReadOn<S> {
    pub(super) fn new(stream: S) -> ReadOn<S> {
        ReadOn { stream, is_broken: false }
    }

    /// Replaces the error of a closed connection by success with `instead`; other results pass unchanged.
    fn take<T>(&mut self, written: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(error)) if is_hung_up(&error) => {
                self.is_broken = true;
                Poll::Ready(Ok(instead))
            }
            other => other,
        }
    }
}

fn is_hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadOn<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            // Bytes that arrived before the reset have been read already, so the reset counts as the stream's end.
            Poll::Ready(Err(error)) if self.is_broken && is_hung_up(&error) => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadOn<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_broken {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.take(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.take(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.take(shut, ())
    }
}
