//! Dialling: from an account to a stream.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::network::Stream;
use crate::net::server::Server;

/// Where an account's connections come from. Tests and the demo pass a closure that makes one over memory.
pub trait Dial: Send + Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// # Errors
    /// Whatever keeps a connection from being made; it is tried again later.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// What is dialled, for people to read; None where that is no server.
    fn name(&self) -> Option<String> {
        None
    }
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
impl Dial for Server {
    type Stream = Box<dyn Stream>;

    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        Server::dial(self)
    }

    fn name(&self) -> Option<String> {
        let address = self.address();
        Some(format!("{}:{}", address.host, address.port))
    }
}
