//! The handle, and the tasks behind it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::irc::session::run_session;
use crate::irc::sessions::Sessions;
use crate::state::State;
use crate::world::clock::Clock;
use crate::world::{Policy, World};

/// Bytes that the in-memory connection holds in each direction, about what a socket would.
pub(crate) const PIPE: usize = 64 * 1024;
/// The pause after a connection could not be accepted, for want of file handles mostly.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Midnight of 1 January 2026, UTC.
const DEFAULT_BASE: Duration = Duration::from_secs(1_767_225_600);

/// How a server differs from another one. The default is for tests: two runs of one script are the same, and only what
/// was added exists.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Message ids come from it.
    pub seed: u64,
    /// The wall clock's time when the server is made, for `tmi-sent-ts`; from then on tokio's clock is added.
    pub base_time: SystemTime,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, base_time: UNIX_EPOCH + DEFAULT_BASE, policy: Policy::default() }
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
        let world = World::new(Clock::new(settings.base_time, settings.seed), settings.policy);
        let state = State { world, irc: Sessions::default() };
        let shared = Shared { state: Mutex::new(state), changed: Notify::new() };
        Self { shared: Arc::new(shared), tasks: Arc::default() }
    }

    /// Serves a port of the loopback interface that was free, and returns its address.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn listen(&self) -> io::Result<SocketAddr> {
        self.listen_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Serves IRC over TCP at `address`, and returns the address with the port that was chosen where it is 0.
    ///
    /// # Errors
    /// When the port is taken, or is not for this process.
    pub async fn listen_at(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.serve(address, run_session).await
    }

    /// The same over WebSocket, without TLS, at any path.
    #[cfg(feature = "server")]
    pub async fn listen_websocket_at(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.serve(address, crate::irc::websocket::run_websocket_session).await
    }

    async fn serve<F>(
        &self,
        address: SocketAddr,
        run: impl Fn(Arc<Shared>, TcpStream) -> F + Send + 'static,
    ) -> io::Result<SocketAddr>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = self.shared.clone();
        self.tasks().spawn(accept_connections(listener, move |stream| run(shared.clone(), stream)));
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
async fn accept_connections<F>(listener: TcpListener, run: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Latency is measured through this socket; a kernel that refuses costs only accuracy.
                let _unset = stream.set_nodelay(true);
                sessions.spawn(run(stream));
            }
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}
