//! Scripts: lines that are rendered beforehand, each with its due time.

use std::ops::Range;
use std::time::Duration;

use super::chat::{BURNS, Chat, LineKind};

/// Bytes of one write when no line has to wait.
const CHUNK: usize = 256 << 10;

/// Rendered lines in the order of sending.
#[derive(Default)]
pub struct Script {
    pub bytes: Vec<u8>,
    pub lines: Vec<Line>,
}

pub struct Line {
    /// Where the line ends in the script's bytes.
    end: usize,
    /// Since the script's start.
    pub due_after: Duration,
    /// The number of a call that expects an answer.
    pub call: Option<u32>,
    is_burn: bool,
}

/// The pace of a script.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub lines_per_second: usize,
    pub lasts: Duration,
    /// Calls of each burner in a second.
    pub burns_per_second: usize,
}

impl Script {
    /// `count` lines in all channels, all due at once. Every `call_every`-th line is a call.
    pub fn blast(chat: &mut Chat, count: usize, call_every: usize) -> Script {
        let mut script = Script::default();
        for index in 1..=count {
            let kind = if index.is_multiple_of(call_every) { LineKind::Call } else { LineKind::Talk };
            let channel = chat.random.below(chat.size.channels);
            script.add(chat, channel, kind, Duration::ZERO);
        }
        script
    }

    /// One call in each channel, including the burners'.
    pub fn greeting(chat: &mut Chat) -> Script {
        let mut script = Script::default();
        for channel in 0..chat.size.channels + chat.size.burners {
            script.add(chat, channel, LineKind::Call, Duration::ZERO);
        }
        script
    }

    /// Talk and calls at the pace; with `is_burning`, the burners' calls too.
    pub fn paced(chat: &mut Chat, pace: Pace, call_every: usize, is_burning: bool) -> Script {
        let mut moments: Vec<(Duration, usize, LineKind)> = Vec::new();
        for (index, due_after) in moments_of(pace.lines_per_second, pace.lasts).enumerate() {
            let kind = if (index + 1).is_multiple_of(call_every) { LineKind::Call } else { LineKind::Talk };
            moments.push((due_after, chat.random.below(chat.size.channels), kind));
        }
        for burner in (0..chat.size.burners).filter(|_| is_burning) {
            let channel = chat.size.channels + burner;
            let burns = moments_of(pace.burns_per_second, pace.lasts);
            moments.extend(burns.map(|due_after| (due_after, channel, LineKind::Burn)));
        }
        moments.sort_by_key(|(due_after, ..)| *due_after);
        let mut script = Script::default();
        for (due_after, channel, kind) in moments {
            script.add(chat, channel, kind, due_after);
        }
        script
    }

    fn add(&mut self, chat: &mut Chat, channel: usize, kind: LineKind, due_after: Duration) {
        let number = chat.render(channel, kind, &mut self.bytes);
        let call = (kind == LineKind::Call).then_some(number);
        self.lines.push(Line { end: self.bytes.len(), due_after, call, is_burn: kind == LineKind::Burn });
    }

    /// The bytes of some lines.
    pub fn bytes_of(&self, lines: Range<usize>) -> &[u8] {
        let end_of = |index: usize| index.checked_sub(1).map_or(0, |index| self.lines[index].end);
        &self.bytes[end_of(lines.start)..end_of(lines.end)]
    }

    /// All bytes, in chunks of whole lines.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut next = 0_usize;
        std::iter::from_fn(move || {
            let first = next;
            let start = first.checked_sub(1).map_or(0, |index| self.lines[index].end);
            next += self.lines[first..].partition_point(|line| line.end <= start + CHUNK).max(1);
            next = next.min(self.lines.len());
            (first < next).then(|| self.bytes_of(first..next))
        })
    }

    pub fn calls(&self) -> impl Iterator<Item = u32> {
        self.lines.iter().filter_map(|line| line.call)
    }

    pub fn count_burns(&self) -> usize {
        self.lines.iter().filter(|line| line.is_burn).count()
    }
}

fn moments_of(per_second: usize, lasts: Duration) -> impl Iterator<Item = Duration> {
    let moments = (0..).map(move |index| Duration::from_secs_f64(f64::from(index) / per_second.max(1) as f64));
    moments.take_while(move |moment| per_second > 0 && *moment < lasts)
}

/// Whether a number is that of a call that only burns processor time.
pub(super) fn is_burn(number: u32) -> bool {
    number & BURNS != 0
}

#[cfg(test)]
mod tests {
    use super::super::chat::Size;
    use super::*;

    fn chat() -> Chat {
        Chat::new(Size { channels: 3, burners: 2, chatters: 10 })
    }

    #[test]
    fn chunks_are_whole_lines_and_leave_nothing_out() {
        let script = Script::blast(&mut chat(), 3000, 100);
        let chunks: Vec<&[u8]> = script.chunks().collect();
        assert!(chunks.len() > 2 && chunks.iter().all(|chunk| chunk.ends_with(b"\r\n") && chunk.len() <= CHUNK));
        assert_eq!(chunks.concat(), script.bytes);
        assert_eq!(script.calls().count(), 30);
        assert_eq!(Script::default().chunks().count(), 0);
    }

    #[test]
    fn a_pace_is_kept_from_the_first_line_to_the_last() {
        let pace = Pace { lines_per_second: 100, lasts: Duration::from_secs(2), burns_per_second: 10 };
        let script = Script::paced(&mut chat(), pace, 10, true);
        assert_eq!((script.lines.len(), script.calls().count()), (200 + 2 * 20, 20));
        assert!(script.lines.is_sorted_by_key(|line| line.due_after));
        assert_eq!(script.lines.last().unwrap().due_after, Duration::from_millis(1990));
        assert_eq!(Script::paced(&mut chat(), pace, 10, false).lines.len(), 200);
    }
}
