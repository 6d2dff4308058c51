//! Capability `chatters`, and the resolution of chatters' names for all other capabilities.

use std::fmt;

use super::error::EndRun;
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::id::{ChatterId, Login};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::Capability;
use crate::domain::message::KnownChatter;
use crate::domain::prefix::is_invisible;
use crate::sandbox::bindings::twitchy::command::chatters::{Host, KnownChatter as Found};
use crate::setup::value::ID_MARK;

/// Most characters of a display name.
const LONGEST_NAME: usize = 25;
/// Most logins that a refusal lists when several chatters share a display name.
const MOST_CHOICES: usize = 3;

impl Host for Run {
    async fn find(&mut self, chatter: String) -> wasmtime::Result<Option<Found>> {
        Ok(resolve(self.enter(Capability::Chatters, "find")?, &chatter).await?.map(Found::from))
    }
}

impl From<KnownChatter> for Found {
    fn from(chatter: KnownChatter) -> Self {
        Found {
            id: chatter.id.to_string(),
            login: chatter.login.to_string(),
            display_name: chatter.display_name.into(),
        }
    }
}

/// The ways in which a module can name a chatter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Login(Login),
    Id(ChatterId),
    /// A display name that is no valid login. Clients mention by it where the name has letters that logins lack.
    Name(Box<str>),
}

impl Reference {
    pub(super) fn means(&self, chatter: &KnownChatter) -> bool {
        match self {
            Reference::Login(login) => chatter.login == *login,
            Reference::Id(id) => chatter.id == *id,
            Reference::Name(name) => chatter.is_called(name),
        }
    }

    /// Returns `None` if no chatter can have this name.
    pub(super) fn parse(text: &str) -> Option<Reference> {
        match text.strip_prefix(ID_MARK) {
            Some(id) => id.parse().ok().map(Reference::Id),
            None => {
                let name = text.strip_prefix('@').unwrap_or(text);
                let login = name.parse().ok().map(Reference::Login);
                login.or_else(|| is_display_name(name).then(|| Reference::Name(name.into())))
            }
        }
    }
}

/// Whether `text` can be a display name that is not also a valid login.
fn is_display_name(text: &str) -> bool {
    let is_part = |character: char| {
        let is_foreign = !character.is_ascii() && !character.is_whitespace() && !character.is_control();
        character.is_ascii_alphanumeric() || character == '_' || is_foreign && !is_invisible(character)
    };
    (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.is_ascii() && text.chars().all(is_part)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Login(login) => write!(f, "@{login}"),
            Reference::Id(id) => write!(f, "{ID_MARK}{id}"),
            Reference::Name(name) => write!(f, "@{name}"),
        }
    }
}

/// Finds the chatter whom a text names: `@login`, login, `id:` and the Twitch id, or a display name that only one
/// chatter here has. Chatters in the invocation itself win over the store: they may be new here, and the store may
/// still hold their old names.
pub(super) async fn resolve(run: &Transaction, who: &str) -> Result<Option<KnownChatter>, EndRun> {
    let Some(reference) = Reference::parse(who) else { return Ok(None) };
    if let Reference::Name(name) = &reference {
        return resolve_name(run, name).await;
    }
    if let Some(shown) = shown(run).into_iter().flatten().find(|shown| reference.means(shown)) {
        return Ok(Some(shown));
    }
    Ok(match &reference {
        Reference::Login(login) => run.world().store.find_chatter(run.channel(), login).await?,
        Reference::Id(id) => run.world().store.find_chatter_by_id(run.channel(), *id).await?,
        Reference::Name(_) => None,
    })
}

