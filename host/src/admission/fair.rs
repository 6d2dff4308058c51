//! A queue of tasks that wait for a thread. Groups, such as a channel's calls, take turns; a group runs one task at a
//! time. Pure.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Bounded by the number of calls that were let in.
#[derive(Debug)]
pub(super) struct FairQueue<G, T> {
    groups: HashMap<G, GroupQueue<T>>,
    /// Groups with waiting tasks and none that runs, the next one first.
    ring: VecDeque<G>,
}

#[derive(Debug)]
struct GroupQueue<T> {
    waiting: VecDeque<T>,
    is_running: bool,
}

impl<G, T> Default for FairQueue<G, T> {
    fn default() -> Self {
        FairQueue { groups: HashMap::new(), ring: VecDeque::new() }
    }
}

impl<G: Copy + Eq + Hash, T> FairQueue<G, T> {
    pub(super) fn push_back(&mut self, group: G, item: T) {
        self.queue(group).waiting.push_back(item);
    }

    /// For a task that has yielded: it continues before the other tasks of its group.
    pub(super) fn push_front(&mut self, group: G, item: T) {
        self.queue(group).waiting.push_front(item);
    }

    /// The next task to run. No other task of its group is returned until [`FairQueue::release`].
    pub(super) fn pop(&mut self) -> Option<(G, T)> {
        let group = self.ring.pop_front()?;
        let queue = self.groups.get_mut(&group)?;
        queue.is_running = true;
        queue.waiting.pop_front().map(|item| (group, item))
    }

    pub(super) fn release(&mut self, group: G) {
        let Some(queue) = self.groups.get_mut(&group) else { return };
        queue.is_running = false;
        if queue.waiting.is_empty() {
            self.groups.remove(&group);
        } else {
            self.ring.push_back(group);
        }
    }

    /// Whether no task could run now.
    pub(super) fn is_idle(&self) -> bool {
        self.ring.is_empty()
    }

    fn queue(&mut self, group: G) -> &mut GroupQueue<T> {
        let queue =
            self.groups.entry(group).or_insert_with(|| GroupQueue { waiting: VecDeque::new(), is_running: false });
        if queue.waiting.is_empty() && !queue.is_running {
            self.ring.push_back(group);
        }
        queue
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_take_turns_and_a_group_goes_on_with_what_it_began() {
        let mut queue = FairQueue::default();
        for (group, item) in [(1, "a"), (1, "b"), (2, "c")] {
            queue.push_back(group, item);
        }
        assert_eq!(queue.pop(), Some((1, "a")));
        assert_eq!(queue.pop(), Some((2, "c")), "the first group has one that runs");
        assert_eq!((queue.pop(), queue.is_idle()), (None, true));
        // The task yields, and continues before the others of its group.
        queue.push_front(1, "a");
        assert_eq!(queue.pop(), None);
        queue.release(1);
        queue.release(2);
        assert_eq!(queue.pop(), Some((1, "a")));
        queue.release(1);
        assert_eq!(queue.pop(), Some((1, "b")));
        queue.release(1);
        assert!(queue.groups.is_empty(), "a group without work is forgotten");
    }

    proptest! {
        /// In every sequence of steps no task is lost, a group runs one task at a time, and its order is kept.
        #[test]
        fn all_items_run_in_the_order_of_their_group(steps in prop::collection::vec((0_u8..4, any::<bool>()), 1..100)) {
            let (mut queue, mut running) = (FairQueue::default(), Vec::new());
            let (mut pushed, mut popped) = (0, HashMap::<u8, Vec<usize>>::new());
            for (group, is_push) in steps {
                if is_push {
                    queue.push_back(group, pushed);
                    pushed += 1;
                } else if let Some((group, item)) = queue.pop() {
                    prop_assert!(!running.contains(&group), "{group} runs already");
                    running.push(group);
                    popped.entry(group).or_default().push(item);
                } else {
                    running.drain(..).for_each(|group| queue.release(group));
                }
            }
            running.drain(..).for_each(|group| queue.release(group));
            while let Some((group, item)) = queue.pop() {
                popped.entry(group).or_default().push(item);
                queue.release(group);
            }
            prop_assert_eq!(popped.values().map(Vec::len).sum::<usize>(), pushed);
            prop_assert!(popped.values().all(|items| items.is_sorted()));
        }
    }
}
