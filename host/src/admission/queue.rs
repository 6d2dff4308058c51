//! The calls that were let in: which of them wait, and which may begin. Pure; the time is a parameter.
//!
//! A call begins once it has a slot and, if it needs it, its channel's turn. A channel's calls are considered in the
//! order of arrival, and channels that wait for a slot are served in turn.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::domain::id::ChannelId;
use crate::domain::invocation::Called;
use crate::domain::manifest::{Manifest, SizeClass};

/// Calls younger than [`FRESH_FOR`]. At this number no further event is taken, which in the end slows connections down.
const MOST_FRESH: usize = 1024;
/// Older calls no longer count: slow calls must not keep other channels waiting.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Calls of one channel, however old. Further calls are refused.
const MOST_PER_CHANNEL: usize = 64;
/// Calls of one channel other than commands: whatever happens in a channel, its chatters can still use commands.
const MOST_OTHERS_PER_CHANNEL: usize = 32;
/// Calls of all channels, however old. Further calls are refused.
const MOST: usize = 4096;
/// A call that has not begun by then is dropped: its chatter no longer expects an answer, and it would delay a stop.
const BEGUN_WITHIN: Duration = Duration::from_secs(5);

/// What a call needs from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub channel: ChannelId,
    pub size: SizeClass,
    /// Whether the call takes its channel's turn, which only one call has at a time.
    pub is_serial: bool,
    /// In a channel, commands go before all other calls.
    pub called: Called,
}

impl Claim {
    pub fn of(manifest: &Manifest, channel: ChannelId, called: Called) -> Claim {
        Claim { channel, size: manifest.size, is_serial: manifest.is_serial(), called }
    }
}

/// Calls that may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub slots: usize,
    pub per_channel: usize,
}

/// A call's position in the order of arrival.
pub(super) type Number = u64;

/// Keeps a `J` with each waiting call.
#[derive(Debug)]
pub(super) struct Queue<J> {
    slots: [Slots; 2],
    /// Only channels with a call, or in a ring.
    channels: HashMap<ChannelId, ChannelQueue<J>>,
    calls: usize,
    fresh: BTreeMap<Number, Instant>,
    next: Number,
}

/// The slots of one size class.
#[derive(Debug)]
struct Slots {
    capacity: Capacity,
    used: usize,
    /// Channels in which a call may be able to begin, each once, in the order of service.
    ring: VecDeque<ChannelId>,
}

/// The calls of one channel.
#[derive(Debug)]
struct ChannelQueue<J> {
    calls: usize,
    /// Calls other than commands.
    others: usize,
    is_turn_taken: bool,
    running: [usize; 2],
    is_in_ring: [bool; 2],
    waiting: VecDeque<Waiting<J>>,
}

#[derive(Debug)]
struct Waiting<J> {
    number: Number,
    claim: Claim,
    since: Instant,
    job: J,
}

enum Pick {
    Waiting(usize),
    NoSlot,
    Nothing,
}

impl<J> Queue<J> {
    pub(super) fn new(small: Capacity, large: Capacity) -> Queue<J> {
        let slots = [small, large].map(|capacity| Slots { capacity, used: 0, ring: VecDeque::new() });
        Queue { slots, channels: HashMap::new(), calls: 0, fresh: BTreeMap::new(), next: 0 }
    }

    /// The longest time until calls should be let in again; `None` if they may be now.
    pub(super) fn find_wait(&mut self, now: Instant) -> Option<Duration> {
        while self.fresh.first_entry().is_some_and(|oldest| *oldest.get() + FRESH_FOR <= now) {
            self.fresh.pop_first();
        }
        let (_, oldest) = self.fresh.first_key_value().filter(|_| self.fresh.len() >= MOST_FRESH)?;
        Some((*oldest + FRESH_FOR).saturating_duration_since(now))
    }

    /// Lets a call in; `None` if its channel or the host has too many.
    pub(super) fn enter(&mut self, claim: Claim, now: Instant) -> Option<Number> {
        let queue = self.channels.get(&claim.channel);
        let is_command = claim.called == Called::Command;
        let is_full = |queue: &ChannelQueue<J>| {
            queue.calls >= MOST_PER_CHANNEL || !is_command && queue.others >= MOST_OTHERS_PER_CHANNEL
        };
        if self.calls >= MOST || queue.is_some_and(is_full) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.calls += 1;
        self.fresh.insert(number, now);
        let queue = self.channels.entry(claim.channel).or_default();
        queue.calls += 1;
        queue.others += usize::from(!is_command);
        Some(number)
    }

