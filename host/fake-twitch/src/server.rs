//! The handle, and the tasks behind it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::irc::session::run_session;
use crate::state::State;

/// Bytes that the in-memory connection holds in each direction, about what a socket would.
const PIPE: usize = 64 * 1024;
/// The pause after a connection could not be accepted, for want of file handles mostly.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Midnight of 1 January 2026, UTC.
const DEFAULT_BASE: Duration = Duration::from_secs(1_767_225_600);

/// What makes two runs the same.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Message ids come from it.
    pub seed: u64,
    /// The wall clock's time when the server is made, for `tmi-sent-ts`; from then on tokio's clock is added.
    pub base_time: SystemTime,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, base_time: UNIX_EPOCH + DEFAULT_BASE }
    }
}

/// What the connections' tasks share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something happened that `until_` methods may have waited for.
    pub(crate) changed: Notify,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a bug of ours that the test which met it reports; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Twitch in a box. Clones are one server; its tasks end with the last clone, or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct FakeTwitch {
    pub(crate) shared: Arc<Shared>,
    /// Dropping the set aborts them.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl FakeTwitch {
    /// To be called within the runtime whose clock the server shall follow.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let state = State::new(Clock::new(settings.base_time, settings.seed));
        let shared = Shared { state: Mutex::new(state), changed: Notify::new() };
        Self { shared: Arc::new(shared), tasks: Arc::default() }
    }

    /// Serves a port of the loopback interface that was free, and returns its address.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn listen(&self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        self.tasks().spawn(accept_connections(listener, self.shared.clone()));
        Ok(address)
    }

    /// A connection over memory, for tests whose clock is paused. Must be called within a runtime.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (theirs, ours) = tokio::io::duplex(PIPE);
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(run_session(self.shared.clone(), ours));
        theirs
    }

    /// Ends every connection and stops listening.
    pub async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until it is aborted; the connections that it accepted end with it.
async fn accept_connections(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Latency is measured through this socket; a kernel that refuses costs only accuracy.
                let _unset = stream.set_nodelay(true);
                sessions.spawn(run_session(shared.clone(), stream));
            }
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}
