//! The lines that guests log: kept for a while so that authors can read them. Limits how many the process's log gets.
//!
//! Strangers choose all of this. So lines are bounded by number and bytes, for each module and channel and in total.
//! The lines of the module and channel that was silent for longest are dropped first.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lru::LruCache;

use crate::domain::id::{ChannelId, InvocationId, ModuleName};
use crate::domain::named::named;

/// Limits of one module in one channel.
const LINES: usize = 200;
const BYTES: usize = 64 << 10;
/// Limits in total: pairs of module and channel, and bytes.
const RINGS: NonZeroUsize = NonZeroUsize::new(2_000).expect("it is not 0");
const BYTES_IN_ALL: usize = 16 << 20;
/// The approximate size of a line besides its text.
const LINE_OVERHEAD: usize = 64;
/// The approximate size of what the lines of one call share.
const CALL_OVERHEAD: usize = 192;

/// Records that the process's log gets per `MINUTE`: of one module in one channel, and in total.
const RECORDS: u32 = 6;
const RECORDS_IN_ALL: u32 = 300;
const MINUTE: Duration = Duration::from_secs(60);

named! {
    /// How serious a line is. The guest chooses the level, except `Trap`, which the host sets.
    pub enum LineLevel {
        Debug "debug",
        Info "info",
        Warn "warn",
        Error "error",
        /// The text says why the call broke off, and where the guest was then.
        Trap "trap",
    }
}

/// The call in which lines were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSource {
    pub module: ModuleName,
    pub version: semver::Version,
    pub channel: ChannelId,
    pub invocation: InvocationId,
    pub at: SystemTime,
}

/// One line of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Rises from line to line across all modules; starts again with the process.
    pub number: u64,
    pub source: Arc<LineSource>,
    pub level: LineLevel,
    /// Escaped: without line breaks, terminal commands and invisible characters.
    pub text: Box<str>,
}

/// Some lines, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePage {
    pub lines: Vec<Line>,
    /// The number after which the next page begins.
    pub cursor: u64,
    /// Whether there are more lines now.
    pub has_more: bool,
}

/// Whether the process's log gets a call's lines too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAdmission {
    /// `left_out` calls of this module in this channel were left out before this one.
    Admitted {
        left_out: u64,
    },
    LeftOut,
}

/// The kept lines of all modules.
#[derive(Debug)]
pub struct Lines {
    kept_lines: Mutex<KeptLines>,
}

#[derive(Debug)]
struct KeptLines {
    rings: LruCache<(ModuleName, ChannelId), Ring>,
    bytes: usize,
    /// The number of the last line.
    number: u64,
    records: Budget,
}

/// The lines of one module in one channel.
#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    records: Budget,
    left_out: u64,
}

/// The records of a minute, which begins with its first record.
#[derive(Debug, Default)]
struct Budget {
    begun_at: Option<Instant>,
    used: u32,
}

impl Budget {
    fn has_room(&mut self, most: u32, now: Instant) -> bool {
        let is_over = self.begun_at.is_none_or(|begun| now.saturating_duration_since(begun) >= MINUTE);
        if is_over {
            *self = Budget { begun_at: Some(now), used: 0 };
        }
        self.used < most
    }
}

impl Lines {
    pub(super) fn new() -> Lines {
        let kept_lines = KeptLines { rings: LruCache::new(RINGS), bytes: 0, number: 0, records: Budget::default() };
        Lines { kept_lines: Mutex::new(kept_lines) }
    }

    /// Keeps the lines of one call.
    pub(super) fn keep(&self, source: LineSource, lines: &[(LineLevel, &str)]) {
        let mut kept_lines = self.lock();
        kept_lines.keep(source, lines);
        kept_lines.make_room();
    }

    /// [`Lines::keep`]. Returns whether the process's log gets the lines too.
    pub(super) fn keep_and_admit(&self, source: LineSource, lines: &[(LineLevel, &str)], now: Instant) -> LogAdmission {
        let mut kept_lines = self.lock();
        let key = kept_lines.keep(source, lines);
        let admission = kept_lines.admit(&key, now);
        kept_lines.make_room();
        admission
    }

