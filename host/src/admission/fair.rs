//! What waits for a thread: group by group, such as the calls of a channel, and of each group one at a time. Pure.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Bounded by the calls that were let in.
#[derive(Debug)]
pub(super) struct FairQueue<G, T> {
    lines: HashMap<G, Line<T>>,
    /// Groups of which something waits and nothing runs, the next one first.
    ring: VecDeque<G>,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    is_running: bool,
}

impl<G, T> Default for FairQueue<G, T> {
    fn default() -> Self {
        FairQueue { lines: HashMap::new(), ring: VecDeque::new() }
    }
}

impl<G: Copy + Eq + Hash, T> FairQueue<G, T> {
    pub(super) fn push_back(&mut self, group: G, item: T) {
        self.line(group).waiting.push_back(item);
    }

    /// For what has run and is not over: it goes on before the group's others.
    pub(super) fn push_front(&mut self, group: G, item: T) {
        self.line(group).waiting.push_front(item);
    }

    /// The next one to run. Its group has no other until [`FairQueue::release`].
    pub(super) fn pop(&mut self) -> Option<(G, T)> {
        let group = self.ring.pop_front()?;
        let line = self.lines.get_mut(&group)?;
        line.is_running = true;
        line.waiting.pop_front().map(|item| (group, item))
    }

    pub(super) fn release(&mut self, group: G) {
        let Some(line) = self.lines.get_mut(&group) else { return };
        line.is_running = false;
        if line.waiting.is_empty() {
            self.lines.remove(&group);
        } else {
            self.ring.push_back(group);
        }
    }

    /// Whether nothing could run now.
    pub(super) fn is_idle(&self) -> bool {
        self.ring.is_empty()
    }

    fn line(&mut self, group: G) -> &mut Line<T> {
        let line = self.lines.entry(group).or_insert_with(|| Line { waiting: VecDeque::new(), is_running: false });
        if line.waiting.is_empty() && !line.is_running {
            self.ring.push_back(group);
        }
        line
    }
}
