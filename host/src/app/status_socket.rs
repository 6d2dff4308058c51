//! The Unix socket `status.sock` in the data folder, for the operator's command line.
//!
//! A client that closes its sending side, or sends nothing for a moment, gets the status. A client that sends a line
//! gives an order (see `orders`). Either way the answer is one line of JSON.
//!
//! Guarantees: only the host's own system user and root get an answer. The socket's mode ensures this, and the client's
//! uid as reported by the system is checked again. Whatever a client sends or fails to read costs bounded memory and
//! time, and delays neither the host nor other clients for long. Two hosts never share the folder, because its database
//! is locked; so an existing socket is a dead host's.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::orders::{Answer, Orders};
use super::uid::{describe_uid, own_uid};

/// Clients served at once. Further ones wait in the system's queue.
const CLIENTS: usize = 64;
/// A client that sent nothing for this long wants the status. One whose order comes later gets the status too, notices
/// that, and asks again.
const SILENT_FOR: Duration = Duration::from_millis(500);
/// Time for an order's whole line.
const ORDERED_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of an order.
const LONGEST_ORDER: usize = 16 << 10;
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// Delay after a connection could not be accepted, most likely for lack of file descriptors.
const PAUSE: Duration = Duration::from_secs(5);

/// The socket of the host that keeps its data in `data_dir`.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("status.sock")
}

fn describe_error(error: &io::Error) -> String {
    match error.kind() {
        // The system's own text is about a C header.
        io::ErrorKind::InvalidInput => "the path is too long for a socket, a shorter data_dir would do".to_owned(),
        _ => error.to_string(),
    }
}

/// The listening socket. Its file is removed on drop.
pub(super) struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The uid that this host runs as.
    own_uid: u32,
}

impl StatusSocket {
    /// Replaces a dead host's socket.
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<StatusSocket> {
        let path = socket_path(data_dir);
        let listener = listen(&path, &data_dir.join(".sock"))
            .map_err(|error| anyhow!("cannot listen on {}: {}", path.display(), describe_error(&error)))?;
        // Not the owner of the file: a network file system may give every file to one user of its own.
        Ok(StatusSocket { listener, path, own_uid: own_uid() })
    }

    /// Runs until `stop`. Orders read by then are carried out and answered.
    pub(super) async fn run(self, orders: Arc<Orders>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CLIENTS));
        let mut clients = JoinSet::new();
        loop {
            while clients.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.accept(&places) => accepted,
                () = stop.cancelled() => break,
            };
            let Some((stream, uid, place)) = accepted else { continue };
            let (orders, stop) = (orders.clone(), stop.clone());
            clients.spawn(async move {
                serve(stream, uid, &orders, &stop).await;
                drop(place);
            });
        }
        while clients.join_next().await.is_some() {}
    }

    /// The next trusted client, with its uid.
    async fn accept(&self, places: &Arc<Semaphore>) -> Option<(UnixStream, u32, OwnedSemaphorePermit)> {
        let place = places.clone().acquire_owned().await.ok()?;
        let accepted = self.listener.accept().await.and_then(|(stream, _)| {
            let uid = stream.peer_cred()?.uid();
            Ok((stream, uid))
        });
        match accepted {
            Ok((stream, uid)) if is_trusted(uid, self.own_uid) => Some((stream, uid, place)),
            Ok((_, uid)) => {
                warn!(uid, "a system user who is neither the host's nor root is not answered at the status socket");
                None
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection to the status socket");
                sleep(PAUSE).await;
                None
            }
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // If this fails, the next host replaces the file.
        fs::remove_file(&self.path).ok();
    }
}

/// Root can read the data folder anyway, so refusing root would protect nothing and break `sudo twitchy`.
fn is_trusted(uid: u32, own_uid: u32) -> bool {
    uid == own_uid || uid == 0
}

