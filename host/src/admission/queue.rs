//! The calls that were let in: which of them wait, and which may begin. Pure; the time is a parameter.
//!
//! A call begins once it has its channel's turn, if it needs that, and a slot. A channel's calls are looked at in the order of arrival,
//! and channels that wait for a slot one after another.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::domain::id::ChannelId;
use crate::domain::invocation::Called;
use crate::domain::manifest::SizeClass;

/// Calls younger than [`FRESH_FOR`]; with so many, the next event is not taken yet, which in the end slows the connections down.
const MOST_FRESH: usize = 1024;
/// Older calls count no longer: calls that take long must not keep other channels waiting.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Calls of one channel, however old; the next one is refused.
const MOST_PER_CHANNEL: usize = 64;
/// Calls of all channels, however old; the next one is refused.
const MOST: usize = 4096;
/// A call that could not begin by then is dropped: nobody waits for its answer any more, and it would hold up a stop.
const BEGUN_WITHIN: Duration = Duration::from_secs(5);

/// What the queue has to know of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub channel: ChannelId,
    pub size: SizeClass,
    /// Whether it takes its channel's turn, which one call has at a time.
    pub is_serial: bool,
    /// In a channel, commands go before all else.
    pub called: Called,
}

/// Calls that may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub slots: usize,
    pub per_channel: usize,
}

/// The place of a call in the order of arrival.
pub(super) type Number = u64;

/// With each call that waits, a `J` is kept.
#[derive(Debug)]
pub(super) struct Queue<J> {
    pools: [Pool; 2],
    /// Only channels with a call, or in a ring.
    lines: HashMap<ChannelId, Line<J>>,
    calls: usize,
    fresh: BTreeMap<Number, Instant>,
    next: Number,
}

/// The slots of one size class.
#[derive(Debug)]
struct Pool {
    capacity: Capacity,
    used: usize,
    /// Channels in which a call may be able to begin, each once, in the order in which they are served.
    ring: VecDeque<ChannelId>,
}

/// The calls of one channel.
#[derive(Debug)]
struct Line<J> {
    calls: usize,
    has_turn_out: bool,
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

/// A call that waits no longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    Begins(Number, Claim, J),
    /// It is forgotten.
    Late(J),
}

enum Pick {
    Waiting(usize),
    Late(usize),
    NoSlot,
    Nothing,
}

impl<J> Queue<J> {
    pub(super) fn new(small: Capacity, large: Capacity) -> Queue<J> {
        let pools = [small, large].map(|capacity| Pool { capacity, used: 0, ring: VecDeque::new() });
        Queue { pools, lines: HashMap::new(), calls: 0, fresh: BTreeMap::new(), next: 0 }
    }

    /// How long it takes at the most until a call should be let in; None where one may be now.
    pub(super) fn find_wait(&mut self, now: Instant) -> Option<Duration> {
        while self.fresh.first_entry().is_some_and(|oldest| *oldest.get() + FRESH_FOR <= now) {
            self.fresh.pop_first();
        }
        let (_, oldest) = self.fresh.first_key_value().filter(|_| self.fresh.len() >= MOST_FRESH)?;
        Some((*oldest + FRESH_FOR).saturating_duration_since(now))
    }

    /// Lets a call in. None where its channel, or the host, has as many as it may.
    pub(super) fn enter(&mut self, claim: Claim, now: Instant) -> Option<Number> {
        let line = self.lines.get(&claim.channel);
        if self.calls >= MOST || line.is_some_and(|line| line.calls >= MOST_PER_CHANNEL) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.calls += 1;
        self.fresh.insert(number, now);
        self.lines.entry(claim.channel).or_default().calls += 1;
        Some(number)
    }

    /// Whether a call that was let in begins at once. Otherwise it is to [`Queue::wait`].
    pub(super) fn try_begin(&mut self, claim: Claim) -> bool {
        let (pool, size) = (&mut self.pools[claim.size as usize], claim.size as usize);
        let Some(line) = self.lines.get_mut(&claim.channel) else { return false };
        let is_first = !claim.is_serial || !line.waiting.iter().any(|other| other.claim.is_serial);
        // Channels in the ring came earlier.
        let has_slot = pool.ring.is_empty() && pool.used < pool.capacity.slots;
        let begins = is_first && has_slot && line.may_begin(&claim) && line.running[size] < pool.capacity.per_channel;
        if begins {
            line.begin(&claim, pool);
        }
        begins
    }

    pub(super) fn wait(&mut self, number: Number, claim: Claim, since: Instant, job: J) {
        let Some(line) = self.lines.get_mut(&claim.channel) else { return };
        let is_before = |other: &Waiting<J>| other.claim.called == Called::Command || claim.called != Called::Command;
        let place = line.waiting.iter().rposition(is_before).map_or(0, |last| last + 1);
        line.waiting.insert(place, Waiting { number, claim, since, job });
        self.list(claim.channel);
    }

