//! One channel's waiting messages, a line per module or API key. The lines take turns, so that none blocks the others.

use std::collections::VecDeque;

use super::entry::Entry;
use crate::domain::message::ReplySource;

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// One line for each module or key with messages. The first is served next.
    lines: VecDeque<VecDeque<Entry>>,
}

impl Lines {
    pub(super) fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    pub(super) fn count_of(&self, source: &ReplySource) -> usize {
        let is_its = |line: &&VecDeque<Entry>| line.front().is_some_and(|entry| entry.source == *source);
        self.lines.iter().find(is_its).map_or(0, VecDeque::len)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let is_its = |line: &&mut VecDeque<Entry>| line.front().is_some_and(|first| first.source == entry.source);
        match self.lines.iter_mut().find(is_its) {
            Some(line) => line.push_back(entry),
            None => self.lines.push_back(VecDeque::from([entry])),
        }
    }

    /// The first message of each line, in the order of service.
    pub(super) fn fronts(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(VecDeque::front)
    }

    /// Takes the first message of a line, and moves the line to the end.
    pub(super) fn take(&mut self, index: usize) -> Option<Entry> {
        let mut line = self.lines.remove(index)?;
        let entry = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back(line);
        }
        entry
    }

    /// Checks only the front of each line: the messages behind came later.
    pub(super) fn drop_stale(&mut self, mut is_stale: impl FnMut(&mut Entry) -> bool) {
        self.lines.retain_mut(|line| {
            while line.pop_front_if(&mut is_stale).is_some() {}
            !line.is_empty()
        });
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}
