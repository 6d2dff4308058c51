//! The thread of the connections and of dispatch.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// One thread, on which a message passes from the socket to a guest's thread, and its reply from there to the socket, without
/// another thread being woken up in between. Requests over HTTP and guests keep off it, so that a PING waits for other lines,
/// for the set-up of a channel just joined, and for nothing else.
pub(super) struct ChatThread {
    runtime: Handle,
    /// Ends the thread when it is dropped.
    _alive: oneshot::Sender<()>,
}

impl ChatThread {
    pub(super) fn start() -> io::Result<ChatThread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (alive, ended)) = (runtime.handle().clone(), oneshot::channel());
        // An error: nothing is sent.
        thread::Builder::new().name("chat".to_owned()).spawn(move || drop(runtime.block_on(ended)))?;
        Ok(ChatThread { runtime: handle, _alive: alive })
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}
