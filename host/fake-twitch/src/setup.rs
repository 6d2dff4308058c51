//! Sets up the world, and changes it while the server runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::server::FakeTwitch;
use crate::world::channel::{Barred, Channel, Member, RoomChange};
use crate::world::chatter::Role;
use crate::world::event::EventKind;
use crate::world::refusal::Refusal;
use crate::world::{FindChannelError, World};

/// The world. Logins are case-insensitive. Unknown chatters are created, with an id that depends only on the login.
impl FakeTwitch {
    /// Adds an account that may log in with `access_token`, which replaces an earlier token. Open connections stay.
    pub fn add_account(&self, login: &str, id: &str, access_token: &str) {
        let mut state = self.shared.lock();
        let small = login.to_ascii_lowercase();
        state.world.add_chatter(&small, id, login);
        state.world.access_tokens.insert(small, access_token.into());
    }

    /// Adds a chatter with a chosen id.
    pub fn add_chatter(&self, login: &str, id: &str, display_name: &str) {
        drop(self.shared.lock().world.add_chatter(&login.to_ascii_lowercase(), id, display_name));
    }

    /// Adds the channel of the chatter `login`, its broadcaster. Returns the room id, which is the chatter's id.
    pub fn add_channel(&self, login: &str) -> String {
        let mut state = self.shared.lock();
        let broadcaster = state.world.chatter(login);
        state.world.add_channel(&broadcaster.login, &broadcaster.id);
        broadcaster.id
    }

    #[must_use]
    pub fn has_channel(&self, login: &str) -> bool {
        self.shared.lock().world.find_channel(&login.to_ascii_lowercase()).is_some()
    }

    pub fn user_id(&self, login: &str) -> String {
        self.shared.lock().world.chatter(login).id
    }

    /// Gives the login to another user, with a new user id. If the login has a channel, a new room without roles, modes
    /// and members replaces it. As at Twitch, clients are not notified.
    pub fn recycle_login(&self, login: &str, new_id: &str) {
        let mut state = self.shared.lock();
        let login = login.to_ascii_lowercase();
        state.world.add_chatter(&login, new_id, &login);
        if state.world.find_channel(&login).is_some() {
            state.world.add_channel(&login, new_id);
            state.irc.remove_members(&login);
        }
    }

    /// Renames a chatter, whose id and tokens stay. If the login has a channel, a new one with the same id and without
    /// roles, modes and members replaces it. As at Twitch, clients are not notified.
    pub fn rename(&self, login: &str, new_login: &str) {
        let mut state = self.shared.lock();
        let (login, new_login) = (login.to_ascii_lowercase(), new_login.to_ascii_lowercase());
        state.world.rename_chatter(&login, &new_login);
        state.irc.remove_members(&login);
    }

    /// Replaces the chatter's roles in the channel.
    ///
    /// # Errors
    /// If the channel does not exist; this applies to all methods below.
    pub fn set_roles(&self, channel: &str, login: &str, roles: &[Role]) -> Result<(), FindChannelError> {
        let roles = roles.iter().copied().collect();
        self.with_member(channel, login, |member| member.roles = roles)
    }

    /// Adds a role to those that the chatter has in the channel.
    pub fn add_role(&self, channel: &str, login: &str, role: Role) -> Result<(), FindChannelError> {
        self.with_member(channel, login, |member| member.roles.0.extend([role]))
    }

    /// Makes the chatter a follower from now on, if not one already.
    pub fn follow(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        let now = Instant::now();
        self.with_member(channel, login, |member| member.followed_at = member.followed_at.or(Some(now)))
    }

    /// Suspends the channel: JOINs and messages are refused with `msg_channel_suspended`.
    pub fn suspend_channel(&self, channel: &str) -> Result<(), FindChannelError> {
        self.with_channel(channel, |channel| channel.is_suspended = true)
    }

    /// Bans a chatter: the room gets CLEARCHAT, the chatter is parted, and later JOINs are refused.
    pub fn ban(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        self.bar(channel, login, None)
    }

    /// Times a chatter out: messages are refused for `span`, and the channel stays joined.
    pub fn time_out(&self, channel: &str, login: &str, span: Duration) -> Result<(), FindChannelError> {
        self.bar(channel, login, Some(span))
    }

    fn bar(&self, channel: &str, login: &str, span: Option<Duration>) -> Result<(), FindChannelError> {
        let barred = span.map_or(Barred::Banned, |span| Barred::TimedOutUntil(Instant::now() + span));
        self.with_member(channel, login, |member| member.barred = Some(barred))?;
        self.announce(channel, |world| EventKind::Barred(world.chatter(login), span));
        Ok(())
    }

    /// Lets every protocol report an event of a channel.
    pub(crate) fn announce(&self, channel: &str, kind: impl FnOnce(&mut World) -> EventKind) {
        let mut state = self.shared.lock();
        let kind = kind(&mut state.world);
        state.world.announce(&channel.to_ascii_lowercase(), kind);
        state.report();
    }

    /// Lifts a ban or timeout.
    pub fn pardon(&self, channel: &str, login: &str) -> Result<(), FindChannelError> {
        self.with_member(channel, login, |member| member.barred = None)
    }

    /// Refuses the chatter's next messages in the channel, one for each of these reasons. They still count against the
    /// limits.
    pub fn refuse_next(&self, channel: &str, login: &str, refusals: &[Refusal]) -> Result<(), FindChannelError> {
        self.with_member(channel, login, |member| member.refusals.extend(refusals))
    }

    /// Changes one mode of a room: members get a partial ROOMSTATE, and the NOTICE that Twitch sends with it.
    pub fn change_room_state(&self, channel: &str, change: RoomChange) -> Result<(), FindChannelError> {
        self.with_channel(channel, |channel| channel.modes.apply(change))?;
        self.announce(channel, |_| EventKind::ModeChanged(change));
        Ok(())
    }

    fn with_channel(&self, login: &str, change: impl FnOnce(&mut Channel)) -> Result<(), FindChannelError> {
        let login = login.to_ascii_lowercase();
        let mut state = self.shared.lock();
        change(state.world.find_channel_mut(&login).ok_or(FindChannelError(login))?);
        Ok(())
    }

    fn with_member(
        &self,
        channel: &str,
        login: &str,
        change: impl FnOnce(&mut Member),
    ) -> Result<(), FindChannelError> {
        let chatter = self.shared.lock().world.chatter(login);
        self.with_channel(channel, |channel| change(channel.member(&chatter)))
    }
}
