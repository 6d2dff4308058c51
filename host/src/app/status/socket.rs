//! The door for `twitchy status`: a Unix socket in the data folder. Whoever connects is told the status, as one JSON
//! document, and has nothing to say.
//!
//! One is answered after the other, and each within a moment: who does not read is left. Only the host's own system user
//! may connect. Two hosts never share the folder, as its database is locked; so a socket that lies there is a dead one's.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Observer, Status};

const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// After a connection that could not be accepted, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(5);

/// Where the host that keeps its data in `data_dir` listens.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("status.sock")
}

/// Why nobody can ask this host how it is.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}: {}", path.display(), tell_why(error))]
pub struct OpenSocketError {
    path: PathBuf,
    error: io::Error,
}

fn tell_why(error: &io::Error) -> String {
    match error.kind() {
        // The system's text is about a C header.
        io::ErrorKind::InvalidInput => "the path is too long for a socket, a shorter data_dir would do".to_owned(),
        _ => error.to_string(),
    }
}

/// Listens; the file is removed on drop.
pub(in crate::app) struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl StatusSocket {
    /// Takes the place of a dead host's socket.
    pub(in crate::app) fn open(data_dir: &Path) -> Result<StatusSocket, OpenSocketError> {
        let path = socket_path(data_dir);
        match listen(&path, &data_dir.join("status.new")) {
            Ok(listener) => Ok(StatusSocket { listener, path }),
            Err(error) => Err(OpenSocketError { path, error }),
        }
    }

    pub(in crate::app) async fn run(self, observer: Observer, stop: CancellationToken) {
        tokio::select! {
            () = self.answer_all(&observer) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn answer_all(&self, observer: &Observer) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => answer(stream, &observer.observe()).await,
                Err(error) => {
                    warn!(%error, "cannot accept a connection to the status socket");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // Left behind, it would be replaced by the next host.
        fs::remove_file(&self.path).ok();
    }
}

/// The socket gets its name when it is closed to others, and not before.
fn listen(path: &Path, unready: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(unready) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(unready)?;
    fs::set_permissions(unready, Permissions::from_mode(0o600))?;
    fs::rename(unready, path)?;
    Ok(listener)
}

async fn answer(mut stream: UnixStream, status: &Status) {
    let document = serde_json::to_vec(status).expect("names, numbers and reasons can be written as JSON");
    let written = timeout(WRITTEN_WITHIN, async {
        stream.write_all(&document).await?;
        stream.write_all(b"\n").await?;
        stream.shutdown().await
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "whoever asked for the status has gone"),
        Err(_) => debug!("whoever asked for the status does not read it"),
    }
}
