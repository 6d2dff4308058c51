//! A fake network, whose names, addresses and servers a test defines.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Method;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use twitchy::bench::clock::{ManualClock, use_processor};
use twitchy::config::WebConfig;
use twitchy::domain::id::{ChannelId, ModuleName};
use twitchy::net::network::{Network, Pending, Stream};
use twitchy::sandbox::web::client::{PreparedRequest, WebClient};
use twitchy::sandbox::web::header::prepare_headers;
use twitchy::sandbox::web::request::{SendRequestError, WebRequest, WebResponse};

use crate::limits::NEVER;

pub(super) const API: &str = "api.example.com";
pub(super) const OTHER: &str = "other.example.com";
/// Has an address, but no module is granted this host.
pub(super) const STRANGER: &str = "stranger.example.com";
/// A granted host whose server has no certificate for the name.
pub(super) const PRETENDER: &str = "pretender.example.com";

pub(super) type Encrypted = TlsStream<DuplexStream>;
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;
type Serve = Arc<dyn Fn(Encrypted) -> Serving + Send + Sync>;

/// The network, shared by the test and the clients.
pub(super) struct Internet {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The addresses that successive look-ups of a name return. The last entry is returned from then on.
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    servers: HashMap<IpAddr, Serve>,
    /// Addresses where a connection attempt is neither accepted nor refused.
    silent: Vec<IpAddr>,
    dialled: Vec<SocketAddr>,
    lookups: usize,
    /// Processor time that dialling uses on the dialling thread.
    dial_cost: Duration,
}

impl Internet {
    /// A network with the four names, each at a public address of its own, and no servers yet.
    pub(super) fn new() -> Arc<Internet> {
        let names = [API, OTHER, STRANGER].map(str::to_owned);
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let certificate = cert.der().clone();
        let state = Mutex::default();
        let internet = Internet { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, state };
        for name in [API, OTHER, STRANGER, PRETENDER] {
            internet.name(name, &[&[address_of(name)]]);
        }
        Arc::new(internet)
    }

    /// Sets the addresses of a name, one entry for each look-up.
    pub(super) fn name(&self, name: &str, lookups: &[&[&str]]) {
        let parse = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.state.lock().unwrap().names.insert(name.to_owned(), lookups.iter().map(parse).collect());
    }

    /// Sets the server at the first address of a name.
    pub(super) fn serve<F>(&self, name: &str, serve: impl Fn(Encrypted) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve: Serve = Arc::new(move |stream| Box::pin(serve(stream)));
        self.state.lock().unwrap().servers.insert(address_of(name).parse().unwrap(), serve);
    }

    /// Makes connections to `address` hang for ever.
    pub(super) fn silence(&self, address: &str) {
        self.state.lock().unwrap().silent.push(address.parse().unwrap());
    }

    /// Sets a server that gives the same answer to every request. Returns the requests that it receives.
    pub(super) fn answer(&self, name: &str, text: impl Into<String>) -> Heard {
        let (heard, text) = (Heard::default(), text.into());
        let notes = heard.clone();
        self.serve(name, move |mut stream| {
            let (notes, text) = (notes.clone(), text.clone());
            async move {
                let request = read_request(&mut stream).await;
                notes.0.lock().unwrap().push(request);
                say(&mut stream, text.as_bytes()).await;
                stream.shutdown().await.ok();
            }
        });
        heard
    }

    pub(super) fn dialled(&self) -> Vec<String> {
        self.state.lock().unwrap().dialled.iter().map(SocketAddr::to_string).collect()
    }

    pub(super) fn lookups(&self) -> usize {
        self.state.lock().unwrap().lookups
    }

    pub(super) fn client(self: &Arc<Self>) -> WebClient {
        self.client_with(&WebConfig::default())
    }

    /// A client without a timeout, for tests in real time: they must pass on slow machines.
    pub(super) fn patient_client(self: &Arc<Self>) -> WebClient {
        self.client_with(&WebConfig { answer_within: NEVER, ..WebConfig::default() })
    }

    /// Makes each dialling use so much processor time.
    pub(super) fn charge_for_dialling(&self, cost: Duration) {
        self.state.lock().unwrap().dial_cost = cost;
    }

    pub(super) fn client_with(self: &Arc<Self>, config: &WebConfig) -> WebClient {
        WebClient::new(config, Arc::clone(self) as Arc<dyn Network>, self.roots())
    }

