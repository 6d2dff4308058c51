//! Passes the wanted channels, after each change in the store, to the set-ups and the accounts.
//!
//! Each account has a list of its own channels. A change rebuilds only the lists of the accounts concerned, so its cost
//! does not depend on the number of other accounts' channels.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Mutex, broadcast, watch};
use tracing::error;

use crate::domain::id::Login;
use crate::domain::message::WantedChannel;
use crate::setup::Setup;
use crate::store::{Store, StoreError};

/// The wanted channels of one account.
pub(super) type List = Arc<[WantedChannel]>;

/// The lists by the login of a running account.
type Lists = HashMap<Login, watch::Sender<List>>;

pub(super) struct Wanted {
    store: Arc<Store>,
    setup: Arc<Setup>,
    /// Held from reading the store to publishing, so that no older list replaces a newer one.
    lists: Mutex<Lists>,
    /// How often lists were published.
    published: watch::Sender<u64>,
}

impl Wanted {
    pub(super) fn new(store: Arc<Store>, setup: Arc<Setup>) -> Wanted {
        Wanted { store, setup, lists: Mutex::default(), published: watch::Sender::default() }
    }

    /// An account's list. [`Wanted::run`] publishes a new one after each change, as long as the receiver is held.
    pub(super) async fn open_list(&self, account: &Login) -> Result<watch::Receiver<List>, StoreError> {
        let mut lists = self.lists.lock().await;
        lists.retain(|_, list| list.receiver_count() > 0);
        let (list, receiver) = watch::channel(self.load(account).await?);
        lists.insert(account.clone(), list);
        Ok(receiver)
    }

    /// Publishes the lists of the accounts concerned, once for all changes so far. Returns when the store closes.
    pub(super) async fn run(self: Arc<Self>, mut changes: broadcast::Receiver<Login>) {
        loop {
            let mut change = changes.recv().await;
            let (mut changed, mut has_missed) = (HashSet::new(), false);
            loop {
                match change {
                    Ok(account) => drop(changed.insert(account)),
                    // The missed changes may concern any account.
                    Err(RecvError::Lagged(_)) => has_missed = true,
                    Err(RecvError::Closed) => return,
                }
                change = match changes.try_recv() {
                    Ok(account) => Ok(account),
                    Err(TryRecvError::Lagged(count)) => Err(RecvError::Lagged(count)),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                };
            }
            let lists = self.lists.lock().await;
            let accounts: Vec<&Login> = if has_missed { lists.keys().collect() } else { changed.iter().collect() };
            for account in accounts {
                self.publish(&lists, account).await;
            }
            drop(lists);
            self.published.send_modify(|count| *count += 1);
        }
    }

    async fn publish(&self, lists: &Lists, account: &Login) {
        let Some(list) = lists.get(account) else { return };
        match self.load(account).await {
            Ok(loaded) => drop(list.send_replace(loaded)),
            Err(error) => error!(%account, %error, "cannot tell which channels are wanted"),
        }
    }

    /// Also loads the set-up of a channel added by `!join`, so that it exists before the account joins.
    async fn load(&self, account: &Login) -> Result<List, StoreError> {
        let channels = self.store.host.list_wanted_of(account).await?;
        let known: Vec<_> = channels.iter().filter_map(|channel| channel.id).collect();
        self.setup.load_new(&known).await?;
        Ok(channels.into())
    }

    /// Changes whenever lists may have changed.
    pub(super) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// Whether each account has the stored list, in any order: changes of the order by activity are not reported.
    pub(super) async fn is_published(&self) -> bool {
        let lists = self.lists.lock().await;
        for (account, list) in lists.iter() {
            let (stored, known) = (self.store.host.list_wanted_of(account).await.unwrap_or_default(), list.borrow());
            if stored.len() != known.len() || !stored.iter().all(|channel| known.contains(channel)) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::defaults::NewChannelRules;
    use crate::store::fixture::{CHANNEL, Fixture};
    use crate::testing::login;

    fn names(list: &watch::Receiver<List>) -> Vec<String> {
        list.borrow().iter().map(|channel| channel.login.to_string()).collect()
    }

    async fn open(fixture: &Fixture) -> (Arc<Wanted>, [watch::Receiver<List>; 2]) {
        let setup = Arc::new(Setup::new(fixture.store.clone(), NewChannelRules::Essentials));
        let wanted = Arc::new(Wanted::new(fixture.store.clone(), setup));
        let lists =
            [wanted.open_list(&login("bot")).await.unwrap(), wanted.open_list(&login("other_bot")).await.unwrap()];
        (wanted, lists)
    }

    #[tokio::test]
    async fn a_change_makes_the_lists_anew_of_the_accounts_that_it_concerns() {
        let fixture = Fixture::with_channel().await;
        let (wanted, [mut bot, mut other]) = open(&fixture).await;
        assert!(wanted.setup.find_channel(CHANNEL).is_some(), "the channel has its set-up");
        let running = tokio::spawn(wanted.clone().run(fixture.store.host.wanted_changes()));
        fixture.store.host.save_seed(login("market"), login("other_bot")).await.unwrap();
        other.changed().await.unwrap();
        assert_eq!(
            (names(&bot), names(&other), bot.has_changed().unwrap()),
            (vec!["shop".into()], vec!["market".into()], false)
        );
        fixture.store.host.save_seed(login("shop"), login("other_bot")).await.unwrap();
        bot.changed().await.unwrap();
        other.changed().await.unwrap();
        assert_eq!((names(&bot), names(&other)), (vec![], vec!["market".into(), "shop".into()]));
        assert!(wanted.is_published().await);
        running.abort();
    }

    /// Otherwise an account that enters 1,000 channels would have a list of 1,000 channels rebuilt 1,000 times.
    #[tokio::test]
    async fn changes_that_have_come_meanwhile_make_one_list() {
        let fixture = Fixture::with_channel().await;
        let (wanted, [_, other]) = open(&fixture).await;
        let (changes, mut published) = (fixture.store.host.wanted_changes(), wanted.published());
        for channel in ["market", "cafe", "square"] {
            fixture.store.host.save_seed(login(channel), login("other_bot")).await.unwrap();
        }
        let running = tokio::spawn(wanted.clone().run(changes));
        published.changed().await.unwrap();
        assert_eq!((*published.borrow(), names(&other).len()), (1, 3));
        running.abort();
    }

    #[tokio::test]
    async fn reports_that_were_missed_make_all_lists_anew() {
        let fixture = Fixture::with_channel().await;
        let (wanted, [mut bot, mut other]) = open(&fixture).await;
        let changes = fixture.store.host.wanted_changes();
        for number in 0..1025 {
            let account = ["other_bot", "bot"][number % 2];
            fixture.store.host.save_seed(login("shop"), login(account)).await.unwrap();
        }
        assert!(!wanted.is_published().await);
        let running = tokio::spawn(wanted.clone().run(changes));
        bot.changed().await.unwrap();
        other.changed().await.unwrap();
        assert_eq!((names(&bot), names(&other)), (vec![], vec!["shop".into()]));
        running.abort();
    }
}
