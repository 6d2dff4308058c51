//! The network of the machine: resolves names, and dials addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::lookups::Lookups;
use crate::domain::id::ModuleName;

/// A boxed future of an I/O result.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Resolves and dials without any check; its caller checks each address before dialling. Tests pass one with names and
/// servers of their own.
pub trait Network: Send + Sync + 'static {
    /// All addresses of a name. The look-up counts against `for_module`'s share.
    fn resolve<'a>(&'a self, for_module: &'a ModuleName, host: &'a str) -> Pending<'a, Vec<IpAddr>>;

    /// Connects to exactly this address.
    fn dial(&self, address: SocketAddr) -> Pending<'_, Box<dyn Stream>>;
}

/// The machine's own network, without a proxy.
pub struct SystemNetwork {
    lookups: Lookups,
}

impl Default for SystemNetwork {
    fn default() -> SystemNetwork {
        SystemNetwork { lookups: Lookups::new(look_up) }
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    // The final dot makes the name absolute, so that the machine's search list cannot turn it into another one.
    let name = format!("{host}.");
    Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, for_module: &'a ModuleName, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        Box::pin(self.lookups.resolve(for_module, host))
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
