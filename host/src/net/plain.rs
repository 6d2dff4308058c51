//! The plain HTTP client, for a server of our own configuration.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::read_on::ReadOn;
use super::server::Server;

/// The body of a request.
pub type Body = BoxBody<Bytes, Infallible>;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("the connection broke: {0}")]
    Http(hyper::Error),
    /// Reading the body failed, or the body is too large.
    #[error("the answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer in time")]
    Late(Elapsed),
}

/// Sends requests to one server, each over a connection of its own.
pub struct PlainClient {
    server: Server,
    /// The value of the header Host.
    authority: HeaderValue,
    answered_within: Duration,
}

/// An answer's body, read as it arrives. Dropping it closes the connection.
pub type Received = BoxBody<Bytes, hyper::Error>;

impl PlainClient {
    pub fn new(server: Server, answered_within: Duration) -> PlainClient {
        let authority = HeaderValue::from_str(&server.address().to_string());
        let authority = authority.expect("a host is letters, digits, dots, hyphens and colons");
        PlainClient { server, authority, answered_within }
    }

    /// Fetches the whole answer. A body of more than `most_bytes` is an error.
    pub async fn fetch(&self, request: Request<Body>, most_bytes: usize) -> Result<Response<Bytes>, FetchError> {
        let fetched = async { collect(self.send(request).await?, most_bytes).await };
        timeout(self.answered_within, fetched).await.map_err(FetchError::Late)?
    }

    /// Fetches the head of the answer; its body has no time limit.
    pub async fn open(&self, request: Request<Body>) -> Result<Response<Received>, FetchError> {
        timeout(self.answered_within, self.send(request)).await.map_err(FetchError::Late)?
    }

    /// Reads the body of an opened answer to its end. A body of more than `most_bytes` is an error.
    pub async fn read_whole(
        &self,
        response: Response<Received>,
        most_bytes: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        timeout(self.answered_within, collect(response, most_bytes)).await.map_err(FetchError::Late)?
    }

    async fn send(&self, mut request: Request<Body>) -> Result<Response<Received>, FetchError> {
        let stream = self.server.dial().await.map_err(FetchError::Connect)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(ReadOn::new(stream))).await;
        let (mut sender, connection) = handshake.map_err(FetchError::Http)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
        // The first header, as RFC 9110 wants it in 7.2.
        let others = std::mem::replace(request.headers_mut(), [(HOST, self.authority.clone())].into_iter().collect());
        request.headers_mut().extend(others);
        let answer = sender.send_request(request).await.map_err(FetchError::Http)?;
        let hold = move |frame| {
            let _connection = &connection;
            frame
        };
        Ok(answer.map(|body| body.map_frame(hold).boxed()))
    }
}

async fn collect(response: Response<Received>, most_bytes: usize) -> Result<Response<Bytes>, FetchError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most_bytes).collect().await.map_err(FetchError::Body)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::domain::server::{Authorities, ServerAddress};

    #[tokio::test]
    async fn the_host_is_named_first_and_an_opened_answer_that_trickles_is_late() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = ServerAddress { is_tls: false, host: "127.0.0.1".to_owned(), port };
        let client =
            PlainClient::new(Server::new(address, Authorities::default()).unwrap(), Duration::from_millis(200));
        let request = Request::get("/").header("accept", "a").body(Empty::new().boxed()).unwrap();
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let length = stream.read(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 503 Unavailable\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
            (stream, String::from_utf8_lossy(&head[..length]).into_owned())
        };
        let (opened, (_stream, head)) = tokio::join!(client.open(request), answer);
        assert_eq!(head, format!("GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: a\r\n\r\n"));
        assert!(matches!(client.read_whole(opened.unwrap(), 100).await, Err(FetchError::Late(_))));
    }
}
