//! The thread of the connections and of dispatch.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A single thread: a message passes from the socket to a guest's thread, and its reply back to the socket, without
/// waking another thread in between. HTTP requests and guests do not run here. So a PING waits only for other lines and
/// for the set-up of a channel just joined.
pub(super) struct ChatThread {
    runtime: Handle,
    /// Ends the thread when dropped.
    _alive: oneshot::Sender<()>,
}

impl ChatThread {
    pub(super) fn start() -> io::Result<ChatThread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (alive, ended)) = (runtime.handle().clone(), oneshot::channel());
        // `ended` only ever fails, because nothing is sent.
        thread::Builder::new().name("chat".to_owned()).spawn(move || drop(runtime.block_on(ended)))?;
        Ok(ChatThread { runtime: handle, _alive: alive })
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}
