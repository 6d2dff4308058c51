//! Dialling: from an address to a stream.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::ServerAddress;

/// Where an account's connections come from. Tests and the demo pass a closure that makes one over memory.
pub trait Dial: Send + Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// # Errors
    /// Whatever keeps a connection from being made; it is tried again later.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<F, Made, Stream> Dial for F
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = io::Result<Stream>> + Send,
    Stream: AsyncRead + AsyncWrite + Unpin + Send,
{
    type Stream = Stream;

    fn dial(&self) -> impl Future<Output = io::Result<Stream>> + Send {
        self()
    }
}

/// Twitch's chat server, or one on this machine that stands in for it.
pub struct Server {
    address: ServerAddress,
}

impl Server {
    pub fn new(address: ServerAddress) -> Self {
        Self { address }
    }
}

impl Dial for Server {
    type Stream = tokio::net::TcpStream;

    async fn dial(&self) -> io::Result<Self::Stream> {
        todo!("{:?}", self.address)
    }
}
