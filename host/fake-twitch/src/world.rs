//! Who and what exists: chatters, channels, roles and modes. No connections, no counting.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::irc::line::Tags;
use crate::observed::Observed;
use crate::refusal::Refusal;

/// Messages that a channel's transcript keeps; the oldest are forgotten.
const TRANSCRIPT_KEEPS: usize = 10_000;
/// Messages of a thread that are followed back to find its first one.
const THREAD_LONGEST: usize = 100;

/// Chatters and channels that clients can bring into being by naming them; tests and scripts may add more.
const MADE_BY_CLIENTS: usize = 10_000;
const LONGEST_LOGIN: usize = 25;

/// No channel has that login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no channel {0}")]
pub struct FindChannelError(pub(crate) String);

/// What a chatter is in a channel. In the order in which Twitch lists the badges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Never given: whoever's id is the channel's has it.
    Broadcaster,
    /// Has a badge of its own instead of the moderator's, and lines with it have been seen with `mod=0`.
    LeadModerator,
    Moderator,
    Vip,
    /// Among the first subscribers; the badge replaces the subscriber's, and `subscriber` is `0` beside it.
    Founder,
    Subscriber,
}

impl Role {
    fn badge(self) -> &'static str {
        match self {
            Self::Broadcaster => "broadcaster/1",
            Self::LeadModerator => "lead_moderator/1",
            Self::Moderator => "moderator/1",
            Self::Vip => "vip/1",
            Self::Founder => "founder/0",
            Self::Subscriber => "subscriber/0",
        }
    }

    /// Moderators and the broadcaster: not counted among the 100 channels, above every room mode.
    fn moderates(self) -> bool {
        matches!(self, Self::Broadcaster | Self::LeadModerator | Self::Moderator)
    }
}

/// What a chatter is in one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<Role>);

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl Roles {
    pub(crate) fn moderates(&self) -> bool {
        self.0.iter().any(|role| role.moderates())
    }

    /// With the higher message limit, and without the second between messages.
    pub(crate) fn is_privileged(&self) -> bool {
        self.moderates() || self.is_vip()
    }

    pub(crate) fn subscribes(&self) -> bool {
        self.0.contains(&Role::Subscriber) || self.0.contains(&Role::Founder)
    }

    pub(crate) fn badges(&self) -> String {
        self.0.iter().map(|role| role.badge()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn badge_info(&self) -> &'static str {
        match (self.0.contains(&Role::Founder), self.subscribes()) {
            (true, _) => "founder/1",
            (false, true) => "subscriber/1",
            (false, false) => "",
        }
    }

    /// The tags that PRIVMSG and USERSTATE share.
    pub(crate) fn write_tags(&self, tags: &mut Tags) {
        let is_moderator = self.0.contains(&Role::Moderator);
        tags.set("badges", self.badges())
            .set("badge-info", self.badge_info())
            .set_flag("mod", is_moderator)
            .set_flag("subscriber", self.0.contains(&Role::Subscriber))
            .set("user-type", if is_moderator { "mod" } else { "" });
    }

    pub(crate) fn is_vip(&self) -> bool {
        self.0.contains(&Role::Vip)
    }
}

/// An account, ours or a chatter's.
#[derive(Debug, Clone)]
pub(crate) struct Chatter {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) display_name: String,
    /// `#RRGGBB`, or empty.
    pub(crate) color: String,
}

impl Chatter {
    fn new(login: &str, id: &str, display_name: &str) -> Self {
        let color = format!("#{:06X}", stable_number(login) & 0xff_ffff);
        Self { id: id.to_owned(), login: login.to_owned(), display_name: display_name.to_owned(), color }
    }

    pub(crate) fn prefix(&self) -> String {
        prefix_of(&self.login)
    }
}

/// `login!login@login.tmi.twitch.tv`
pub(crate) fn prefix_of(login: &str) -> String {
    format!("{login}!{login}@{login}.tmi.twitch.tv")
}

/// Why a chatter may not talk in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barred {
    Banned,
    TimedOutUntil(Instant),
}