    /// A client that trusts this network's certificate, but connects to the `other` network.
    pub(super) fn client_of(&self, other: &Arc<Internet>) -> WebClient {
        WebClient::new(&WebConfig::default(), Arc::clone(other) as Arc<dyn Network>, self.roots())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// Sends a GET request, with a secret among its headers, by a new client.
    pub(super) async fn get(self: &Arc<Self>, url: &str) -> Result<WebResponse, SendRequestError> {
        send(&self.client(), &request(Method::GET, url)).await
    }

    /// As [`Internet::get`], with the result as one line.
    pub(super) async fn ask(self: &Arc<Self>, url: &str) -> String {
        shown(self.get(url).await)
    }
}

impl Network for Internet {
    fn resolve<'a>(&'a self, _: &'a ModuleName, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        let mut state = self.state.lock().unwrap();
        state.lookups += 1;
        let found = state.names.get_mut(host).map(|lookups| match lookups.len() {
            1 => lookups[0].clone(),
            _ => lookups.remove(0),
        });
        Box::pin(async move { found.ok_or(io::ErrorKind::NotFound.into()) })
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, Box<dyn Stream>> {
        let mut state = self.state.lock().unwrap();
        state.dialled.push(address);
        let server = state.servers.get(&address.ip()).cloned();
        let acceptor = self.acceptor.clone();
        let is_silent = state.silent.contains(&address.ip());
        let cost = state.dial_cost;
        Box::pin(async move {
            use_processor(cost);
            if is_silent {
                std::future::pending::<()>().await;
            }
            let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = tokio::io::duplex(16 << 10);
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake.
                if let Ok(stream) = acceptor.accept(far).await {
                    server(stream).await;
                }
            });
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

/// The requests that a server has received.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn list(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn address_of(name: &str) -> &'static str {
    match name {
        API => "93.184.215.14",
        OTHER => "93.184.215.15",
        STRANGER => "93.184.215.16",
        _ => "93.184.215.17",
    }
}

pub(super) fn request(method: Method, url: &str) -> WebRequest {
    let headers = [("accept", "text/plain"), ("x-key", "Bearer {secret:token}")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = (method == Method::POST).then(|| b"hello".to_vec());
    WebRequest { method, url: url.to_owned(), headers, body }
}

/// Sends a request for channel 1, with a deadline of a minute. All hosts are granted but [`STRANGER`].
pub(super) async fn send(client: &WebClient, request: &WebRequest) -> Result<WebResponse, SendRequestError> {
    send_for(client, request, ChannelId(1)).await
}

pub(super) async fn send_for(
    client: &WebClient,
    request: &WebRequest,
    channel: ChannelId,
) -> Result<WebResponse, SendRequestError> {
    let headers = prepare_headers(&request.headers, |_| Some(SecretString::from("hunter2")))?;
    let order = PreparedRequest {
        request,
        headers,
        hosts: [API, OTHER, PRETENDER].map(str::to_owned).to_vec(),
        sender: (channel, "weather".parse().unwrap()),
        idempotency_key: "message-1".to_owned(),
        deadline: Instant::now() + Duration::from_secs(60),
        most_bytes: 100_000,
        spent: Arc::default(),
        clock: Arc::<ManualClock>::default(),
    };
    client.send(order).await
}

/// Shows the status and the body, or the error. Panics if an error contains the secret.
pub(super) fn shown(sent: Result<WebResponse, SendRequestError>) -> String {
    match sent {
        Ok(response) => format!("{} {}", response.status, String::from_utf8(response.body).unwrap()),
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2"), "{text}");
            error.to_string()
        }
    }
}

/// An HTTP answer with status 200 and a content-length.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

/// Reads the head and the body of a request.
pub(super) async fn read_request(stream: &mut Encrypted) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// Sends bytes; false if the client has closed the connection.
pub(super) async fn say(stream: &mut Encrypted, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// Reads a request, sends `first`, and then `again` repeatedly until the client closes the connection.
pub(super) async fn say_for_ever(mut stream: Encrypted, first: &str, again: &str) {
    read_request(&mut stream).await;
    let mut goes_on = say(&mut stream, first.as_bytes()).await;
    while goes_on && !again.is_empty() {
        goes_on = say(&mut stream, again.as_bytes()).await;
    }
}