    /// Begins a call that was let in, if that is possible at once. Otherwise returns false, and the caller must
    /// [`Queue::wait`].
    pub(super) fn try_begin(&mut self, claim: Claim) -> bool {
        let (slots, size) = (&mut self.slots[claim.size as usize], claim.size as usize);
        let Some(queue) = self.channels.get_mut(&claim.channel) else { return false };
        let is_first = !claim.is_serial || !queue.waiting.iter().any(|other| other.claim.is_serial);
        // Channels in the ring came earlier.
        let has_slot = slots.ring.is_empty() && slots.used < slots.capacity.slots;
        let begins =
            is_first && has_slot && queue.may_begin(&claim) && queue.running[size] < slots.capacity.per_channel;
        if begins {
            queue.begin(&claim, slots);
        }
        begins
    }

    pub(super) fn wait(&mut self, number: Number, claim: Claim, since: Instant, job: J) {
        let Some(queue) = self.channels.get_mut(&claim.channel) else { return };
        let is_before = |other: &Waiting<J>| other.claim.called == Called::Command || claim.called != Called::Command;
        let place = queue.waiting.iter().rposition(is_before).map_or(0, |last| last + 1);
        queue.waiting.insert(place, Waiting { number, claim, since, job });
        self.requeue(claim.channel);
    }

    /// Gives back the call's slot; the call goes on without it.
    pub(super) fn release_slot(&mut self, claim: Claim) {
        self.slots[claim.size as usize].used -= 1;
        if let Some(queue) = self.channels.get_mut(&claim.channel) {
            queue.running[claim.size as usize] -= 1;
        }
        self.requeue(claim.channel);
    }

    /// Removes a call that has begun and holds no slot any more, and frees its turn.
    pub(super) fn leave(&mut self, number: Number, claim: Claim) {
        if let Some(queue) = self.channels.get_mut(&claim.channel) {
            queue.is_turn_taken &= !claim.is_serial;
        }
        self.requeue(claim.channel);
        self.forget(number, claim);
    }

    /// The next call to begin. To be called after each change, until it returns `None`.
    pub(super) fn next(&mut self) -> Option<J> {
        (0..self.slots.len()).find_map(|size| self.next_of(size))
    }

    /// Removes a call that has waited for too long. To be called until `None`. Goes through all waiting calls.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<J> {
        let is_late = |call: &Waiting<J>| call.since + BEGUN_WITHIN <= now;
        let (channel, place) = self
            .channels
            .iter()
            .find_map(|(channel, queue)| Some((*channel, queue.waiting.iter().position(is_late)?)))?;
        let Waiting { number, claim, job, .. } = self.channels.get_mut(&channel)?.waiting.remove(place)?;
        // The calls behind it may be able to begin now.
        self.requeue(channel);
        self.forget(number, claim);
        Some(job)
    }

    fn next_of(&mut self, size: usize) -> Option<J> {
        while let Some(channel) = self.slots[size].ring.front().copied() {
            let (slots, queue) = (&mut self.slots[size], self.channels.get_mut(&channel)?);
            match queue.pick(size, slots) {
                Pick::NoSlot => return None,
                Pick::Nothing => {
                    queue.is_in_ring[size] = false;
                    slots.ring.pop_front();
                    self.tidy_up(channel);
                }
                Pick::Waiting(place) => {
                    let Waiting { claim, job, .. } = queue.waiting.remove(place)?;
                    queue.begin(&claim, slots);
                    // Serves the other channels first.
                    slots.ring.rotate_left(1);
                    return Some(job);
                }
            }
        }
        None
    }

    /// Slots in use.
    pub(super) fn used(&self, size: SizeClass) -> usize {
        self.slots[size as usize].used
    }

    pub(super) fn capacity(&self, size: SizeClass) -> Capacity {
        self.slots[size as usize].capacity
    }

    /// Puts the channel into both rings, so that [`Queue::next`] considers its waiting calls again.
    fn requeue(&mut self, channel: ChannelId) {
        let Some(queue) = self.channels.get_mut(&channel).filter(|queue| !queue.waiting.is_empty()) else { return };
        for (size, slots) in self.slots.iter_mut().enumerate() {
            if !std::mem::replace(&mut queue.is_in_ring[size], true) {
                slots.ring.push_back(channel);
            }
        }
    }

    /// Removes a call that does not wait.
    pub(super) fn forget(&mut self, number: Number, claim: Claim) {
        self.fresh.remove(&number);
        self.calls -= 1;
        if let Some(queue) = self.channels.get_mut(&claim.channel) {
            queue.calls -= 1;
            queue.others -= usize::from(claim.called != Called::Command);
        }
        self.tidy_up(claim.channel);
    }

    fn tidy_up(&mut self, channel: ChannelId) {
        if self.channels.get(&channel).is_some_and(|queue| queue.calls == 0 && queue.is_in_ring == [false; 2]) {
            self.channels.remove(&channel);
        }
    }
}