/// What the room asks of those who talk; `ROOMSTATE` tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomModes {
    pub(crate) slow: Option<Duration>,
    pub(crate) emote_only: bool,
    pub(crate) subscribers_only: bool,
    /// For how long one must have followed; `Some(ZERO)` lets in every follower.
    pub(crate) followers_only: Option<Duration>,
    pub(crate) unique: bool,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) login: String,
    pub(crate) room_id: String,
    pub(crate) is_suspended: bool,
    pub(crate) modes: RoomModes,
    // The following by user id: a login that changes hands takes nothing with it.
    roles: HashMap<String, Roles>,
    barred: HashMap<String, Barred>,
    followers: HashMap<String, Instant>,
    /// What the next messages meet, one each.
    refusals: HashMap<String, VecDeque<Refusal>>,
    spoke: HashSet<String>,
    transcript: VecDeque<Observed>,
}

impl Channel {
    fn new(login: &str, room_id: &str) -> Self {
        Self {
            login: login.to_owned(),
            room_id: room_id.to_owned(),
            is_suspended: false,
            modes: RoomModes::default(),
            roles: HashMap::new(),
            barred: HashMap::new(),
            followers: HashMap::new(),
            refusals: HashMap::new(),
            spoke: HashSet::new(),
            transcript: VecDeque::new(),
        }
    }

    pub(crate) fn roles_of(&self, chatter: &Chatter) -> Roles {
        let mut roles = self.roles.get(&chatter.id).cloned().unwrap_or_default();
        if chatter.id == self.room_id {
            roles.0.insert(Role::Broadcaster);
        }
        roles
    }

    pub(crate) fn set_roles(&mut self, chatter: &Chatter, roles: Roles) {
        self.roles.insert(chatter.id.clone(), roles);
    }

    pub(crate) fn add_role(&mut self, chatter: &Chatter, role: Role) {
        self.roles.entry(chatter.id.clone()).or_default().0.insert(role);
    }

    /// `None` lifts a ban or timeout.
    pub(crate) fn bar(&mut self, chatter: &Chatter, barred: Option<Barred>) {
        match barred {
            Some(barred) => self.barred.insert(chatter.id.clone(), barred),
            None => self.barred.remove(&chatter.id),
        };
    }

    pub(crate) fn find_barred(&self, chatter: &Chatter, now: Instant) -> Option<Barred> {
        let barred = self.barred.get(&chatter.id).copied();
        barred.filter(|barred| !matches!(barred, Barred::TimedOutUntil(until) if *until <= now))
    }

    pub(crate) fn note_follower(&mut self, chatter: &Chatter, now: Instant) {
        self.followers.entry(chatter.id.clone()).or_insert(now);
    }

    pub(crate) fn find_followed_at(&self, chatter: &Chatter) -> Option<Instant> {
        self.followers.get(&chatter.id).copied()
    }

    pub(crate) fn refuse_next(&mut self, chatter: &Chatter, refusals: &[Refusal]) {
        self.refusals.entry(chatter.id.clone()).or_default().extend(refusals);
    }

    /// What the chatter's next message is to meet; then it is used up.
    pub(crate) fn take_refusal(&mut self, chatter: &Chatter) -> Option<Refusal> {
        self.refusals.get_mut(&chatter.id)?.pop_front()
    }

    /// Whether this is the chatter's first message here; from now on it is not.
    pub(crate) fn note_spoke(&mut self, chatter: &Chatter) -> bool {
        self.spoke.insert(chatter.id.clone())
    }

    pub(crate) fn note_message(&mut self, message: Observed) {
        if self.transcript.len() == TRANSCRIPT_KEEPS {
            self.transcript.pop_front();
        }
        self.transcript.push_back(message);
    }

    pub(crate) fn list_messages(&self) -> impl Iterator<Item = &Observed> {
        self.transcript.iter()
    }

    pub(crate) fn find_message(&self, id: &str) -> Option<&Observed> {
        self.transcript.iter().rev().find(|message| message.id == id)
    }

