//! Writes the process's log to standard error: a bounded queue, and a thread that empties it.
//!
//! A write to a pipe or a terminal blocks while its reader does not read. Only this thread waits for that; logging
//! never waits. A record that finds the queue full is lost and counted.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of records that wait to be written: some thousand lines.
const QUEUE_BYTES: usize = 1 << 20;
/// The size of a record besides its text.
const RECORD_OVERHEAD: usize = 64;
/// Delay before a retry if standard error is a non-blocking file that accepts nothing at the moment.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// The number of log lines lost since the start of the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LostLines(Arc<AtomicU64>);

impl LostLines {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes records to write. Clones share the queue.
#[derive(Clone)]
pub struct LogQueue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    lost: LostLines,
}

#[derive(Default)]
struct State {
    records: VecDeque<Box<[u8]>>,
    /// Size of the records, with their overhead.
    bytes: usize,
    /// Whether a record was taken out but not written yet.
    is_writing: bool,
}

impl LogQueue {
    /// Starts the thread, which writes to `output` for the rest of the process. When there is room again after a loss,
    /// it calls `report_loss` with the total of lost lines; what that logs goes through the queue.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(
        output: impl Write + Send + 'static,
        report_loss: impl Fn(u64) + Send + 'static,
    ) -> io::Result<LogQueue> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), lost: LostLines::default() });
        let writer = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run_writer(output, report_loss))?;
        Ok(LogQueue { shared })
    }

    pub fn lost_lines(&self) -> LostLines {
        self.shared.lost.clone()
    }

    /// Queues a record, which ends with a line feed. Never blocks.
    pub fn put(&self, record: &[u8]) {
        let size = record.len() + RECORD_OVERHEAD;
        let mut state = self.shared.lock();
        if state.bytes + size > QUEUE_BYTES {
            drop(state);
            return self.shared.lost.add_one();
        }
        state.bytes += size;
        state.records.push_back(record.into());
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Returns when all records are written, or after `within`.
    pub fn wait_until_written(&self, within: Duration) {
        let is_pending = |state: &mut State| state.is_writing || !state.records.is_empty();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), within, is_pending);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Each call of `write` is one record, because the formatter writes a record at once.
impl Write for LogQueue {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.put(record);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn run_writer(&self, mut output: impl Write, report_loss: impl Fn(u64)) {
        let mut reported = 0;
        let mut written = 0;
        loop {
            let record = self.take_record();
            let is_written = write_record(&mut output, &record).is_ok();
            if is_written {
                written += record.len();
            } else {
                // The terminal was closed, or the disk is full.
                self.lost.add_one();
            }
            let lost = self.lost.count();
            // With a reader that never catches up, losses are reported now and then: reports must not crowd the queue.
            if is_written && lost > reported && (written >= QUEUE_BYTES || self.lock().records.is_empty()) {
                (reported, written) = (lost, 0);
                report_loss(lost);
            }
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for the next record.
    fn take_record(&self) -> Box<[u8]> {
        let mut state = self.lock();
        loop {
            if let Some(record) = state.records.pop_front() {
                state.bytes -= record.len() + RECORD_OVERHEAD;
                state.is_writing = true;
                return record;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Like `write_all`, but waits for a file that another process has made non-blocking.
fn write_record(output: &mut impl Write, mut record: &[u8]) -> io::Result<()> {
    while !record.is_empty() {
        match output.write(record) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => record = &record[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Makes a test that hangs fail instead.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A reader controlled by the test: each write waits for an answer and returns it.
    struct Pipe {
        written: Sender<String>,
        answers: Receiver<io::Result<()>>,
    }

    impl Write for Pipe {
        fn write(&mut self, record: &[u8]) -> io::Result<usize> {
            self.written.send(String::from_utf8(record.to_vec()).unwrap()).unwrap();
            // The sender is gone when the test is over.
            self.answers.recv().unwrap_or(Ok(())).map(|()| record.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Stage {
        queue: LogQueue,
        written: Receiver<String>,
        answers: Sender<io::Result<()>>,
        reports: Receiver<u64>,
    }

    impl Stage {
        fn start() -> Stage {
            let (written_in, written) = channel();
            let (answers, answers_out) = channel();
            let (reports_in, reports) = channel();
            let pipe = Pipe { written: written_in, answers: answers_out };
            let queue = LogQueue::start(pipe, move |lost| reports_in.send(lost).unwrap()).unwrap();
            Stage { queue, written, answers, reports }
        }

        /// The record being written now.
        fn see(&self) -> String {
            self.written.recv_timeout(PATIENCE).unwrap()
        }

        fn answer(&self, answer: io::Result<()>) {
            self.answers.send(answer).unwrap();
        }

        /// Queues a record of which the queue holds 16.
        fn put_large(&self) {
            self.queue.put(&[b'x'; QUEUE_BYTES / 16 - RECORD_OVERHEAD]);
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_reported_when_there_is_room_again() {
        let stage = Stage::start();
        stage.queue.put(b"first\n");
        assert_eq!(stage.see(), "first\n");
        (0..20).for_each(|_| stage.put_large());
        assert_eq!(stage.queue.lost_lines().count(), 4, "nobody reads, and nobody waited");
        for _ in 0..16 {
            stage.answer(Ok(()));
            stage.see();
            assert!(stage.reports.try_recv().is_err(), "there is more to write");
        }
        stage.answer(Ok(()));
        assert_eq!(stage.reports.recv_timeout(PATIENCE), Ok(4));
        stage.queue.put(b"last\n");
        assert_eq!(stage.see(), "last\n");
        stage.answer(Ok(()));
        stage.queue.wait_until_written(PATIENCE);
        assert!(stage.reports.try_recv().is_err(), "it is reported once");
    }

    #[test]
    fn a_reader_that_never_catches_up_hears_of_the_loss_too() {
        let stage = Stage::start();
        stage.put_large();
        let mut told = None;
        for _ in 0..40 {
            stage.see();
            // One more than is written, so the queue stays full.
            (0..17).for_each(|_| stage.put_large());
            stage.answer(Ok(()));
            told = told.or_else(|| stage.reports.try_recv().ok());
        }
        assert!(told.is_some_and(|lost| lost > 0), "{told:?}");
    }

    #[test]
    fn a_closed_output_loses_lines_and_nothing_else() {
        let stage = Stage::start();
        for _ in 0..3 {
            stage.queue.put(b"unheard\n");
            stage.see();
            stage.answer(Err(io::ErrorKind::BrokenPipe.into()));
        }
        stage.queue.put(b"heard\n");
        stage.see();
        stage.answer(Ok(()));
        assert_eq!(stage.reports.recv_timeout(PATIENCE), Ok(3));
    }

    #[test]
    fn an_output_that_does_not_block_is_tried_again() {
        let stage = Stage::start();
        stage.queue.put(b"patient\n");
        for answer in [Err(io::ErrorKind::WouldBlock.into()), Err(io::ErrorKind::Interrupted.into()), Ok(())] {
            assert_eq!(stage.see(), "patient\n");
            stage.answer(answer);
        }
        stage.queue.wait_until_written(PATIENCE);
        assert_eq!(stage.queue.lost_lines().count(), 0);
    }

    #[test]
    fn the_end_waits_no_longer_than_it_may() {
        let stage = Stage::start();
        stage.queue.put(b"stuck\n");
        stage.see();
        stage.queue.wait_until_written(Duration::ZERO);
        stage.answer(Ok(()));
        stage.queue.wait_until_written(PATIENCE);
        let state = stage.queue.shared.lock();
        assert!(state.records.is_empty() && !state.is_writing);
    }
}
