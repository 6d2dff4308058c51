//! The system's network: names to addresses, addresses to streams.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
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
}
