//! The server's handle and its tasks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::id::connection::run_connection;
use crate::id::requests::Requests;
use crate::irc::session::run_session;
use crate::irc::sessions::Sessions;
use crate::state::State;
use crate::world::clock::Clock;
use crate::world::{Policy, World};

/// Bytes that the in-memory connection buffers in each direction, about as many as a socket.
pub(crate) const PIPE: usize = 64 * 1024;
/// The delay after a failed accept, which mostly means that file handles ran out.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Midnight of 1 January 2026, UTC.
const DEFAULT_BASE: Duration = Duration::from_secs(1_767_225_600);

/// Settings of a server. The default is for tests: runs of one script are identical, and accounts and channels exist
/// only if the test adds them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Determines the message ids, and the tokens that are issued.
    pub seed: u64,
    /// Wall-clock time of the server's start, for `tmi-sent-ts`. Tokio's elapsed time is added.
    pub base_time: SystemTime,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, base_time: UNIX_EPOCH + DEFAULT_BASE, policy: Policy::default() }
    }
}

/// Shared by the tasks of all connections.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Notified after each change, for the `until_` methods.
    pub(crate) changed: Notify,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Poisoning is ignored: the test that panicked reports the bug, and the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Twitch in a box. Clones share one server, whose tasks end with the last clone or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct FakeTwitch {
    pub(crate) shared: Arc<Shared>,
    /// Dropping the set aborts the tasks.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl FakeTwitch {
    /// Must be called within a runtime, whose clock the server follows.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let world = World::new(Clock::new(settings.base_time, settings.seed), settings.policy);
        let state = State { world, irc: Sessions::default(), id: Requests::default() };
        let shared = Shared { state: Mutex::new(state), changed: Notify::new() };
        Self { shared: Arc::new(shared), tasks: Arc::default() }
    }

    /// Serves IRC at a free port of the loopback interface, and returns the address.
    ///
    /// # Errors
    /// If no port is available.
    pub async fn listen(&self) -> io::Result<SocketAddr> {
        self.listen_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Serves IRC over TCP at `address`, and returns the actual address, which differs if the port is 0.
    ///
    /// # Errors
    /// If the port is taken, or is not allowed to this process.
    pub async fn listen_at(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.serve(address, run_session).await
    }

    /// Like `listen_at`, over WebSocket without TLS, at any path.
    #[cfg(feature = "server")]
    pub async fn listen_websocket_at(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.serve(address, crate::irc::websocket::run_websocket_session).await
    }

    /// Serves id.twitch.tv over HTTP without TLS at a free port of the loopback interface, and returns the address. Its
    /// endpoints have Twitch's paths, such as `/oauth2/token`.
    ///
    /// # Errors
    /// If no port is available.
    pub async fn listen_id(&self) -> io::Result<SocketAddr> {
        self.listen_id_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Like [`listen_id`](Self::listen_id), at `address`.
    ///
    /// # Errors
    /// If the port is taken, or is not allowed to this process.
    pub async fn listen_id_at(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.serve(address, run_connection).await
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

    /// Opens a connection in memory, for tests with a paused clock. Must be called within a runtime.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        self.open(run_session)
    }

    /// Like [`connect`](Self::connect), for HTTP with id.twitch.tv.
    #[must_use]
    pub fn connect_id(&self) -> DuplexStream {
        self.open(run_connection)
    }

    fn open<F>(&self, run: impl FnOnce(Arc<Shared>, DuplexStream) -> F) -> DuplexStream
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (theirs, ours) = tokio::io::duplex(PIPE);
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(run(self.shared.clone(), ours));
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

/// Runs until aborted, which also ends the accepted connections.
async fn accept_connections<F>(listener: TcpListener, run: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Tests measure latency through this socket. If the kernel refuses, only accuracy suffers.
                let _unset = stream.set_nodelay(true);
                sessions.spawn(run(stream));
            }
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}
