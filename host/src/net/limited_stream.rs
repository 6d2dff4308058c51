//! A stream that fails once more bytes have been read than a limit, in whichever layer (TLS or HTTP) they were sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Limits reads only, not writes.
pub(super) struct LimitedStream<S> {
    stream: S,
    /// Bytes that may still be read.
    left: usize,
}

impl<S> LimitedStream<S> {
    pub(super) fn new(stream: S, most: usize) -> LimitedStream<S> {
        LimitedStream { stream, left: most }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => {
                // `poll_read` must not return bytes together with an error.
                buffer.set_filled(before);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more than is taken")))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_stream_is_read_so_far_and_no_farther() {
        let mut read = Vec::new();
        assert_eq!(LimitedStream::new(&b"12345"[..], 5).read_to_end(&mut read).await.unwrap(), 5);
        let error = LimitedStream::new(&b"123456"[..], 5).read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}
