//! Which channels an account is to join, and which it has joined. Pure: time is a parameter.
//!
//! Over IRC, Twitch confirms a JOIN with the room's id, refuses some, and does not answer for channels that do not
//! exist. So a room counts as joined once its id is known, and as the right one if it has the stored id: after Twitch
//! gave a login to another channel, that login leads into a stranger's room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::rate_window::{RateWindow, opens_at};
use super::standing::{ModeChange, RoomModes, RoomStanding, Standing};
use super::state::AccountState;
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::{Event, JoinFailure, WantedChannel};
use crate::domain::ports::{Allowance, Limit};

/// Time for Twitch to confirm a JOIN. It answers within a second or not at all.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(15);
/// Unconfirmed attempts before a failure is reported: a single one may only have been slow.
const ATTEMPTS_UNREPORTED: u32 = 2;
/// Delay before the second attempt; each further delay is twice as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// How long messages to a room that is no longer wanted may still leave, so that `!leave` gets its answer. Twitch
/// accepts messages to channels that were not joined.
const FAREWELL_WITHIN: Duration = Duration::from_secs(5);

/// The rooms of one account.
pub(crate) struct Rooms {
    account: BotAccount,
    rooms: HashMap<Login, Room>,
    /// The rooms that ceased to be wanted lately, and until when messages may still be sent there.
    farewells: HashMap<ChannelId, (RoomStanding, Instant)>,
    /// Rooms that the session has to leave.
    pub(crate) leaving: VecDeque<Login>,
    window: RateWindow,
    /// Says which of the account's slots this process may use.
    allowance: Arc<dyn Allowance>,
    capacity: usize,
}

#[derive(Debug)]
struct Room {
    /// Position among the wanted rooms: lower ones are joined first.
    rank: usize,
    /// The stored id, or the one learned by joining a channel of the configuration.
    id: Option<ChannelId>,
    presence: Presence,
    footing: RoomStanding,
    failures: u32,
    reported: Option<JoinFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Out { ask_at: Instant },
    Asked { until: Instant },
    In,
}

impl Rooms {
    pub(crate) fn new(account: BotAccount, limits: &LimitsConfig, allowance: Arc<dyn Allowance>) -> Self {
        let window = RateWindow::new(limits.enforce, limits.joins, limits.login_window);
        let capacity = if limits.enforce { limits.channels } else { usize::MAX };
        Self {
            account,
            rooms: HashMap::new(),
            farewells: HashMap::new(),
            leaving: VecDeque::new(),
            window,
            allowance,
            capacity,
        }
    }

    /// Counts the JOINs that another process sent with this account.
    pub(crate) fn assume(&mut self, joins: usize, at: Instant) {
        self.window.assume(joins, at);
    }

    /// JOINs that count in the window at `now`.
    pub(crate) fn used(&self, now: Instant) -> usize {
        self.window.used(now)
    }

    /// Writes into `state` how many of the wanted rooms are joined, and which are not.
    pub(crate) fn describe(&self, state: &mut AccountState, now: Instant) {
        let has_slot = self.slots_left() > 0;
        let (mut joined, mut pending, mut outside, mut unreachable) = (0, 0, Vec::new(), Vec::new());
        for (login, room) in &self.rooms {
            match (room.presence, room.reported) {
                (Presence::In, _) => joined += 1,
                (_, Some(reason)) => unreachable.push((login.clone(), reason)),
                (_, None) => {
                    outside.push(login.clone());
                    pending += usize::from(room.may_be_in() || has_slot || room.footing.standing.is_moderator);
                }
            }
        }
        (state.wanted, state.joined, state.pending) = (self.rooms.len(), joined, pending);
        (state.outside, state.unreachable) = (outside.into(), unreachable.into());
        state.joins_held_until = self.held_until(now);
    }

    /// Whether the account is in the room of this login, and that room is this channel.
    pub(crate) fn is_in(&self, login: &Login, id: ChannelId) -> bool {
        self.find_room(login, id).is_some()
    }

    /// The room's id, if it is known.
    pub(crate) fn find_id(&self, login: &Login) -> Option<ChannelId> {
        self.rooms.get(login)?.id
    }

    fn find_room(&self, login: &Login, id: ChannelId) -> Option<&Room> {
        self.rooms.get(login).filter(|room| room.presence == Presence::In && room.id == Some(id))
    }