    /// A module's lines in some channels, or in all, numbered above `after`: the oldest first, at most `limit`.
    pub fn list(&self, module: &ModuleName, channels: Option<&[ChannelId]>, after: u64, limit: usize) -> LinePage {
        let kept_lines = self.lock();
        let is_asked_for =
            |key: &(ModuleName, ChannelId)| key.0 == *module && channels.is_none_or(|only| only.contains(&key.1));
        let rings = kept_lines.rings.iter().filter(|(key, _)| is_asked_for(key)).map(|(_, ring)| ring);
        let newer = rings.flat_map(|ring| {
            let first = ring.lines.partition_point(|line| line.number <= after);
            // One more than requested, to know whether there are more.
            ring.lines.range(first..).take(limit.saturating_add(1))
        });
        let mut lines: Vec<Line> = newer.cloned().collect();
        drop(kept_lines);
        lines.sort_unstable_by_key(|line| line.number);
        let has_more = lines.len() > limit;
        lines.truncate(limit);
        LinePage { cursor: lines.last().map_or(after, |line| line.number), lines, has_more }
    }

    /// The data is consistent after every statement, so it survives a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, KeptLines> {
        self.kept_lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptLines {
    fn keep(&mut self, source: LineSource, lines: &[(LineLevel, &str)]) -> (ModuleName, ChannelId) {
        let source = Arc::new(source);
        let key = (source.module.clone(), source.channel);
        if !self.rings.contains(&key)
            && let Some((_, gone)) = self.rings.push(key.clone(), Ring::default())
        {
            self.bytes -= gone.bytes;
        }
        let ring = self.rings.get_mut(&key).expect("it was put there just now, and there is room for more than one");
        let before = ring.bytes;
        for (level, text) in lines {
            self.number += 1;
            ring.push(Line { number: self.number, source: Arc::clone(&source), level: *level, text: (*text).into() });
        }
        self.bytes = self.bytes - before + ring.bytes;
        key
    }

    fn admit(&mut self, key: &(ModuleName, ChannelId), now: Instant) -> LogAdmission {
        let ring = self.rings.get_mut(key);
        ring.map_or(LogAdmission::LeftOut, |ring| ring.admit(&mut self.records, now))
    }

    /// One ring is far smaller than the total limit, so the ring just used stays.
    fn make_room(&mut self) {
        while self.bytes > BYTES_IN_ALL
            && let Some((_, gone)) = self.rings.pop_lru()
        {
            self.bytes -= gone.bytes;
        }
    }
}

impl Ring {
    fn push(&mut self, line: Line) {
        self.bytes += weight(&line);
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= weight(&gone);
        }
    }

    fn admit(&mut self, all: &mut Budget, now: Instant) -> LogAdmission {
        // Both are called, so that both minutes begin.
        let (has_own, has_any) = (self.records.has_room(RECORDS, now), all.has_room(RECORDS_IN_ALL, now));
        if !(has_own && has_any) {
            self.left_out += 1;
            return LogAdmission::LeftOut;
        }
        self.records.used += 1;
        all.used += 1;
        LogAdmission::Admitted { left_out: std::mem::take(&mut self.left_out) }
    }
}

