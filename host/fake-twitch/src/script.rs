//! What a test or the demo may do to the world: set it up, talk in it, and make trouble.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::delivery::Delivery;
use crate::joining::{followers_tag, room_state_line, slow_tag};
use crate::line::{Line, Tags};
use crate::notice::Notice;
use crate::observed::{Kind, Observed, Violation};
use crate::server::FakeTwitch;
use crate::state::State;
use crate::world::{Barred, Channel, Chatter, Role};

/// No channel has that login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no channel {0}")]
pub struct FindChannelError(String);

/// How a chatter says something; `Say::default()` is an ordinary message in the chatter's roles.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// In place of the chatter's roles in the channel, for this message alone.
    pub roles: Option<Vec<Role>>,
    /// Id of the message that is answered.
    pub reply_to: Option<String>,
    /// `/me`.
    pub is_action: bool,
    /// Makes it the copy of a message from another channel of a shared chat.
    pub shared_from: Option<SharedFrom>,
    /// In place of a generated one.
    pub id: Option<String>,
    /// Tags to add, or to put in the place of others; unescaped.
    pub tags: Vec<(String, String)>,
}

/// Where a message of a shared chat was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFrom {
    pub room_id: String,
    pub message_id: String,
}

/// A change of a room's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomChange {
    /// The pause between two messages of one chatter; whole seconds on the wire.
    Slow(Option<Duration>),
    EmoteOnly(bool),
    SubscribersOnly(bool),
    /// For how long one must have followed, in whole minutes on the wire; `Some(ZERO)` lets in every follower.
    FollowersOnly(Option<Duration>),
    /// Unique chat, `r9k` on the wire.
    Unique(bool),
}

/// Setting up the world. Logins are case-insensitive; chatters that do not exist yet are made, with an id that
/// depends on the login alone.
impl FakeTwitch {
    /// An account that may log in with `access_token`; a token it had before is revoked. Open connections stay.
    pub fn add_account(&self, login: &str, id: &str, access_token: &str) {
        let mut state = self.shared.lock();
        let small = login.to_ascii_lowercase();
        state.world.add_chatter(&small, id, login);
        state.world.set_access_token(&small, access_token);
    }

    /// A chatter with an id of the test's choice.
    pub fn add_chatter(&self, login: &str, id: &str, display_name: &str) {
        drop(self.shared.lock().world.add_chatter(&login.to_ascii_lowercase(), id, display_name));
    }

    /// The channel of the chatter `login`, who is its broadcaster. Returns the room id, which is the chatter's id.
    pub fn add_channel(&self, login: &str) -> String {
        let mut state = self.shared.lock();
        let broadcaster = state.world.chatter(login);
        state.world.add_channel(&broadcaster.login, &broadcaster.id);
        broadcaster.id
    }

    /// The user id of a chatter.
    pub fn user_id(&self, login: &str) -> String {
        self.shared.lock().world.chatter(login).id
    }

    /// The login now belongs to somebody else: new user id and, where it has a channel, a new room without roles,
    /// modes and members. Nobody is told, as at Twitch.
    pub fn recycle_login(&self, login: &str, new_id: &str) {
        let mut state = self.shared.lock();
        let login = login.to_ascii_lowercase();
        state.world.add_chatter(&login, new_id, &login);
        if state.world.find_channel(&login).is_some() {
            state.world.add_channel(&login, new_id);
            state.forget_members(&login);
        }
    }

    /// Puts `roles` in the place of those that the chatter had in the channel.
    ///
    /// # Errors
    /// When there is no such channel; so with all that follow.
    pub fn set_roles(&self, channel: &str, login: &str, roles: &[Role]) -> Result<(), FindChannelError> {
        let roles = roles.iter().copied().collect();
        self.with_chatter(channel, login, |channel, chatter| channel.set_roles(chatter, roles))
    }

    /// The chatter follows the channel from now on.
    pub fn follow(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        let now = Instant::now();
        self.with_chatter(channel, login, |channel, chatter| channel.note_follower(chatter, now))
    }

    /// JOINs and messages are answered with `msg_channel_suspended`.
    pub fn suspend_channel(&self, channel: &str) -> Result<(), FindChannelError> {
        self.with_channel(channel, |channel| channel.is_suspended = true)
    }