    /// The account's footing where it may speak: in a joined room, or for a short time in one that is no longer wanted.
    pub(crate) fn find_footing(&self, login: &Login, id: ChannelId, now: Instant) -> Option<RoomStanding> {
        let farewell = || self.farewells.get(&id).filter(|(_, until)| now < *until);
        self.find_room(login, id).map(|room| room.footing).or_else(|| farewell().map(|(footing, _)| *footing))
    }

    /// Replaces the wanted rooms. Channels of accounts other than `account` are ignored.
    pub(crate) fn set_wanted(&mut self, wanted: &[WantedChannel], account: &BotAccount, now: Instant) {
        self.account.clone_from(account);
        let own = || wanted.iter().filter(|channel| channel.account.is(account));
        let logins: HashSet<&Login> = own().map(|channel| &channel.login).collect();
        let is_unwanted = |login: &Login, _: &mut Room| !logins.contains(login);
        self.farewells.retain(|_, (_, until)| now < *until);
        for (login, room) in self.rooms.extract_if(is_unwanted).filter(|(_, room)| room.may_be_in()) {
            if let (Presence::In, Some(id)) = (room.presence, room.id) {
                self.farewells.insert(id, (room.footing, now + FAREWELL_WITHIN));
            }
            self.leaving.push_back(login);
        }
        for (rank, channel) in own().enumerate() {
            let room = self.rooms.entry(channel.login.clone()).or_insert_with(|| Room::new(now));
            room.rank = rank;
            if room.id.is_some() && channel.id.is_some() && room.id != channel.id {
                // The login now belongs to another wanted channel, so all that is known concerns the old one.
                self.leaving.extend(room.may_be_in().then(|| channel.login.clone()));
                *room = Room { rank, ..Room::new(now) };
            }
            room.id = channel.id.or(room.id);
        }
    }

    /// Without a connection no room is joined. Delays continue. Privileges may be lost, and Twitch reports them anew;
    /// whether the account was moderator is kept, because it only decides how many channels are asked for.
    pub(crate) fn start_over(&mut self, now: Instant) {
        self.farewells.clear();
        self.leaving.clear();
        for room in self.rooms.values_mut().filter(|room| room.may_be_in()) {
            room.presence = Presence::Out { ask_at: now };
            room.footing.standing.is_privileged = false;
        }
    }

    /// Ends the attempts that Twitch left unanswered. Those rooms are left too: if the answer was only late, Twitch
    /// would not answer the next JOIN.
    pub(crate) fn give_up_unconfirmed(&mut self, now: Instant) -> Vec<Event> {
        let is_late = |room: &Room| matches!(room.presence, Presence::Asked { until } if until <= now);
        let late: Vec<Login> =
            self.rooms.iter().filter(|(_, room)| is_late(room)).map(|(login, _)| login.clone()).collect();
        late.into_iter().filter_map(|login| self.note_failure(&login, JoinFailure::Unconfirmed, now)).collect()
    }

    /// The rooms to ask for at `now`, at most `at_most` and as many as the limits allow. They then count as asked for.
    pub(crate) fn take_due(&mut self, at_most: usize, now: Instant) -> Vec<Login> {
        let mut slots_left = self.slots_left();
        let mut due: Vec<_> = self.rooms.iter_mut().filter(|(_, room)| room.is_due(now)).collect();
        due.sort_by_key(|(_, room)| room.rank);
        let mut asked = Vec::new();
        for (login, room) in due {
            let needs_place = !room.footing.standing.is_moderator;
            if asked.len() == at_most
                || self.window.free_at(now).max(opens_at(&*self.allowance, Limit::Joins, now)) > now
            {
                break;
            }
            if !needs_place || slots_left > 0 {
                slots_left -= usize::from(needs_place);
                room.presence = Presence::Asked { until: now + CONFIRMED_WITHIN };
                self.window.note(now);
                self.allowance.note_used(Limit::Joins, now.into_std());
                asked.push(login.clone());
            }
        }
        asked
    }

    /// The first moment, `now` or later, at which the limits allow another JOIN.
    fn opens_at(&self, now: Instant) -> Instant {
        self.window.free_at(now).max(opens_at(&*self.allowance, Limit::Joins, now))
    }