    /// The first message of the thread that `message` is in.
    pub(crate) fn find_thread_start<'a>(&'a self, message: &'a Observed) -> &'a Observed {
        let parent_of = |message: &&'a Observed| self.find_message(message.reply_to.as_deref()?);
        // A script chooses ids and may make a circle of them.
        std::iter::successors(Some(message), parent_of).take(THREAD_LONGEST).last().unwrap_or(message)
    }
}

/// All chatters and channels, by login.
#[derive(Debug, Default)]
pub(crate) struct World {
    chatters: HashMap<String, Chatter>,
    /// Those of `chatters`.
    ids: HashSet<String>,
    access_tokens: HashMap<String, String>,
    channels: HashMap<String, Channel>,
}

impl World {
    /// The chatter of that login, created if need be; `name` is the display name, its small letters the login.
    pub(crate) fn chatter(&mut self, name: &str) -> Chatter {
        let login = name.to_ascii_lowercase();
        if let Some(known) = self.chatters.get(&login) {
            return known.clone();
        }
        let id = self.unused_id(&login);
        self.add_chatter(&login, &id, name)
    }

    pub(crate) fn add_chatter(&mut self, login: &str, id: &str, display_name: &str) -> Chatter {
        let chatter = Chatter::new(login, id, display_name);
        if let Some(replaced) = self.chatters.insert(login.to_owned(), chatter.clone()) {
            self.ids.remove(&replaced.id);
        }
        self.ids.insert(id.to_owned());
        chatter
    }

    /// An id that depends on the login alone (as long as no two collide), so that it is the same in every run.
    fn unused_id(&self, login: &str) -> String {
        let mut id = 100_000_000 + stable_number(login) % 900_000_000;
        while self.ids.contains(&id.to_string()) {
            id += 1;
        }
        id.to_string()
    }

    pub(crate) fn find_chatter(&self, login: &str) -> Option<&Chatter> {
        self.chatters.get(login)
    }

    pub(crate) fn set_access_token(&mut self, login: &str, access_token: &str) {
        self.access_tokens.insert(login.to_owned(), access_token.to_owned());
    }

    pub(crate) fn has_account(&self, login: &str) -> bool {
        self.access_tokens.contains_key(login)
    }

    /// The login of the account that the token is for. Where a test gave several accounts one token, the nick decides.
    pub(crate) fn find_token_owner(&self, access_token: &str, nick: &str) -> Option<String> {
        let owners = || self.access_tokens.iter().filter(|(_, held)| *held == access_token).map(|(login, _)| login);
        owners().find(|login| *login == nick).or_else(|| owners().min()).cloned()
    }

    /// Makes a chatter for somebody who logs in, unless there is one. False for what is no login, and where there are too
    /// many.
    pub(crate) fn open_account(&mut self, login: &str) -> bool {
        if is_login(login) && self.chatters.len() < MADE_BY_CLIENTS {
            self.chatter(login);
        }
        self.chatters.contains_key(login)
    }

    /// Makes a channel that a client names, and its broadcaster; not for what is no login, nor where there are too many.
    pub(crate) fn open_channel(&mut self, login: &str) {
        let has_room = self.channels.len() < MADE_BY_CLIENTS && self.chatters.len() < 2 * MADE_BY_CLIENTS;
        if is_login(login) && has_room && !self.channels.contains_key(login) {
            let broadcaster = self.chatter(login);
            self.add_channel(&broadcaster.login, &broadcaster.id);
        }
    }

    pub(crate) fn add_channel(&mut self, login: &str, room_id: &str) {
        self.channels.insert(login.to_owned(), Channel::new(login, room_id));
    }

    pub(crate) fn find_channel(&self, login: &str) -> Option<&Channel> {
        self.channels.get(login)
    }

    pub(crate) fn find_channel_mut(&mut self, login: &str) -> Option<&mut Channel> {
        self.channels.get_mut(login)
    }
}

fn is_login(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LONGEST_LOGIN).contains(&text.len()) && text.bytes().all(is_part)
}

/// FNV-1a: stable between runs and platforms, which the standard hasher does not promise.
fn stable_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
