//! The members of a room, for connections with the `membership` capability.

use std::collections::BTreeSet;

use crate::irc::Irc;
use crate::irc::joining::channel_names;
use crate::irc::line::{ClientLine, Line};
use crate::irc::sessions::SessionId;

/// Up to this many connections, a room lists all members and reports joins and parts. A larger room lists its
/// moderators only (dev.twitch.tv/docs/irc/membership, as of 2018; the current page does not say).
const SMALL_ROOM: usize = 1_000;
/// Bytes of logins in one line. With the line's beginning, this stays below the 512 bytes of RFC 1459.
const NAMES_LINE: usize = 400;

impl Irc<'_> {
    /// Handles `NAMES #a,#b`.
    pub(crate) fn list_names(&mut self, id: SessionId, line: &ClientLine<'_>) {
        for channel in channel_names(line) {
            self.send_names(id, &channel);
        }
    }

    /// Sends 353 with the logins, in as many lines as needed, and 366.
    pub(crate) fn send_names(&mut self, id: SessionId, channel: &str) {
        let Some(session) = self.sessions.find(id) else { return };
        let login = session.identity.login().to_owned();
        let names = match session.capabilities.membership {
            true => self.list_members(channel),
            false if session.joined.contains(channel) => BTreeSet::from([login.clone()]),
            false => BTreeSet::new(),
        };
        for names in fill_lines(&names) {
            self.send(id, &Line::new(format!(":{login}.tmi.twitch.tv 353 {login} = #{channel} :{names}")));
        }
        self.send(id, &Line::new(format!(":{login}.tmi.twitch.tv 366 {login} #{channel} :End of /NAMES list")));
    }

    /// Sends a connection's JOIN or PART to the others in the room.
    pub(crate) fn tell_others(&mut self, id: SessionId, channel: &str, line: &Line) {
        let mut others = self.sessions.members(channel);
        if others.len() <= SMALL_ROOM {
            others.retain(|&other| other != id);
            self.send_all(&others, &line.clone().for_membership());
        }
    }

    /// The members' logins, each once even if an account has several connections.
    fn list_members(&self, channel: &str) -> BTreeSet<String> {
        let here = self.sessions.list().filter(|(_, session)| session.joined.contains(channel));
        let mut logins: BTreeSet<String> = here.map(|(_, session)| session.identity.login().to_owned()).collect();
        if self.sessions.members(channel).len() > SMALL_ROOM {
            let room = self.world.find_channel(channel);
            let moderates = |login: &String| {
                let roles = room.zip(self.world.find_chatter(login)).map(|(room, chatter)| room.roles_of(chatter));
                roles.is_some_and(|roles| roles.moderates())
            };
            logins.retain(moderates);
        }
        logins
    }
}

fn fill_lines(names: &BTreeSet<String>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut().filter(|line| line.len() + 1 + name.len() <= NAMES_LINE) {
            Some(line) => line.extend([" ", name]),
            None => lines.push(name.clone()),
        }
    }
    lines
}