/// Makes the socket in a folder that is closed to others from its creation, closes the socket too, and moves it to its
/// place. Otherwise, under a wide umask, others could connect between bind and chmod.
fn listen(path: &Path, closed: &Path) -> io::Result<UnixListener> {
    // Checks the path by which clients connect: it is the longer one, and the system limits its length.
    SocketAddr::from_pathname(path)?;
    let unready = closed.join("s");
    for left in [fs::remove_file(&unready), fs::remove_dir(closed)] {
        match left {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    DirBuilder::new().mode(0o700).create(closed)?;
    let listener = UnixListener::bind(&unready)?;
    fs::set_permissions(&unready, Permissions::from_mode(0o600))?;
    fs::rename(&unready, path)?;
    fs::remove_dir(closed)?;
    Ok(listener)
}

/// A client's request.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Status,
    /// An order's line without its line feed.
    Order(Vec<u8>),
    /// A line longer or slower than an order may be.
    Invalid(&'static str),
}

async fn serve(mut stream: UnixStream, uid: u32, orders: &Orders, stop: &CancellationToken) {
    let wanted = tokio::select! {
        wanted = read_request(&mut stream) => wanted,
        () = stop.cancelled() => return,
    };
    let sent = match wanted {
        Ok(Request::Status) => send(&mut stream, &orders.observer.observe()).await,
        Ok(Request::Order(line)) => {
            let name = spawn_blocking(move || describe_uid(uid)).await.unwrap_or_else(|_| format!("uid {uid}"));
            send(&mut stream, &orders.carry_out(&line, &name).await).await
        }
        Ok(Request::Invalid(detail)) => send(&mut stream, &Answer::Refused { detail: detail.to_owned() }).await,
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        debug!(%error, "a client of the status socket does not get its answer");
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let mut line = Vec::new();
    match timeout(SILENT_FOR, stream.read_buf(&mut line)).await {
        Err(_) => return Ok(Request::Status),
        Ok(read) => read?,
    };
    let whole = timeout(ORDERED_WITHIN, async {
        while !line.contains(&b'\n') && line.len() <= LONGEST_ORDER {
            if stream.read_buf(&mut line).await? == 0 {
                break;
            }
        }
        Ok::<_, io::Error>(())
    });
    match whole.await {
        Err(_) => return Ok(Request::Invalid("an order is one line of JSON, sent at once")),
        Ok(read) => read?,
    }
    line.truncate(line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len()));
    Ok(match line.as_slice() {
        line if line.len() > LONGEST_ORDER => Request::Invalid("an order is at most 16 KiB of JSON in one line"),
        line if line.trim_ascii().is_empty() => Request::Status,
        _ => Request::Order(line),
    })
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).expect("texts and numbers can be written as JSON");
    line.push(b'\n');
    let written = timeout(WRITTEN_WITHIN, async {
        stream.write_all(&line).await?;
        stream.shutdown().await
    });
    written.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it does not read its answer")))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// The request of a client that sends these parts, each after the previous one was read, and then closes or stays.
    async fn wanted(parts: &[&[u8]], closes: bool) -> Request {
        let (mut client, mut stream) = duplex(64);
        let send = async {
            for part in parts {
                // The server stops reading once it has enough.
                client.write_all(part).await.ok();
            }
            if closes {
                client.shutdown().await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            wanted = read_request(&mut stream) => wanted.unwrap(),
            () = send => unreachable!("it stays"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_an_order_wants_the_status() {
        for (parts, closes) in [(&[][..], true), (&[][..], false), (&[&b"\n"[..]][..], false), (&[&b" \r\n"[..]], true)]
        {
            assert_eq!(wanted(parts, closes).await, Request::Status, "{parts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_one_line_however_it_arrives() {
        let order = Request::Order(b"{}".to_vec());
        assert_eq!(wanted(&[b"{}\n"], false).await, order);
        assert_eq!(wanted(&[b"{", b"}", b"\n"], false).await, order);
        assert_eq!(wanted(&[b"{}"], true).await, order);
        assert_eq!(wanted(&[b"{}\n{\"order\": \"again\"}\n"], false).await, order);
        let longest = vec![b'x'; LONGEST_ORDER];
        assert_eq!(wanted(&[&longest, b"\n"], false).await, Request::Order(longest));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_an_end_is_given_up() {
        let begun = tokio::time::Instant::now();
        assert!(matches!(wanted(&[b"{"], false).await, Request::Invalid(detail) if detail.contains("sent at once")));
        assert_eq!(begun.elapsed(), ORDERED_WITHIN);
        let endless = vec![b'x'; 1 << 20];
        assert!(matches!(wanted(&[&endless], false).await, Request::Invalid(detail) if detail.contains("16 KiB")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_left() {
        let (_client, mut stream) = duplex(8);
        let error = send(&mut stream, &"a text that is longer than what fits").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn only_the_hosts_own_uid_and_root_are_trusted() {
        assert_eq!([1000, 0, 1001].map(|uid| is_trusted(uid, 1000)), [true, true, false]);
        assert_eq!([0, 1000].map(|uid| is_trusted(uid, 0)), [true, false]);
    }

    #[tokio::test]
    async fn the_socket_is_closed_to_others_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        // The files of a host that died during its start.
        fs::create_dir(folder.path().join(".sock")).unwrap();
        fs::write(folder.path().join(".sock/s"), "").unwrap();
        let socket = StatusSocket::open(folder.path()).unwrap();
        assert_eq!(fs::metadata(&socket.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