/// Display names are not unique. If several chatters have the name, guessing could pay the wrong one: the run ends, and
/// the reply lists the candidates' logins.
async fn resolve_name(run: &Transaction, name: &str) -> Result<Option<KnownChatter>, EndRun> {
    let mut found = run.world().store.list_chatters_by_name(run.channel(), name, MOST_CHOICES + 1).await?;
    // The store may hold an older display name of these chatters; the invocation's name counts.
    for shown in shown(run).into_iter().flatten() {
        found.retain(|known| known.id != shown.id);
        found.extend(Some(shown).filter(|shown| shown.is_called(name)));
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let logins: Vec<String> = found.iter().take(MOST_CHOICES).map(|known| format!("@{}", known.login)).collect();
    let others = if found.len() > MOST_CHOICES { " or another" } else { "" };
    Err(EndRun::Refused(format!("several chatters here are called {name}: type {}{others}", logins.join(" or "))))
}

/// The chatters in the invocation: the caller, and the author of the quoted message.
fn shown(run: &Transaction) -> [Option<KnownChatter>; 2] {
    let Invocation { chatter, reply_to, .. } = run.invocation();
    let caller =
        KnownChatter { id: chatter.id, login: chatter.login.clone(), display_name: chatter.display_name.clone() };
    let quoted = reply_to.as_ref().map(|quoted| KnownChatter {
        id: quoted.chatter_id,
        login: quoted.chatter_login.clone(),
        display_name: quoted.chatter_login.as_str().into(),
    });
    [Some(caller), quoted]
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, SHOP, now};
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::id::MessageId;
    use crate::domain::message::QuotedMessage;
    use crate::testing::at_once;

    #[test]
    fn chatters_are_found_by_login_and_by_id() {
        let bench = Fixture::new(BenchOptions::default());
        let run = bench.run("alice", "");
        for text in ["bob", "@bob", "@BOB", "id:2"] {
            assert_eq!(at_once(resolve(&run, text)).unwrap().map(|chatter| chatter.id), Some(ChatterId(2)), "{text}");
        }
        for text in ["", "@", "id:", "id:bob", "nobody", "id:99", "@@bob", "two words", "#bob"] {
            assert_eq!(at_once(resolve(&run, text)).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn a_display_name_means_the_one_chatter_who_bears_it() {
        let bench = Fixture::new(BenchOptions::default());
        let known = |id, login: &str, name: &str| KnownChatter {
            id: ChatterId(id),
            login: login.parse().unwrap(),
            display_name: name.into(),
        };
        let see = |chatter| bench.wait(bench.world.store.save_seen(SHOP, vec![chatter], now())).unwrap();
        see(known(21, "arisu", "アリス"));
        let find = |text: &str| at_once(resolve(&bench.run("alice", ""), text));
        for text in ["アリス", "@アリス"] {
            assert_eq!(find(text).unwrap().map(|chatter| chatter.id), Some(ChatterId(21)), "{text}");
        }
        for text in ["@アリ", "アリス アリス", "ア\u{200B}リス", "アリス!", &"ア".repeat(26)] {
            assert_eq!(find(text).unwrap(), None, "{text}");
        }
        see(known(22, "alice_22", "アリス"));
        let told = find("@アリス").unwrap_err().to_string();
        assert_eq!(told, "several chatters here are called アリス: type @arisu or @alice_22");
        (23..30).for_each(|id| see(known(id, &format!("alice_{id}"), "アリス")));
        assert!(find("アリス").unwrap_err().to_string().ends_with(" or another"));
        assert_eq!(find("@arisu").unwrap().map(|chatter| chatter.id), Some(ChatterId(21)), "a login is certain");
    }

    #[test]
    fn the_caller_counts_under_the_name_of_this_moment() {
        let bench = Fixture::new(BenchOptions::default());
        let mut invocation = bench.invocation("alice", "");
        invocation.chatter.display_name = "アリス".into();
        let caller = invocation.chatter.id;
        let run = bench.begin(invocation);
        assert_eq!(at_once(resolve(&run, "@アリス")).unwrap().map(|chatter| chatter.id), Some(caller));
        let other =
            KnownChatter { id: ChatterId(21), login: "arisu".parse().unwrap(), display_name: "アリス".into() };
        bench.wait(bench.world.store.save_seen(SHOP, vec![other], now())).unwrap();
        assert!(at_once(resolve(&run, "@アリス")).is_err(), "there are two");
        assert_eq!(
            at_once(resolve(&bench.run("alice", ""), "@アリス")).unwrap().map(|chatter| chatter.id),
            Some(ChatterId(21))
        );
    }

    #[test]
    fn whom_the_invocation_shows_is_known_before_the_store_knows() {
        let bench = Fixture::new(BenchOptions::default());
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
            assert_eq!(at_once(resolve(&run, text)).unwrap().map(|chatter| chatter.id), Some(ChatterId(id)), "{text}");
        }
    }

    #[test]
    fn a_recycled_login_belongs_to_its_last_bearer() {
        let bench = Fixture::new(BenchOptions::default());
        let heir = KnownChatter { id: ChatterId(9), login: "bob".parse().unwrap(), display_name: "Bob".into() };
        let later = now() + std::time::Duration::from_secs(1);
        bench.wait(bench.world.store.save_seen(SHOP, vec![heir], later)).unwrap();
        assert_eq!(
            at_once(resolve(&bench.run("alice", ""), "@bob")).unwrap().map(|chatter| chatter.id),
            Some(ChatterId(9))
        );
    }
}
