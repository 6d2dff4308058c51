//! The operator's log about a guest: the lines that it logged, and the backtrace of its trap.

use std::io;
use std::sync::{Mutex, Once};

use tests::guests;
use twitchy::domain::id::ChannelId;
use twitchy::sandbox::call::InvokeError;
use twitchy::telemetry::lines::LineLevel;

use super::fixture::{Fixture, text};
use super::runs::ConflictingProvider;

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

/// Captures the log of the whole process, because guests run on threads of their own.
pub(crate) fn capture() {
    CAPTURE.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Capture).init());
}

/// The records about one channel. Each test uses a channel of its own.
pub(crate) fn records_of(channel: ChannelId) -> Vec<String> {
    let records = String::from_utf8(RECORDS.lock().unwrap().clone()).unwrap();
    records.lines().filter(|record| record.contains(&format!("channel={channel} "))).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_trap_is_logged_with_the_guests_own_words_and_functions() {
    capture();
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::TRAPS).await;
    let channel = ChannelId(4001);
    let trapped = fixture.sandbox.invoke(fixture.call_in(channel, &manifest)).await;
    assert!(matches!(trapped, Err(InvokeError::Trap(_))), "{trapped:?}");
    let records = records_of(channel);
    let [record] = records.as_slice() else { panic!("{records:?}") };
    for part in
        ["WARN", r#"module="traps""#, "Error: ", "panicked", "reason=the module trapped: ", "backtrace=", "::respond"]
    {
        assert!(record.contains(part), "{part:?} is not in {record}");
    }
    // The frames of the panic machinery are the same in every panic, and doubly escaped text is unreadable.
    for part in ["panicking::", r"\\"] {
        assert!(!record.contains(part), "{part:?} is in {record}");
    }
}

#[tokio::test]
async fn a_guest_that_traps_in_every_call_does_not_fill_the_log_and_its_author_can_read_each() {
    capture();
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::TRAPS).await;
    let channel = ChannelId(4002);
    for _ in 0..9 {
        let trapped = fixture.sandbox.invoke(fixture.call_in(channel, &manifest)).await;
        assert!(matches!(trapped, Err(InvokeError::Trap(_))), "{trapped:?}");
    }
    // On a machine so slow that a minute passes meanwhile, a few more records are allowed.
    let records = records_of(channel).len();
    assert!((6..9).contains(&records), "{records}");
    let page = fixture.world.telemetry.lines.list(&manifest.name, Some(&[channel]), 0, 100);
    let levels: Vec<_> = page.lines.iter().map(|line| line.level).collect();
    assert_eq!(levels, [LineLevel::Error, LineLevel::Trap].repeat(9));
    assert_eq!(page.lines[0].source.version, manifest.version);
    assert!(page.lines[1].text.contains("::respond"), "{:?}", page.lines[1]);
    let elsewhere = fixture.world.telemetry.lines.list(&manifest.name, Some(&[ChannelId(4003)]), 0, 100);
    assert_eq!(elsewhere.lines, []);
    fixture.answers_balance().await;
}

#[tokio::test]
async fn of_several_runs_only_the_last_ones_lines_are_kept() {
    capture();
    let (fixture, meddler) = ConflictingProvider::fixture(2).await;
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
    let is_named = |record: &&String| record.contains("counts-slowly") && record.contains("invocation=chat:");
    assert!(records.iter().any(|record| is_named(&record)), "{records:?}");
}
