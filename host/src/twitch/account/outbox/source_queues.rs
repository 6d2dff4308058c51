//! One channel's waiting messages, a queue per module or API key. The queues take turns, so that none blocks the others.

use std::collections::VecDeque;

use super::entry::Entry;
use crate::domain::message::ReplySource;

#[derive(Debug, Default)]
pub(super) struct SourceQueues {
    /// One queue for each module or key with messages. The first is served next.
    queues: VecDeque<VecDeque<Entry>>,
}

impl SourceQueues {
    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    pub(super) fn count_of(&self, source: &ReplySource) -> usize {
        let is_its = |queue: &&VecDeque<Entry>| queue.front().is_some_and(|entry| entry.source == *source);
        self.queues.iter().find(is_its).map_or(0, VecDeque::len)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let is_its = |queue: &&mut VecDeque<Entry>| queue.front().is_some_and(|first| first.source == entry.source);
        match self.queues.iter_mut().find(is_its) {
            Some(queue) => queue.push_back(entry),
            None => self.queues.push_back(VecDeque::from([entry])),
        }
    }

    /// The first message of each queue, in the order of service.
    pub(super) fn fronts(&self) -> impl Iterator<Item = &Entry> {
        self.queues.iter().filter_map(VecDeque::front)
    }

    /// Takes the first message of a queue, and moves the queue to the end.
    pub(super) fn take(&mut self, index: usize) -> Option<Entry> {
        let mut queue = self.queues.remove(index)?;
        let entry = queue.pop_front();
        if !queue.is_empty() {
            self.queues.push_back(queue);
        }
        entry
    }

    /// Checks only the front of each queue: the messages behind came later.
    pub(super) fn drop_stale(&mut self, mut is_stale: impl FnMut(&mut Entry) -> bool) {
        self.queues.retain_mut(|queue| {
            while queue.pop_front_if(&mut is_stale).is_some() {}
            !queue.is_empty()
        });
    }

    pub(super) fn clear(&mut self) {
        self.queues.clear();
    }
}
