//! Twitch without any protocol: accounts, channels, limits, and the rules for messages.
//!
//! Protocols query the world, and report to their clients the events from [`World::take_events`]. Not here: connections,
//! and every wire format.

use std::collections::HashMap;

pub(crate) mod application;
pub(crate) mod authority;
pub(crate) mod channel;
pub(crate) mod chatter;
pub(crate) mod clock;
pub(crate) mod devices;
pub(crate) mod event;
pub(crate) mod grant;
pub(crate) mod observed;
pub(crate) mod refusal;
pub(crate) mod rules;
pub(crate) mod scope;
pub(crate) mod secret;
pub(crate) mod sending;
pub(crate) mod text;

use authority::Authority;
use channel::Channel;
use chatter::{Chatter, stable_number};
use clock::Clock;
use event::{Event, EventKind};
use observed::Log;
use rules::AccountRecord;
use secret::Secret;

/// Most chatters, and most channels, that clients can create by naming them; tests and scripts may add more.
const MADE_BY_CLIENTS: usize = 10_000;
const LONGEST_LOGIN: usize = 25;

/// No channel has this login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no channel {0}")]
pub struct FindChannelError(pub(crate) String);

/// What the server allows its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether Twitch's limits apply: on log-ins, joins, channels, messages and repeated messages.
    pub has_limits: bool,
    /// Whether any login may log in, with any token. Added accounts can then use any token too.
    pub takes_any_account: bool,
    /// Whether a channel comes into existence when a client joins it or sends to it.
    pub has_any_channel: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { has_limits: true, takes_any_account: false, has_any_channel: false }
    }
}

/// All chatters and channels, by login, the accounts' use of limits, and who may act as whom.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) log: Log,
    chatters: HashMap<String, Chatter>,
    /// The logins of `chatters`, by id.
    logins: HashMap<String, String>,
    /// The tokens that a test gave to accounts, by login. Those that applications asked for are with `authority`.
    pub(crate) access_tokens: HashMap<String, Secret>,
    pub(crate) authority: Authority,
    channels: HashMap<String, Channel>,
    records: HashMap<String, AccountRecord>,
    /// Events that are not yet reported to clients.
    events: Vec<Event>,
    connections: ConnectionId,
}

/// Identifies a client's connection, of any protocol.
pub(crate) type ConnectionId = u64;

impl World {
    pub(crate) fn new(clock: Clock, policy: Policy) -> Self {
        Self {
            authority: Authority::new(clock.seed()),
            clock,
            policy,
            log: Log::default(),
            chatters: HashMap::new(),
            logins: HashMap::new(),
            access_tokens: HashMap::new(),
            channels: HashMap::new(),
            records: HashMap::new(),
            events: Vec::new(),
            connections: 0,
        }
    }

    pub(crate) fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        self.connections
    }

    /// What counts against an account. Call this only for existing accounts: otherwise strangers could fill the map.
    pub(crate) fn record(&mut self, login: &str) -> &mut AccountRecord {
        self.records.entry(login.to_owned()).or_default()
    }

    /// Records an event of a channel, for every protocol to report.
    pub(crate) fn announce(&mut self, channel: &str, kind: EventKind) {
        self.events.push(Event { channel: channel.to_owned(), kind });
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The chatter whose display name is `name` and whose login is `name` in lower case; created if missing.
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
            self.logins.remove(&replaced.id);
        }
        self.logins.insert(id.to_owned(), login.to_owned());
        chatter
    }

    /// Gives the chatter another login, with the same id and the same token. Does nothing if nobody has the login.
    pub(crate) fn rename_chatter(&mut self, login: &str, new_login: &str) {
        let Some(chatter) = self.chatters.remove(login) else { return };
        if let Some(token) = self.access_tokens.remove(login) {
            self.access_tokens.insert(new_login.to_owned(), token);
        }
        if self.channels.remove(login).is_some() {
            self.add_channel(new_login, &chatter.id);
        }
        self.add_chatter(new_login, &chatter.id, new_login);
    }

    /// An id that depends only on the login (unless two collide), so that every run has the same ids.
    fn unused_id(&self, login: &str) -> String {
        let mut id = 100_000_000 + stable_number(login) % 900_000_000;
        while self.logins.contains_key(&id.to_string()) {
            id += 1;
        }
        id.to_string()
    }

    pub(crate) fn find_chatter(&self, login: &str) -> Option<&Chatter> {
        self.chatters.get(login)
    }

    /// The login that belongs to a user's id now. `None` if the login was given to another user.
    pub(crate) fn find_login(&self, user_id: &str) -> Option<&str> {
        self.logins.get(user_id).map(String::as_str)
    }

    /// Logins in alphabetical order, `count` at most.
    pub(crate) fn list_logins(&self, count: usize) -> Vec<String> {
        let mut logins: Vec<&String> = self.chatters.keys().collect();
        logins.sort_unstable();
        logins.into_iter().take(count).cloned().collect()
    }

    /// The login of the account that a test gave the token. If several have the same token, the nick decides.
    pub(crate) fn find_token_owner(&self, access_token: &str, nick: &str) -> Option<String> {
        let owners =
            || self.access_tokens.iter().filter(|(_, held)| held.expose() == access_token).map(|(login, _)| login);
        owners().find(|login| *login == nick).or_else(|| owners().min()).cloned()
    }

    /// Creates a chatter for a log-in if missing. Returns false if `login` is invalid, or if there are too many
    /// chatters.
    pub(crate) fn open_account(&mut self, login: &str) -> bool {
        if is_login(login) && self.chatters.len() < MADE_BY_CLIENTS {
            self.chatter(login);
        }
        self.chatters.contains_key(login)
    }

    /// Creates a channel that a client names, and its broadcaster; not for an invalid login or beyond the limit.
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