    /// Bans a chatter: CLEARCHAT for the room, PART for the banned, and no JOIN from now on.
    pub fn ban(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        self.with_chatter(channel, login, |channel, chatter| channel.bar(chatter, Some(Barred::Banned)))?;
        let (channel, login) = (channel.to_ascii_lowercase(), login.to_ascii_lowercase());
        let mut state = self.shared.lock();
        state.clear_chat(&channel, Some((&login, None)));
        for id in state.members(&channel) {
            if state.find_session(id).is_some_and(|session| session.identity.login() == login) {
                state.leave(id, &channel);
            }
        }
        Ok(())
    }

    /// Keeps a chatter from talking for a while. The channel stays joined.
    pub fn time_out(&self, channel: &str, login: &str, span: Duration) -> Result<(), FindChannelError> {
        let barred = Barred::TimedOutUntil(Instant::now() + span);
        self.with_chatter(channel, login, |channel, chatter| channel.bar(chatter, Some(barred)))?;
        let (channel, login) = (channel.to_ascii_lowercase(), login.to_ascii_lowercase());
        self.shared.lock().clear_chat(&channel, Some((&login, Some(span))));
        Ok(())
    }

    /// Lifts a ban or timeout.
    pub fn pardon(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        self.with_chatter(channel, login, |channel, chatter| channel.bar(chatter, None))
    }

    /// Changes one mode of a room: a partial ROOMSTATE, and the NOTICE that Twitch sends with it.
    pub fn change_room_state(&self, channel: &str, change: RoomChange) -> Result<(), FindChannelError> {
        let login = channel.to_ascii_lowercase();
        let mut state = self.shared.lock();
        let Some(room) = state.world.find_channel_mut(&login) else { return Err(FindChannelError(login)) };
        let mut tags = Tags::default();
        tags.set("room-id", &room.room_id);
        let notice = apply(room, change, &mut tags);
        let line = room_state_line(room, &tags);
        let members = state.members(&login);
        state.send_all(&members, &line);
        if let Some(notice) = notice {
            state.send_all(&members, &notice.line(&login, ""));
        }
        Ok(())
    }

    fn with_channel(&self, login: &str, change: impl FnOnce(&mut Channel)) -> Result<(), FindChannelError> {
        let login = login.to_ascii_lowercase();
        let mut state = self.shared.lock();
        change(state.world.find_channel_mut(&login).ok_or(FindChannelError(login))?);
        Ok(())
    }

    fn with_chatter(
        &self,
        channel: &str,
        login: &str,
        change: impl FnOnce(&mut Channel, &Chatter),
    ) -> Result<(), FindChannelError> {
        let chatter = self.shared.lock().world.chatter(login);
        self.with_channel(channel, |channel| change(channel, &chatter))
    }
}

/// Talking, and looking at what was said.
impl FakeTwitch {
    /// A chatter says `text`, whatever the room's modes. Returns the message's id.
    pub fn say(&self, channel: &str, chatter: &str, text: &str) -> Result<String, FindChannelError> {
        self.say_with(channel, chatter, text, Say::default())
    }

    /// The same, in a particular way.
    pub fn say_with(&self, channel: &str, chatter: &str, text: &str, how: Say) -> Result<String, FindChannelError> {
        let login = channel.to_ascii_lowercase();
        let mut state = self.shared.lock();
        let from = state.world.chatter(chatter);
        let Some(room) = state.world.find_channel(&login) else { return Err(FindChannelError(login)) };
        let roles = how.roles.map_or_else(|| room.roles_of(&from), |roles| roles.into_iter().collect());
        let mut tags = how.tags;
        if let Some(source) = how.shared_from {
            let shared = [
                ("source-badge-info", roles.badge_info().to_owned()),
                ("source-badges", roles.badges()),
                ("source-id", source.message_id),
                ("source-only", "0".to_owned()),
                ("source-room-id", source.room_id),
            ];
            tags.extend(shared.map(|(key, value)| (key.to_owned(), value)));
        }
        let id = how.id.unwrap_or_else(|| state.clock.next_id());
        let delivery = Delivery {
            channel: login,
            from,
            roles,
            text: text.to_owned(),
            kind: if how.is_action { Kind::Action } else { Kind::Message },
            reply_to: how.reply_to,
            id: id.clone(),
            tags,
        };
        state.deliver(delivery, None, Instant::now());
        Ok(id)
    }

    /// A moderator clears the whole chat.
    pub fn clear_chat(&self, channel: &str) {
        self.shared.lock().clear_chat(&channel.to_ascii_lowercase(), None);
    }

    /// A moderator deletes one message.
    pub fn delete_message(&self, channel: &str, id: &str) {
        self.shared.lock().delete_message(&channel.to_ascii_lowercase(), id);
    }

