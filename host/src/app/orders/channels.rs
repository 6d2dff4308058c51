//! Lists a host's channels and the bot's state in each, for `twitchy channel list`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::app::status::line::name_phase;
use crate::app::status::{AccountStatus, Observer, describe_failure};
use crate::domain::account::BotAccount;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::WantedChannel;
use crate::domain::timestamp::write_timestamp;
use crate::setup::Setup;
use crate::setup::channel::ChannelSetup;
use crate::twitch::account::state::{AccountState, Phase};

/// Channels per page.
const PAGE: usize = 100;

/// A channel. One without a Twitch id is configured, but the bot has never joined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatus {
    pub id: Option<String>,
    pub login: String,
    pub display_name: Option<String>,
    /// The bot account that is to join the channel.
    pub account: String,
    /// The account's state there, for people: `joined`, or why not.
    pub state: String,
    /// The names of the modules that answer there.
    pub modules: Vec<String>,
}

/// A channel that is wanted, or was once.
struct Entry {
    login: Login,
    account: BotAccount,
    is_wanted: bool,
    /// `None` before the first join.
    setup: Option<ChannelSetup>,
}

/// The page of channels, ordered by login, that begins after `after`; and the key that requests the next page.
pub(super) fn list_channels(
    observer: &Observer,
    wanted: &[WantedChannel],
    after: Option<&str>,
    now: SystemTime,
) -> (Vec<ChannelStatus>, Option<String>) {
    let entries = list_entries(&observer.host.setup, wanted);
    let after = after.unwrap_or_default();
    let mut left = entries.iter().filter(|(key, _)| key.as_str() > after);
    let page: Vec<_> = left.by_ref().take(PAGE).collect();
    let next = page.last().filter(|_| left.next().is_some()).map(|(key, _)| (*key).clone());
    let accounts = observer.list_states(|login, state| {
        (BotAccount { login: login.clone(), id: state.id }, AccountRooms::of(login, state))
    });
    (page.into_iter().map(|(_, entry)| entry.show(&accounts, now)).collect(), next)
}

/// By login. The id distinguishes channels with the same login.
fn list_entries(setup: &Setup, wanted: &[WantedChannel]) -> BTreeMap<String, Entry> {
    let known = setup.list_channels();
    // A configured channel's set-up becomes known a moment before its wanted channel gets the id.
    let by_login: HashMap<Login, ChannelSetup> =
        known.iter().map(|setup| (setup.channel.login.clone(), setup.clone())).collect();
    let known = known.into_iter().map(|setup| {
        let (login, account) = (setup.channel.login.clone(), setup.bot.clone());
        let key = key_of(&login, Some(setup.channel.id));
        (key, Entry { login, account, is_wanted: false, setup: Some(setup) })
    });
    let mut entries: BTreeMap<String, Entry> = known.collect();
    for WantedChannel { id, login, account } in wanted {
        let setup = match id {
            Some(id) => setup.find_channel(*id),
            None => by_login.get(login).cloned(),
        };
        // The set-up may know the channel under an older login.
        if let Some(setup) = &setup {
            entries.remove(&key_of(&setup.channel.login, Some(setup.channel.id)));
        }
        let id = setup.as_ref().map(|setup| setup.channel.id).or(*id);
        let entry = Entry { login: login.clone(), account: account.clone(), is_wanted: true, setup };
        entries.insert(key_of(login, id), entry);
    }
    entries
}

fn key_of(login: &Login, id: Option<ChannelId>) -> String {
    format!("{login} {}", id.map(|id| id.to_string()).unwrap_or_default())
}

/// An account's state in its channels, for look-ups by channel.
struct AccountRooms {
    /// `None` while the account is online.
    trouble: Option<String>,
    outside: HashSet<Login>,
    unreachable: HashMap<Login, &'static str>,
}

impl AccountRooms {
    fn of(login: &Login, state: &AccountState) -> AccountRooms {
        let unreachable = state.unreachable.iter().map(|(login, reason)| (login.clone(), describe_failure(*reason)));
        let is_online = state.phase == Phase::Online;
        AccountRooms {
            trouble: (!is_online).then(|| name_phase(&AccountStatus::of(login, state)).to_owned()),
            outside: state.outside.iter().cloned().collect(),
            unreachable: unreachable.collect(),
        }
    }
}

impl Entry {
    fn show(&self, accounts: &[(BotAccount, AccountRooms)], now: SystemTime) -> ChannelStatus {
        let setup = self.setup.as_ref();
        let modules = setup.into_iter().flat_map(ChannelSetup::modules);
        let running = modules.filter(|module| module.is_running() && !module.is_blown(now));
        ChannelStatus {
            id: setup.map(|setup| setup.channel.id.to_string()),
            login: self.login.to_string(),
            display_name: setup.map(|setup| setup.channel.display_name.to_string()),
            account: self.account.login.to_string(),
            state: self.describe_state(
                accounts.iter().find(|(account, _)| account.is(&self.account)).map(|(_, footing)| footing),
                now,
            ),
            modules: running.map(|module| module.manifest.name.to_string()).collect(),
        }
    }

    fn describe_state(&self, account: Option<&AccountRooms>, now: SystemTime) -> String {
        let Some(account) = account else { return "its account is not configured".to_owned() };
        if !self.is_wanted {
            return "left".to_owned();
        }
        if let Some(reason) = account.unreachable.get(&self.login) {
            return format!("cannot be joined: {reason}");
        }
        if let Some(trouble) = &account.trouble {
            return format!("its account: {trouble}");
        }
        if account.outside.contains(&self.login) {
            return "not joined yet".to_owned();
        }
        let setup = self.setup.as_ref().filter(|setup| setup.is_muted(now));
        match setup.and_then(|setup| setup.muted_until) {
            Some(until) => format!("joined, muted until {}", write_timestamp(until)),
            None => "joined".to_owned(),
        }
    }
}
