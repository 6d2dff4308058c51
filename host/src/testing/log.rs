//! Captures what a test's own thread logs.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::{Arc, OnceLock};

use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing::{Dispatch, Subscriber};

pub(crate) struct TestLog {
    file: Arc<File>,
    _guard: DefaultGuard,
}

impl TestLog {
    /// Captures until dropped, with the subscriber that writes to the file.
    pub(crate) fn start<S: Subscriber + Send + Sync>(make_subscriber: impl FnOnce(Arc<File>) -> S) -> Self {
        // With a single subscriber in the process, `tracing` asks only the thread that first reaches a log line, and
        // the answer "not interested" disables the line for all threads. With a second subscriber, `tracing` asks both.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let file = Arc::new(tempfile::tempfile().unwrap());
        let guard = set_default(make_subscriber(file.clone()));
        tracing::callsite::rebuild_interest_cache();
        Self { file, _guard: guard }
    }

    pub(crate) fn text(&self) -> String {
        let (mut file, mut text) = (&*self.file, String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }
}

#[test]
fn a_thread_that_does_not_listen_closes_no_line_for_one_that_does() {
    let log = TestLog::start(|file| tracing_subscriber::fmt().with_writer(file).finish());
    let speak = || tracing::info!("spoken");
    std::thread::spawn(speak).join().unwrap();
    speak();
    assert_eq!(log.text().matches("spoken").count(), 1);
}