impl<J> Default for ChannelQueue<J> {
    fn default() -> Self {
        ChannelQueue {
            calls: 0,
            others: 0,
            is_turn_taken: false,
            running: [0; 2],
            is_in_ring: [false; 2],
            waiting: VecDeque::new(),
        }
    }
}

impl<J> ChannelQueue<J> {
    fn may_begin(&self, claim: &Claim) -> bool {
        !(claim.is_serial && self.is_turn_taken)
    }

    fn begin(&mut self, claim: &Claim, slots: &mut Slots) {
        self.is_turn_taken |= claim.is_serial;
        self.running[claim.size as usize] += 1;
        slots.used += 1;
    }

    fn pick(&self, size: usize, slots: &Slots) -> Pick {
        // Serial calls keep their order across size classes.
        let mut is_first_serial = true;
        let may_begin = |call: &Waiting<J>| {
            let is_first = !call.claim.is_serial || std::mem::replace(&mut is_first_serial, false);
            is_first && call.claim.size as usize == size && self.may_begin(&call.claim)
        };
        match self.waiting.iter().position(may_begin) {
            None => Pick::Nothing,
            Some(_) if self.running[size] >= slots.capacity.per_channel => Pick::Nothing,
            Some(_) if slots.used >= slots.capacity.slots => Pick::NoSlot,
            Some(place) => Pick::Waiting(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const CAPACITY: Capacity = Capacity { slots: 3, per_channel: 2 };
    const LARGE: Capacity = Capacity { slots: 1, per_channel: 1 };

    fn claim(channel: u64, is_serial: bool) -> Claim {
        Claim { channel: ChannelId(channel), size: SizeClass::Small, is_serial, called: Called::Command }
    }

    /// A queue whose jobs are the calls' numbers and claims.
    struct Played {
        queue: Queue<(Number, Claim)>,
        now: Instant,
        running: Vec<(Number, Claim)>,
        late: Vec<Number>,
    }

    impl Played {
        fn new() -> Played {
            let queue = Queue::new(CAPACITY, LARGE);
            Played { queue, now: Instant::now(), running: Vec::new(), late: Vec::new() }
        }

        fn enter(&mut self, claim: Claim) -> Option<Number> {
            let number = self.queue.enter(claim, self.now)?;
            if self.queue.try_begin(claim) {
                self.running.push((number, claim));
            } else {
                self.queue.wait(number, claim, self.now, (number, claim));
                self.start();
            }
            Some(number)
        }

        fn end(&mut self, number: Number) {
            let place = self.running.iter().position(|(other, _)| *other == number).unwrap();
            let (_, claim) = self.running.remove(place);
            self.queue.release_slot(claim);
            self.queue.leave(number, claim);
            self.start();
        }

        fn start(&mut self) {
            while let Some(begun) = self.queue.next() {
                self.running.push(begun);
            }
        }

        fn drop_late(&mut self) {
            while let Some((number, _)) = self.queue.take_late(self.now) {
                self.late.push(number);
            }
            self.start();
        }

        fn running(&self) -> BTreeSet<Number> {
            self.running.iter().map(|(number, _)| *number).collect()
        }
    }

    #[test]
    fn serial_calls_of_a_channel_run_one_after_another_and_others_beside_them() {
        let mut played = Played::new();
        let [first, second, reading, elsewhere] =
            [claim(1, true), claim(1, true), claim(1, false), claim(2, true)].map(|claim| played.enter(claim).unwrap());
        assert_eq!(played.running(), BTreeSet::from([first, reading, elsewhere]));
        played.end(reading);
        assert_eq!(played.running(), BTreeSet::from([first, elsewhere]));
        played.end(first);
        assert_eq!(played.running(), BTreeSet::from([second, elsewhere]));
    }

    #[test]
    fn a_channel_takes_no_more_than_its_share_of_the_slots() {
        let mut played = Played::new();
        let of_one: Vec<_> = (0..4).map(|_| played.enter(claim(1, false)).unwrap()).collect();
        let other = played.enter(claim(2, false)).unwrap();
        assert_eq!(played.running(), BTreeSet::from([of_one[0], of_one[1], other]));
        played.end(of_one[0]);
        assert_eq!(played.running(), BTreeSet::from([of_one[1], of_one[2], other]));
    }

    #[test]
    fn channels_that_wait_for_a_slot_are_served_in_turn() {
        let mut played = Played::new();
        let held: Vec<_> = [7, 8, 9].map(|channel| played.enter(claim(channel, false)).unwrap()).into();
        let of_one: Vec<_> = (0..2).map(|_| played.enter(claim(1, false)).unwrap()).collect();
        let other = played.enter(claim(2, false)).unwrap();
        held.into_iter().for_each(|number| played.end(number));
        let begun: Vec<_> = played.running.iter().map(|(number, _)| *number).collect();
        assert_eq!(begun, [of_one[0], other, of_one[1]]);
    }

    #[test]
    fn a_call_that_comes_later_does_not_overtake_those_that_wait_for_a_slot() {
        let mut played = Played::new();
        let large = Claim { size: SizeClass::Large, ..claim(1, true) };
        let held = played.enter(large).unwrap();
        let (serial, small) = (played.enter(claim(1, true)).unwrap(), played.enter(claim(1, false)).unwrap());
        assert_eq!(played.running(), BTreeSet::from([held, small]), "the size classes have slots of their own");
        played.end(held);
        assert_eq!(played.running(), BTreeSet::from([serial, small]));
    }

    #[test]
    fn commands_go_before_timers_and_events() {
        let mut played = Played::new();
        let first = played.enter(claim(1, true)).unwrap();
        let timer = played.enter(Claim { called: Called::Timer, ..claim(1, true) }).unwrap();
        let event = played.enter(Claim { called: Called::Event, ..claim(1, true) }).unwrap();
        let command = played.enter(claim(1, true)).unwrap();
        for (ends, begins) in [(first, command), (command, timer), (timer, event)] {
            played.end(ends);
            assert_eq!(played.running(), BTreeSet::from([begins]));
        }
    }

    #[test]
    fn a_call_that_could_not_begin_in_time_is_dropped() {
        let mut played = Played::new();
        let first = played.enter(claim(1, true)).unwrap();
        let late = played.enter(claim(1, true)).unwrap();
        played.now += BEGUN_WITHIN - Duration::from_millis(1);
        let next = played.enter(claim(1, true)).unwrap();
        played.now += Duration::from_millis(1);
        played.drop_late();
        assert_eq!(played.late, [late]);
        played.end(first);
        assert_eq!(played.running(), BTreeSet::from([next]));
    }

    #[test]
    fn those_behind_a_call_that_was_too_late_may_begin() {
        let mut played = Played::new();
        let large = |channel| Claim { size: SizeClass::Large, ..claim(channel, true) };
        let elsewhere = played.enter(large(2)).unwrap();
        let late = played.enter(large(1)).unwrap();
        played.now += BEGUN_WITHIN - Duration::from_millis(1);
        let small = played.enter(claim(1, true)).unwrap();
        played.now += Duration::from_millis(1);
        played.drop_late();
        assert_eq!((played.late.clone(), played.running()), (vec![late], BTreeSet::from([elsewhere, small])));
    }

    #[test]
    fn events_leave_room_for_commands() {
        let mut played = Played::new();
        let event = Claim { called: Called::Event, ..claim(1, true) };
        while played.enter(event).is_some() {}
        assert_eq!(played.queue.calls, MOST_OTHERS_PER_CHANNEL);
        assert!(played.enter(claim(1, true)).is_some());
        assert!(played.enter(Claim { called: Called::Timer, ..claim(1, true) }).is_none());
    }

    #[test]
    fn a_channel_and_the_host_take_so_many_calls_and_no_more() {
        let mut played = Played::new();
        while played.enter(claim(1, true)).is_some() {}
        assert_eq!(played.queue.calls, MOST_PER_CHANNEL);
        assert!(played.enter(claim(2, true)).is_some());
        for channel in 3.. {
            if played.enter(claim(channel, true)).is_none() {
                break;
            }
        }
        assert_eq!(played.queue.calls, MOST);
    }

    #[test]
    fn many_fresh_calls_are_waited_for_and_old_ones_are_not() {
        let mut played = Played::new();
        for channel in 0..MOST_FRESH as u64 {
            assert_eq!(played.queue.find_wait(played.now), None);
            played.enter(claim(channel, true));
        }
        assert_eq!(played.queue.find_wait(played.now), Some(FRESH_FOR));
        let (first, _) = played.running[0];
        played.end(first);
        assert_eq!(played.queue.find_wait(played.now), None);
        played.enter(claim(5000, true));
        played.now += FRESH_FOR;
        assert_eq!(played.queue.find_wait(played.now), None);
    }

    proptest! {
        /// In every sequence of steps no limit is exceeded, serial calls keep their order, each call that may begin has
        /// begun, and the queue is empty in the end.
        #[test]
        fn calls_begin_as_soon_as_they_may_and_not_before(
            steps in prop::collection::vec((0_u64..4, any::<bool>(), any::<bool>(), 0_usize..3, 0_u64..1000), 1..200),
        ) {
            let (mut played, mut serial) = (Played::new(), HashMap::<ChannelId, Vec<Number>>::new());
            for (channel, is_serial, is_large, end, pause) in steps {
                played.now += Duration::from_millis(pause);
                played.drop_late();
                check(&played)?;
                for queue in serial.values_mut() {
                    queue.retain(|number| !played.late.contains(number));
                }
                let size = if is_large { SizeClass::Large } else { SizeClass::Small };
                let claim = Claim { size, ..claim(channel, is_serial) };
                if let Some(number) = played.enter(claim)
                    && is_serial
                {
                    serial.entry(claim.channel).or_default().push(number);
                }
                check(&played)?;
                for _ in 0..end {
                    if let Some((number, claim)) = played.running.first().copied() {
                        if claim.is_serial {
                            prop_assert_eq!(serial.get_mut(&claim.channel).unwrap().remove(0), number);
                        }
                        played.end(number);
                        check(&played)?;
                    }
                }
            }
            while let Some((number, _)) = played.running.first().copied() {
                played.end(number);
            }
            prop_assert!(played.queue.channels.is_empty() && played.queue.fresh.is_empty() && played.queue.calls == 0);
            prop_assert!(played.queue.slots.iter().all(|slots| slots.used == 0 && slots.ring.is_empty()));
        }
    }

    fn check(played: &Played) -> Result<(), TestCaseError> {
        for (size, capacity) in [(SizeClass::Small, CAPACITY), (SizeClass::Large, LARGE)] {
            let running = played.running.iter().filter(|(_, claim)| claim.size == size);
            prop_assert!(running.clone().count() <= capacity.slots);
            for channel in 0..4 {
                let here = running.clone().filter(|(_, claim)| claim.channel == ChannelId(channel));
                prop_assert!(here.count() <= capacity.per_channel);
            }
        }
        for (channel, queue) in &played.queue.channels {
            let has_turn = |(_, claim): &&(Number, Claim)| claim.channel == *channel && claim.is_serial;
            prop_assert!(played.running.iter().filter(has_turn).count() <= 1);
            for (size, slots) in played.queue.slots.iter().enumerate() {
                let is_held_up = matches!(queue.pick(size, slots), Pick::Nothing | Pick::NoSlot);
                prop_assert!(is_held_up, "a call waits for nothing");
            }
        }
        Ok(())
    }
}
