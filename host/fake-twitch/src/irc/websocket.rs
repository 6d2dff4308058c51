//! IRC over WebSocket: text messages of one or more lines.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::irc::session::run_session;
use crate::server::{PIPE, Shared};

/// Without this limit, a client that opens a socket and sends no handshake would hold a task for ever.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long the closing message may wait for a client that no longer reads.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// The largest message that is read: several of the longest lines.
const LARGEST_MESSAGE: usize = 64 * 1024;
/// The buffer of one connection in each direction. The library's default of 128 KiB is for few, busy connections.
const BUFFER: usize = 4 * 1024;

/// Serves one client of `stream` until either side ends the connection.
pub(crate) async fn run_websocket_session(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let handshake = accept_hdr_async_with_config(stream, ChooseProtocol, Some(config));
    let Ok(Ok(socket)) = timeout(HANDSHAKE_WITHIN, handshake).await else { return };
    let (session_end, socket_end) = duplex(PIPE);
    tokio::join!(run_session(shared, session_end), carry(socket, socket_end));
}

/// Accepts the subprotocol `irc`. tmi.js requests it, and its WebSocket library closes a connection whose server does
/// not confirm a requested subprotocol.
struct ChooseProtocol;

impl Callback for ChooseProtocol {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        if asked.flat_map(|value| value.split(',')).any(|protocol| protocol.trim() == "irc") {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("irc"));
        }
        Ok(response)
    }
}

/// Copies lines between the WebSocket and the session's pipe, until either ends.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>, pipe: impl AsyncRead + AsyncWrite) {
    let (mut to_client, from_client) = socket.split();
    let (from_session, to_session) = tokio::io::split(pipe);
    tokio::select! {
        () = carry_to_session(from_client, to_session) => {}
        () = carry_to_client(from_session, &mut to_client) => {}
    }
    // The client may be gone already.
    drop(timeout(CLOSE_WITHIN, to_client.close()).await);
}

/// The last line of a message needs no line ending.
async fn carry_to_session(
    mut from_client: impl Stream<Item = Result<Message, Error>> + Unpin,
    mut to_session: impl AsyncWrite + Unpin,
) {
    while let Some(Ok(message)) = from_client.next().await {
        if !matches!(message, Message::Text(_) | Message::Binary(_)) {
            // The library answers pings and the closing message.
            continue;
        }
        let mut lines = message.into_data().to_vec();
        if !lines.ends_with(b"\n") {
            lines.extend(b"\r\n");
        }
        if to_session.write_all(&lines).await.is_err() {
            return;
        }
    }
}

/// Sends whole lines only.
async fn carry_to_client(
    mut from_session: impl AsyncRead + Unpin,
    to_client: &mut (impl Sink<Message, Error = Error> + Unpin),
) {
    let mut lines = Vec::new();
    while from_session.read_buf(&mut lines).await.is_ok_and(|read| read > 0) {
        let Some(end) = lines.iter().rposition(|&byte| byte == b'\n') else { continue };
        let rest = lines.split_off(end + 1);
        // A test can push any bytes, but a text message must be UTF-8.
        let text = String::from_utf8_lossy(&lines).into_owned();
        lines = rest;
        if to_client.send(Message::text(text)).await.is_err() {
            return;
        }
    }
}
