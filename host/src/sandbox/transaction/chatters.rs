//! Capability `chatters`, and how every other capability finds whom a module means.

use std::fmt;

use super::{Fault, Transaction};
use crate::domain::id::{ChatterId, Login};
use crate::domain::manifest::Capability;
use crate::setup::value::ID_MARK;
use crate::store::chatters::KnownChatter;

/// How a module names a chatter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Login(Login),
    Id(ChatterId),
}

impl Reference {
    pub(super) fn means(&self, chatter: &KnownChatter) -> bool {
        match self {
            Reference::Login(login) => chatter.login == *login,
            Reference::Id(id) => chatter.id == *id,
        }
    }

    /// None for a text that could name nobody.
    pub(super) fn parse(text: &str) -> Option<Reference> {
        match text.strip_prefix(ID_MARK) {
            Some(id) => id.parse().ok().map(Reference::Id),
            None => text.strip_prefix('@').unwrap_or(text).parse().ok().map(Reference::Login),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Login(login) => write!(f, "@{login}"),
            Reference::Id(id) => write!(f, "{ID_MARK}{id}"),
        }
    }
}

impl Transaction {
    /// By `@login`, login, or `id:` and the Twitch id.
    pub fn find_chatter(&self, who: &str) -> Result<Option<KnownChatter>, Fault> {
        self.require(Capability::Chatters)?;
        self.resolve(who)
    }

    /// Whom a text means. Chatters whom the invocation itself shows are known from it: they may be seen here for the
    /// first time, and what they were seen with last may not be stored yet.
    pub(super) fn resolve(&self, who: &str) -> Result<Option<KnownChatter>, Fault> {
        let Some(reference) = Reference::parse(who) else { return Ok(None) };
        if let Some(shown) = self.shown().into_iter().flatten().find(|shown| reference.means(shown)) {
            return Ok(Some(shown));
        }
        Ok(match &reference {
            Reference::Login(login) => self.world.store.find_chatter(self.channel(), login)?,
            Reference::Id(id) => self.world.store.find_chatter_by_id(self.channel(), *id)?,
        })
    }

    /// Who called, and who wrote the message that is replied to.
    fn shown(&self) -> [Option<KnownChatter>; 2] {
        let chatter = &self.invocation().chatter;
        let caller =
            KnownChatter { id: chatter.id, login: chatter.login.clone(), display_name: chatter.display_name.clone() };
        let quoted = self.invocation().reply_to.as_ref().map(|quoted| KnownChatter {
            id: quoted.chatter_id,
            login: quoted.chatter_login.clone(),
            display_name: quoted.chatter_login.as_str().into(),
        });
        [Some(caller), quoted]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Bench, SHOP, Terms, now};
    use super::*;
    use crate::domain::id::MessageId;
    use crate::domain::message::QuotedMessage;

    #[test]
    fn chatters_are_found_by_login_and_by_id() {
        let bench = Bench::new(Terms::default());
        let run = bench.run("alice", "");
        for text in ["bob", "@bob", "@BOB", "id:2"] {
            assert_eq!(run.find_chatter(text).unwrap().map(|chatter| chatter.id), Some(ChatterId(2)), "{text}");
        }
        for text in ["", "@", "id:", "id:bob", "nobody", "id:99", "@@bob", "two words", "#bob"] {
            assert_eq!(run.find_chatter(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn whom_the_invocation_shows_is_known_before_the_store_knows() {
        let bench = Bench::new(Terms::default());
        let mut invocation = bench.invocation("alice", "");
        invocation.chatter.id = ChatterId(77);
        invocation.chatter.login = "newcomer".parse().unwrap();
        invocation.reply_to = Some(QuotedMessage {
            id: MessageId("m".into()),
            chatter_id: ChatterId(88),
            chatter_login: "quoted".parse().unwrap(),
            text: "hello".into(),
        });
        let run = bench.begin(invocation);
        for (text, id) in [("newcomer", 77), ("id:77", 77), ("@quoted", 88), ("id:88", 88)] {
            assert_eq!(run.find_chatter(text).unwrap().map(|chatter| chatter.id), Some(ChatterId(id)), "{text}");
        }
    }

    #[test]
    fn a_recycled_login_belongs_to_whoever_bore_it_last() {
        let bench = Bench::new(Terms::default());
        let heir = KnownChatter { id: ChatterId(9), login: "bob".parse().unwrap(), display_name: "Bob".into() };
        let later = now() + std::time::Duration::from_secs(1);
        bench.wait(bench.world.store.save_seen(SHOP, vec![heir], later)).unwrap();
        assert_eq!(bench.run("alice", "").find_chatter("@bob").unwrap().map(|chatter| chatter.id), Some(ChatterId(9)));
    }
}
