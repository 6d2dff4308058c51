//! The system's network: names to addresses, addresses to streams.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::lookups::Lookups;
use crate::domain::id::ModuleName;

/// What comes later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Tests pass one with names and servers of their own. It judges nothing: what it resolves is checked, and what it dials
/// was.
pub trait Network: Send + Sync + 'static {
    /// All addresses of a name, for a module: it has a share of the look-ups.
    fn resolve<'a>(&'a self, asker: &'a ModuleName, host: &'a str) -> Pending<'a, Vec<IpAddr>>;

    /// A connection to this very address.
    fn dial(&self, address: SocketAddr) -> Pending<'_, Box<dyn Stream>>;
}

/// That of the machine, without a proxy.
pub struct SystemNetwork {
    lookups: Lookups,
}

impl Default for SystemNetwork {
    fn default() -> SystemNetwork {
        SystemNetwork { lookups: Lookups::new(look_up) }
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    // With its last dot: no search list of the machine makes another name of it.
    let name = format!("{host}.");
    Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, asker: &'a ModuleName, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        Box::pin(self.lookups.resolve(asker, host))
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// A stream that ends with an error once it was read so far: whatever a server sends, and in which layer.
pub(super) struct Measured<S> {
    stream: S,
    /// Bytes that may still be read.
    left: usize,
}

impl<S> Measured<S> {
    pub(super) fn new(stream: S, most: usize) -> Measured<S> {
        Measured { stream, left: most }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Measured<S> {
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
                // An error goes with no bytes.
                buffer.set_filled(before);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more than is taken")))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Measured<S> {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_is_dialled_as_it_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = SystemNetwork::default();
        let (dialled, accepted) = tokio::join!(network.dial(listener.local_addr().unwrap()), listener.accept());
        let (mut stream, mut heard) = (accepted.unwrap().0, String::new());
        stream.write_all(b"hello").await.unwrap();
        drop(stream);
        dialled.unwrap().read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn a_stream_is_read_so_far_and_no_farther() {
        let mut read = Vec::new();
        assert_eq!(Measured::new(&b"12345"[..], 5).read_to_end(&mut read).await.unwrap(), 5);
        let error = Measured::new(&b"123456"[..], 5).read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}
