//! A server of our own configuration, and connections to it.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::ServerName;

use super::network::Stream;
use super::tls::{self, LoadRootsError};
use crate::domain::server::{Authorities, ServerAddress};

/// A clone shares the certificates.
#[derive(Clone)]
pub struct Server {
    address: ServerAddress,
    authorities: Authorities,
    tls: TlsConnector,
    /// Whether a connection without TLS may leave this machine.
    allows_plaintext: bool,
}

impl Server {
    /// A server that may be sent secrets, so a connection without TLS must stay on this machine.
    ///
    /// # Errors
    /// The server speaks TLS, and its certificate authorities cannot be loaded.
    pub fn new(address: ServerAddress, authorities: Authorities) -> Result<Self, LoadRootsError> {
        let roots = if address.is_tls { tls::load_roots(&authorities)? } else { RootCertStore::empty() };
        Ok(Self::with_roots(address, authorities, roots))
    }

    fn with_roots(address: ServerAddress, authorities: Authorities, roots: RootCertStore) -> Self {
        let tls = TlsConnector::from(Arc::new(tls::client_config(roots)));
        Self { address, authorities, tls, allows_plaintext: false }
    }

    /// Allows connections without TLS to other machines, for a server that is sent no secret without TLS.
    pub fn allow_plaintext(self) -> Self {
        Self { allows_plaintext: true, ..self }
    }

    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Opens a new connection, without a proxy.
    ///
    /// # Errors
    /// Those of the operating system and of TLS.
    pub async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let ServerAddress { is_tls, host, port } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        // Nagle's algorithm would delay writes that the server waits for.
        stream.set_nodelay(true)?;
        if *is_tls {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let encrypted = self.tls.connect(name, stream).await;
            return Ok(Box::new(encrypted.map_err(|error| tls::explain(error, &self.authorities))?));
        }
        // Checked before a token or a key is sent in the clear. The name was checked when the configuration was read,
        // but its address is known only now.
        if !self.allows_plaintext && !stream.peer_addr()?.ip().is_loopback() {
            return Err(io::Error::other("a connection without TLS must stay on this machine"));
        }
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    fn address(is_tls: bool, host: &str, port: u16) -> ServerAddress {
        ServerAddress { is_tls, host: host.into(), port }
    }

    fn server(is_tls: bool, host: &str, port: u16) -> Server {
        Server::new(address(is_tls, host, port), Authorities::default()).unwrap()
    }

    /// A TLS server with a self-signed certificate for `localhost`, which says hello.
    async fn start_tls_server() -> (u16, CertificateDer<'static>) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let stream = listener.accept().await.unwrap().0;
            // A client that does not trust the certificate ends the handshake.
            let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        (port, cert.der().clone())
    }

    async fn hear_from(host: &str, is_trusted: bool) -> io::Result<String> {
        let (port, certificate) = start_tls_server().await;
        let mut roots = RootCertStore::empty();
        if is_trusted {
            roots.add(certificate).unwrap();
        }
        let mut stream = Server::with_roots(address(true, host, port), Authorities::default(), roots).dial().await?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn a_server_that_proves_who_it_is_is_spoken_to_by_tls() {
        assert_eq!(hear_from("localhost", true).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_certificate_of_nobody_known_or_for_another_name_is_refused() {
        let unknown = hear_from("localhost", false).await.unwrap_err().to_string();
        assert!(unknown.contains("UnknownIssuer; only "), "{unknown}");
        assert!(hear_from("127.0.0.1", true).await.is_err());
    }

    #[tokio::test]
    async fn a_server_on_this_machine_is_spoken_to_in_the_clear() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(false, "localhost", listener.local_addr().unwrap().port());
        let (dialled, accepted) = tokio::join!(server.dial(), listener.accept());
        accepted.unwrap().0.write_all(b"hello").await.unwrap();
        let mut heard = String::new();
        dialled.unwrap().read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(true, "localhost", listener.local_addr().unwrap().port());
        let answer = async {
            let mut stream = listener.accept().await.unwrap().0;
            stream.write_all(b":tmi.twitch.tv 001 twitchy :Welcome, GLHF!\r\n").await.unwrap();
            let mut greeting = vec![0; 16];
            stream.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting[0], 22, "a TLS handshake, and no line");
        };
        assert!(tokio::join!(server.dial(), answer).0.is_err());
    }
}