    /// The next moment with work; `None` if there is none.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        let free_at = self.opens_at(now);
        let has_slot = self.slots_left() > 0;
        let moment = |room: &Room| match room.presence {
            Presence::Out { ask_at } => (has_slot || room.footing.standing.is_moderator).then(|| ask_at.max(free_at)),
            Presence::Asked { until } => Some(until),
            Presence::In => None,
        };
        self.rooms.values().filter_map(moment).min()
    }

    /// When the limit on joins opens, if it alone delays a due room; else `None`.
    fn held_until(&self, now: Instant) -> Option<Instant> {
        let (free_at, has_slot) = (self.opens_at(now), self.slots_left() > 0);
        let is_held = |room: &Room| room.is_due(now) && (has_slot || room.footing.standing.is_moderator);
        (now < free_at && self.rooms.values().any(is_held)).then_some(free_at)
    }

    /// Twitch allows an account 100 channels, not counting those where it is moderator or broadcaster.
    fn slots_left(&self) -> usize {
        let taken = self.rooms.values().filter(|room| room.may_be_in() && !room.footing.standing.is_moderator).count();
        self.capacity.saturating_sub(taken)
    }

    /// Returns whether the standing has changed.
    pub(crate) fn note_standing(&mut self, login: &Login, standing: Standing) -> bool {
        let room = self.rooms.get_mut(login);
        room.is_some_and(|room| std::mem::replace(&mut room.footing.standing, standing) != standing)
    }

    /// Takes in a room's modes, all or the changed ones. Returns the room's id, if known.
    pub(crate) fn note_modes(&mut self, login: &Login, change: ModeChange) -> Option<ChannelId> {
        let room = self.rooms.get_mut(login)?;
        if room.presence != Presence::In {
            // Twitch sends all modes to an account that enters.
            room.footing.modes = RoomModes::default();
        }
        room.footing.modes.apply(change);
        room.id
    }

    /// Takes in a room's channel id. Returns an event if that completes or fails a join.
    pub(crate) fn note_room(&mut self, login: &Login, id: ChannelId, now: Instant) -> Option<Event> {
        let room = self.rooms.get_mut(login)?;
        if room.id.is_some_and(|stored| stored != id) {
            return self.note_failure(login, JoinFailure::Recycled { found: id }, now);
        }
        // No answer to our JOIN: a mode changed, or the room was left in the meantime.
        if !matches!(room.presence, Presence::Asked { .. }) {
            return None;
        }
        room.id = Some(id);
        room.presence = Presence::In;
        room.failures = 0;
        room.reported = None;
        Some(Event::Joined { account: self.account.clone(), channel_id: id, channel_login: login.clone() })
    }

    /// Leaves the room and retries after a delay. Returns an event unless this reason was reported before.
    pub(crate) fn note_failure(&mut self, login: &Login, reason: JoinFailure, now: Instant) -> Option<Event> {
        let room = self.rooms.get_mut(login)?;
        // PART even if Twitch has most likely removed us: it never answers a JOIN for a room that the account is in.
        self.leaving.extend(room.may_be_in().then(|| login.clone()));
        room.pause(now);
        let (account, channel_login) = (self.account.clone(), login.clone());
        room.is_news(reason).then_some(Event::JoinFailed { account, channel_login, reason })
    }

    /// The account is out of a room for an unknown reason; the next attempt reveals it.
    pub(crate) fn note_left(&mut self, login: &Login, now: Instant) {
        // Otherwise a late confirmation of our own PART would cancel a new JOIN.
        if let Some(room) = self.rooms.get_mut(login).filter(|room| room.presence == Presence::In) {
            room.pause(now);
        }
    }
}

impl Room {
    fn new(now: Instant) -> Self {
        Self {
            rank: 0,
            id: None,
            presence: Presence::Out { ask_at: now },
            footing: RoomStanding::default(),
            failures: 0,
            reported: None,
        }
    }

    fn may_be_in(&self) -> bool {
        !matches!(self.presence, Presence::Out { .. })
    }

    fn is_due(&self, now: Instant) -> bool {
        matches!(self.presence, Presence::Out { ask_at } if ask_at <= now)
    }

    fn pause(&mut self, now: Instant) {
        let doubled = FIRST_PAUSE * 2u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.presence = Presence::Out { ask_at: now + doubled.min(LONGEST_PAUSE) };
    }

    /// Whether this reason differs from the one reported last. Stores it as reported.
    fn is_news(&mut self, reason: JoinFailure) -> bool {
        let is_early = reason == JoinFailure::Unconfirmed && self.failures < ATTEMPTS_UNREPORTED;
        !is_early && self.reported.replace(reason) != Some(reason)
    }
}

#[cfg(test)]
mod tests;