/// Counts each line as if it were the only one of its call: rather too much than too little.
fn weight(line: &Line) -> usize {
    line.text.len() + line.source.invocation.id.len() + LINE_OVERHEAD + CALL_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Origin;

    fn source(module: &str, channel: u64) -> LineSource {
        LineSource {
            module: module.parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            channel: ChannelId(channel),
            invocation: InvocationId { origin: Origin::Chat, id: "message-1".into() },
            at: SystemTime::UNIX_EPOCH,
        }
    }

    fn info(text: &str) -> [(LineLevel, &str); 1] {
        [(LineLevel::Info, text)]
    }

    /// The lines' texts, the cursor, and whether there are more.
    fn list(lines: &Lines, channel: Option<u64>, after: u64, limit: usize) -> (Vec<String>, u64, bool) {
        let page = lines.list(
            &"dice".parse().unwrap(),
            channel.map(ChannelId).as_ref().map(std::slice::from_ref),
            after,
            limit,
        );
        (page.lines.iter().map(|line| line.text.to_string()).collect(), page.cursor, page.has_more)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn lines_are_read_page_by_page_of_one_channel_or_of_all() {
        let (lines, now) = (Lines::new(), Instant::now());
        for (module, channel, text) in [("dice", 1, "a"), ("dice", 2, "b"), ("quotes", 1, "c"), ("dice", 1, "d")] {
            lines.keep_and_admit(source(module, channel), &info(text), now);
        }
        assert_eq!(list(&lines, Some(1), 0, 10), (texts(&["a", "d"]), 4, false));
        assert_eq!(list(&lines, None, 0, 2), (texts(&["a", "b"]), 2, true));
        assert_eq!(list(&lines, None, 2, 2), (texts(&["d"]), 4, false));
        assert_eq!(list(&lines, None, 4, 2), (texts(&[]), 4, false));
        assert_eq!(list(&lines, Some(3), 0, 10), (texts(&[]), 0, false));
    }

    #[test]
    fn a_ring_keeps_its_newest_lines_within_its_number_and_bytes() {
        let (lines, now) = (Lines::new(), Instant::now());
        for n in 0..LINES + 5 {
            lines.keep_and_admit(source("dice", 1), &info(&n.to_string()), now);
        }
        let (kept, cursor, _) = list(&lines, Some(1), 0, 1_000);
        assert_eq!((kept.len(), kept[0].as_str(), cursor), (LINES, "5", LINES as u64 + 5));
        let long = "x".repeat(5_000);
        for _ in 0..100 {
            lines.keep_and_admit(source("dice", 1), &info(&long), now);
        }
        assert_eq!(list(&lines, Some(1), 0, 1_000).0.len(), BYTES / (5_000 + 9 + LINE_OVERHEAD + CALL_OVERHEAD));
    }

    #[test]
    fn all_rings_together_are_bounded_and_the_one_that_was_silent_longest_goes_first() {
        let (lines, now) = (Lines::new(), Instant::now());
        for channel in 0..RINGS.get() as u64 {
            lines.keep_and_admit(source("dice", channel), &info("a"), now);
        }
        lines.keep_and_admit(source("dice", 0), &info("b"), now);
        lines.keep_and_admit(source("dice", 1_000_000), &info("a"), now);
        assert_eq!(list(&lines, Some(0), 0, 9).0, ["a", "b"]);
        assert_eq!(list(&lines, Some(1), 0, 9).0, texts(&[]));
        let long = "x".repeat(BYTES - 1_000);
        for channel in 0..1_000 {
            lines.keep_and_admit(source("dice", channel), &info(&long), now);
            let kept_lines = lines.lock();
            assert!(kept_lines.bytes <= BYTES_IN_ALL);
            assert_eq!(kept_lines.bytes, kept_lines.rings.iter().map(|(_, ring)| ring.bytes).sum::<usize>());
        }
    }

    #[test]
    fn the_log_gets_so_many_records_a_minute_and_the_number_of_the_rest() {
        let (lines, start) = (Lines::new(), Instant::now());
        let keep = |channel, seconds| {
            lines.keep_and_admit(source("dice", channel), &info("a"), start + Duration::from_secs(seconds))
        };
        for second in 0..10 {
            let expected =
                if second < RECORDS.into() { LogAdmission::Admitted { left_out: 0 } } else { LogAdmission::LeftOut };
            assert_eq!(keep(1, second), expected, "{second}");
        }
        assert_eq!(keep(2, 10), LogAdmission::Admitted { left_out: 0 });
        assert_eq!(keep(1, 59), LogAdmission::LeftOut);
        assert_eq!(keep(1, 60), LogAdmission::Admitted { left_out: 5 });
        assert_eq!(keep(1, 61), LogAdmission::Admitted { left_out: 0 });
        assert_eq!(list(&lines, Some(1), 0, 100).0.len(), 13);
    }

    #[test]
    fn many_channels_together_do_not_fill_the_log_either() {
        let (lines, now) = (Lines::new(), Instant::now());
        let admitted = (0..1_000)
            .filter(|channel| lines.keep_and_admit(source("dice", *channel), &info("a"), now) != LogAdmission::LeftOut);
        assert_eq!(admitted.count(), RECORDS_IN_ALL as usize);
    }
}
