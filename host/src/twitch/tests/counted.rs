//! A stream that counts what its owner does with it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Sums over all connections of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// How often it tried to read, which it does once per wake-up.
    pub(super) looks: Arc<AtomicU64>,
    pub(super) writes: Arc<AtomicU64>,
    pub(super) lines: Arc<AtomicU64>,
}

pub(super) struct Counted {
    pub(super) stream: DuplexStream,
    pub(super) meter: Meter,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.meter.looks.fetch_add(1, Relaxed);
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.meter.writes.fetch_add(1, Relaxed);
            let lines = bytes[..count].iter().filter(|&&byte| byte == b'\n').count();
            self.meter.lines.fetch_add(lines as u64, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
