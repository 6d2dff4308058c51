//! CAP, PASS and NICK: the way to a connection that is logged in.

use tokio::time::Instant;

use crate::irc::Irc;
use crate::irc::line::{ClientLine, Line, Tags};
use crate::irc::sessions::{Identity, SessionId};
use crate::world::authority::Access;
use crate::world::rules::{self, Rule};
use crate::world::scope::{CHAT_EDIT, CHAT_READ};
use crate::world::secret::Secret;

const OFFERED: &str = "twitch.tv/commands twitch.tv/membership twitch.tv/tags";

impl Irc<'_> {
    pub(crate) fn negotiate(&mut self, id: SessionId, line: &ClientLine<'_>) {
        match line.params.as_slice() {
            [word, ..] if word.eq_ignore_ascii_case("LS") => {
                self.send(id, &Line::new(format!(":tmi.twitch.tv CAP * LS :{OFFERED}")));
            }
            [word, wanted @ ..] if word.eq_ignore_ascii_case("REQ") => self.request(id, &wanted.join(" ")),
            _ => {}
        }
    }

    /// Grants capabilities that exist and rejects the others by name. `tags` without `commands`, now or before, is
    /// rejected: "to request the tags capability, you must also request the commands capability"
    /// (dev.twitch.tv/docs/chat/irc).
    fn request(&mut self, id: SessionId, wanted: &str) {
        let Some(session) = self.sessions.find_mut(id) else { return };
        let wanted: Vec<&str> = wanted.split(' ').filter(|name| !name.is_empty()).collect();
        let with_commands = session.capabilities.commands || wanted.contains(&"twitch.tv/commands");
        let (mut granted, mut refused) = (Vec::new(), Vec::new());
        for name in wanted {
            match name {
                "twitch.tv/commands" => session.capabilities.commands = true,
                "twitch.tv/membership" => session.capabilities.membership = true,
                "twitch.tv/tags" if with_commands => session.capabilities.tags = true,
                _ => {
                    refused.push(name);
                    continue;
                }
            }
            granted.push(name);
        }
        for (word, names) in [("ACK", granted), ("NAK", refused)] {
            if !names.is_empty() {
                self.send(id, &Line::new(format!(":tmi.twitch.tv CAP * {word} :{}", names.join(" "))));
            }
        }
    }

    pub(crate) fn log_in(&mut self, id: SessionId, line: &ClientLine<'_>, now: Instant) {
        let word = line.params.first().copied().unwrap_or_default();
        let Some(session) = self.sessions.find_mut(id) else { return };
        if line.command == "PASS" {
            session.pass = Some(word.into());
            return;
        }
        let login = word.to_ascii_lowercase();
        let pass = session.pass.take();
        let identity = match pass.as_ref().map(Secret::expose) {
            // Twitch ignores the PASS of an anonymous client; each client library sends another one.
            _ if is_anonymous(&login) => Ok((Identity::Anonymous(login), true)),
            None => Err("Improperly formatted auth"),
            Some(pass) => self.check_pass(&login, pass, now),
        };
        match identity {
            Ok((identity, may_send)) => {
                if let Some(session) = self.sessions.find_mut(id) {
                    session.is_read_only = !may_send;
                }
                self.welcome(id, &identity);
            }
            Err(text) => {
                self.send(id, &Line::new(format!(":tmi.twitch.tv NOTICE * :{text}")));
                self.sessions.close(id);
            }
        }
    }

    /// Returns the token's owner: Twitch ignores the NICK (seen by authors of bots: TwitchLib/TwitchLib#1121,
    /// museun/twitchchat#115). A log-in with an unknown token counts against the account of the NICK.
    ///
    /// The boolean is whether the token's scopes allow sending. The error is the text of the refusal. Twitch does not document the answer to the 21st login in 10 s; authors of
    /// clients have seen "Error logging in".
    fn check_pass(&mut self, nick: &str, pass: &str, now: Instant) -> Result<(Identity, bool), &'static str> {
        let access_token = pass.strip_prefix("oauth:").ok_or("Improperly formatted auth")?;
        let (owner, may_send) = match self.world.authority.find_access(access_token) {
            Some(access) => (self.find_chat_owner(access, now), access.grant.has_scope(CHAT_EDIT)),
            None => (self.world.find_token_owner(access_token, nick), true),
        };
        let is_issued = self.world.authority.find_access(access_token).is_some();
        let login = owner.clone().unwrap_or_else(|| nick.to_owned());
        let is_anybody_let_in = !is_issued && self.world.policy.takes_any_account && self.world.open_account(&login);
        if !is_anybody_let_in && owner.is_none() && !self.world.access_tokens.contains_key(&login) {
            return Err("Login authentication failed");
        }
        if self.world.policy.has_limits
            && !self.world.record(&login).logins.admit(rules::LOGINS, rules::LOGINS_WITHIN, now)
        {
            self.world.log.note_violation(Rule::Logins, &login, now);
            return Err("Error logging in");
        }
        if owner.is_none() && !is_anybody_let_in {
            return Err("Login authentication failed");
        }
        Ok((Identity::Account(login), may_send))
    }

    /// The login of the user who an issued token lets into chat.
    fn find_chat_owner(&self, access: &Access, now: Instant) -> Option<String> {
        let is_let_in = access.is_valid(now) && access.grant.has_scope(CHAT_READ);
        let user_id = access.grant.user_id.as_deref().filter(|_| is_let_in)?;
        self.world.find_login(user_id).map(str::to_owned)
    }

    fn welcome(&mut self, id: SessionId, identity: &Identity) {
        let Some(session) = self.sessions.find_mut(id) else { return };
        session.identity = identity.clone();
        let login = identity.login();
        for (number, text) in [
            ("001", "Welcome, GLHF!"),
            ("002", "Your host is tmi.twitch.tv"),
            ("003", "This server is rather new"),
            ("004", "-"),
            ("375", "-"),
            ("372", "You are in a maze of twisty passages, all alike."),
            ("376", ">"),
        ] {
            self.send(id, &Line::new(format!(":tmi.twitch.tv {number} {login} :{text}")));
        }
        if let Identity::Account(login) = identity {
            let chatter = self.world.chatter(login);
            let mut tags = Tags::default();
            tags.set("badge-info", "")
                .set("badges", "")
                .set("color", chatter.color)
                .set("display-name", chatter.display_name)
                .set("emote-sets", "0")
                .set("user-id", chatter.id)
                .set("user-type", "");
            self.send(id, &Line::tagged(&tags, ":tmi.twitch.tv GLOBALUSERSTATE").for_commands());
        }
    }
}

fn is_anonymous(login: &str) -> bool {
    let digits = login.strip_prefix("justinfan").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
