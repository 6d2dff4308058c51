//! What the operator reads of a guest: its own lines, and where it trapped.

use std::io;
use std::sync::{Mutex, Once};

use tests::guests;
use twitchy::domain::id::ChannelId;

use super::fixture::{Fixture, text};
use super::runs::Meddler;

static RECORDS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static CAPTURE: Once = Once::new();

struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        RECORDS.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Guests run on threads of their own, so the whole process is listened to.
fn capture() {
    CAPTURE.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Capture).init());
}

/// The records about one channel; each test has one of its own.
fn records_of(channel: ChannelId) -> Vec<String> {
    let records = String::from_utf8(RECORDS.lock().unwrap().clone()).unwrap();
    records.lines().filter(|record| record.contains(&format!("channel={channel} "))).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_trap_is_logged_with_the_guests_own_words_and_functions() {
    capture();
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::TRAPS).await;
    let channel = ChannelId(4001);
    assert!(fixture.sandbox.invoke(fixture.call_in(channel, &manifest)).await.is_err());
    let records = records_of(channel);
    let [record] = records.as_slice() else { panic!("{records:?}") };
    for part in ["WARN", r#"module="traps""#, "Error: ", "panicked", "backtrace=", "::respond"] {
        assert!(record.contains(part), "{part:?} is not in {record}");
    }
    // What every panic has in common tells nobody anything, and what is escaped twice is not to be read.
    for part in ["panicking::", r"\\"] {
        assert!(!record.contains(part), "{part:?} is in {record}");
    }
}

#[tokio::test]
async fn of_several_runs_only_the_last_ones_lines_are_kept() {
    capture();
    let (fixture, meddler) = Meddler::fixture(2).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let answer = text(fixture.invoke(&manifest).await);
    assert!(answer.starts_with("count 21,"), "{answer}");
    assert_eq!(meddler.asked(), 3);
    let records = records_of(super::fixture::SHOP);
    let lines = records
        .iter()
        .filter(|record| record.contains("counts-slowly"))
        .map(|record| record.matches("Info: counting").count());
    assert!(lines.max() == Some(1), "{records:?}");
}