    /// Every message that is delivered from now on. Whoever lags 4,096 behind is told how many it missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Observed> {
        self.shared.lock().log.subscribe()
    }

    /// What was delivered in a channel so far, up to the newest 10,000.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Observed> {
        let state = self.shared.lock();
        let channel = state.world.find_channel(&channel.to_ascii_lowercase());
        channel.map(|channel| channel.list_messages().cloned().collect()).unwrap_or_default()
    }

    /// The rules that were broken so far, up to the first 1,000. A good bot leaves it empty.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.lock().log.list_violations().to_vec()
    }
}

/// Connections, and trouble with them. "All" is all that are logged in, unless it says more.
impl FakeTwitch {
    /// The logins of the connections, in the order in which they came.
    #[must_use]
    pub fn connected(&self) -> Vec<String> {
        self.shared.lock().list_sessions().map(|(_, session)| session.identity.login().to_owned()).collect()
    }

    /// Resolves when some connection of the account is in the channel.
    pub async fn until_joined(&self, login: &str, channel: &str) {
        let (login, channel) = (login.to_ascii_lowercase(), channel.to_ascii_lowercase());
        self.until(|state| state.is_joined(&login, &channel)).await;
    }

    /// Resolves when this many connections are logged in.
    pub async fn until_connected(&self, count: usize) {
        self.until(|state| state.ids().len() == count).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            // Listening starts before looking, or what happens between the two would be missed.
            let changed = self.shared.changed.notified();
            if holds(&self.shared.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Sends all a PING of its own and resolves when each has answered it, is gone or never will: then everything
    /// sent before has been read.
    pub async fn ping_and_wait(&self) {
        let answers: Vec<_> = {
            let mut state = self.shared.lock();
            let text = state.next_ping_text();
            state.ids().into_iter().filter_map(|id| state.ping(id, &text)).collect()
        };
        for answer in answers {
            // A connection that ended has read all that it will.
            let _answered_or_gone = answer.await;
        }
    }

    /// Pushes a line to all, byte for byte; the line ending is added.
    pub fn raw(&self, line: impl AsRef<[u8]>) {
        let mut state = self.shared.lock();
        for id in state.ids() {
            state.send_bytes(id, [line.as_ref(), b"\r\n"].concat());
        }
    }

    /// RECONNECT to all, and then the end of their connections.
    pub fn reconnect(&self) {
        let mut state = self.shared.lock();
        let ids = state.ids();
        state.send_all(&ids, &Line::new(":tmi.twitch.tv RECONNECT").for_commands());
        for id in ids {
            state.close_session(id);
        }
    }

    /// All connections end without a word, those that are not logged in too.
    pub fn drop_connections(&self) {
        self.shared.lock().drop_sessions();
    }

    /// All connections stay open, those that are not logged in too, but nothing comes from them and nothing is
    /// heard of what they say: half-open. New connections work.
    pub fn stop_answering(&self) {
        self.shared.lock().mute_sessions();
    }

    /// New connections are ended as soon as they are made.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.lock().refuses_connections = refuse;
    }
}

/// Changes the room, adds the tag that tells, and names the NOTICE that goes with it (unique chat has none).
fn apply(room: &mut Channel, change: RoomChange, tags: &mut Tags) -> Option<Notice> {
    let modes = &mut room.modes;
    match change {
        RoomChange::Slow(slow) => {
            modes.slow = slow;
            tags.set("slow", slow_tag(slow));
            Some(slow.map_or(Notice::SlowOff, Notice::SlowOn))
        }
        RoomChange::EmoteOnly(on) => {
            modes.emote_only = on;
            tags.set_flag("emote-only", on);
            Some(if on { Notice::EmoteOnlyOn } else { Notice::EmoteOnlyOff })
        }
        RoomChange::SubscribersOnly(on) => {
            modes.subscribers_only = on;
            tags.set_flag("subs-only", on);
            Some(if on { Notice::SubscribersOn } else { Notice::SubscribersOff })
        }
        RoomChange::FollowersOnly(asked) => {
            modes.followers_only = asked;
            tags.set("followers-only", followers_tag(asked));
            Some(match asked {
                None => Notice::FollowersOff,
                Some(Duration::ZERO) => Notice::FollowersOnZero,
                Some(asked) => Notice::FollowersOn(asked),
            })
        }
        RoomChange::Unique(on) => {
            modes.unique = on;
            tags.set_flag("r9k", on);
            None
        }
    }
}