    /// The call goes on without its slot.
    pub(super) fn release_slot(&mut self, claim: Claim) {
        self.pools[claim.size as usize].used -= 1;
        if let Some(line) = self.lines.get_mut(&claim.channel) {
            line.running[claim.size as usize] -= 1;
        }
        self.list(claim.channel);
    }

    /// Forgets a call that has begun and holds no slot any more. Its turn is free.
    pub(super) fn leave(&mut self, number: Number, claim: Claim) {
        if let Some(line) = self.lines.get_mut(&claim.channel) {
            line.has_turn_out &= !claim.is_serial;
        }
        self.list(claim.channel);
        self.forget(number, claim.channel);
    }

    /// The next call that need not wait any longer; to be asked after each change, until there is none.
    pub(super) fn next(&mut self, now: Instant) -> Option<Next<J>> {
        (0..self.pools.len()).find_map(|size| self.next_of(size, now))
    }

    fn next_of(&mut self, size: usize, now: Instant) -> Option<Next<J>> {
        while let Some(channel) = self.pools[size].ring.front().copied() {
            let (pool, line) = (&mut self.pools[size], self.lines.get_mut(&channel)?);
            match line.pick(size, pool, now) {
                Pick::NoSlot => return None,
                Pick::Nothing => {
                    line.is_in_ring[size] = false;
                    pool.ring.pop_front();
                    self.tidy_up(channel);
                }
                Pick::Late(place) => {
                    let Waiting { number, job, .. } = line.waiting.remove(place)?;
                    self.forget(number, channel);
                    return Some(Next::Late(job));
                }
                Pick::Waiting(place) => {
                    let Waiting { number, claim, job, .. } = line.waiting.remove(place)?;
                    line.begin(&claim, pool);
                    // The other channels first.
                    pool.ring.rotate_left(1);
                    return Some(Next::Begins(number, claim, job));
                }
            }
        }
        None
    }

    /// Slots in use.
    pub(super) fn used(&self, size: SizeClass) -> usize {
        self.pools[size as usize].used
    }

    pub(super) fn capacity(&self, size: SizeClass) -> Capacity {
        self.pools[size as usize].capacity
    }

    /// Something has changed in the channel: those of its calls that wait are to be looked at.
    fn list(&mut self, channel: ChannelId) {
        let Some(line) = self.lines.get_mut(&channel).filter(|line| !line.waiting.is_empty()) else { return };
        for (size, pool) in self.pools.iter_mut().enumerate() {
            if !std::mem::replace(&mut line.is_in_ring[size], true) {
                pool.ring.push_back(channel);
            }
        }
    }

    /// Forgets a call that does not wait.
    pub(super) fn forget(&mut self, number: Number, channel: ChannelId) {
        self.fresh.remove(&number);
        self.calls -= 1;
        if let Some(line) = self.lines.get_mut(&channel) {
            line.calls -= 1;
        }
        self.tidy_up(channel);
    }

    fn tidy_up(&mut self, channel: ChannelId) {
        if self.lines.get(&channel).is_some_and(|line| line.calls == 0 && line.is_in_ring == [false; 2]) {
            self.lines.remove(&channel);
        }
    }
}

impl<J> Default for Line<J> {
    fn default() -> Self {
        Line { calls: 0, has_turn_out: false, running: [0; 2], is_in_ring: [false; 2], waiting: VecDeque::new() }
    }
}

impl<J> Line<J> {
    fn may_begin(&self, claim: &Claim) -> bool {
        !(claim.is_serial && self.has_turn_out)
    }

    fn begin(&mut self, claim: &Claim, pool: &mut Pool) {
        self.has_turn_out |= claim.is_serial;
        self.running[claim.size as usize] += 1;
        pool.used += 1;
    }

    fn pick(&self, size: usize, pool: &Pool, now: Instant) -> Pick {
        if let Some(late) = self.waiting.iter().position(|call| call.since + BEGUN_WITHIN <= now) {
            return Pick::Late(late);
        }
        // Serial calls keep their order, whatever their size.
        let mut is_first_serial = true;
        let may_begin = |call: &Waiting<J>| {
            let is_first = !call.claim.is_serial || std::mem::replace(&mut is_first_serial, false);
            is_first && call.claim.size as usize == size && self.may_begin(&call.claim)
        };
        match self.waiting.iter().position(may_begin) {
            None => Pick::Nothing,
            Some(_) if self.running[size] >= pool.capacity.per_channel => Pick::Nothing,
            Some(_) if pool.used >= pool.capacity.slots => Pick::NoSlot,
            Some(place) => Pick::Waiting(place),
        }
    }
}
