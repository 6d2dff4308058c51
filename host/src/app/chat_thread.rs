//! The thread of the connections and of dispatch.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// One thread, on which a message passes from the socket to a guest's thread, and its reply from there to the socket, without
/// another thread being woken up in between. Everything else, such as HTTP, keeps off it: so a PING waits for nothing but
/// other lines.
pub(super) struct ChatThread(Option<Runtime>);

impl ChatThread {
    pub(super) fn start() -> io::Result<ChatThread> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("chat").enable_all().build()?;
        Ok(ChatThread(Some(runtime)))
    }

    pub(super) fn handle(&self) -> Handle {
        let runtime = self.0.as_ref().expect("the runtime is there until this is dropped");
        runtime.handle().clone()
    }
}

impl Drop for ChatThread {
    fn drop(&mut self) {
        // The last owner may be a task, and a runtime that is waited for inside another panics.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
