//! The model for `interleaved`: runs one invocation after another on plain maps, and says what each must see.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{CHATTERS, SHOP};

/// Limits of a module in a channel: bytes and keys of its storage, and what it may pay out a day.
pub(super) const MOST_BYTES: usize = 24;
pub(super) const MOST_KEYS: usize = 3;
pub(super) const MOST_PER_DAY: i64 = 60;
/// What the module's calls may move: all calls together, and the calls of one chatter.
pub(super) const MOST_MOVED: i64 = 150;
pub(super) const MOST_MOVED_BY_ONE: i64 = 90;

/// The channels, by index.
pub(super) const CHANNELS: [(&str, u64); 2] = [("shop", SHOP.0), ("market", 200)];

/// One host call of a random module, or two where the second depends on the first.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Save(&'static str, usize),
    /// Loads the first key's value, appends a letter, and saves it under the second key.
    Grow(&'static str, &'static str),
    Delete(&'static str),
    Add(&'static str, i64),
    List,
    Transfer(usize, i64),
    Charge(i64),
    Pay(usize, i64),
    Award(usize, i64),
    Balance(usize),
    Prefix(&'static str),
    Sides(i64),
    Switch(bool),
    Claim(&'static str),
    Release(&'static str),
    Show,
    Join,
    Leave,
}

/// Holders that are no chatters; any other number is a chatter's id.
pub(super) const TILL: u64 = u64::MAX;
pub(super) const MINT: u64 = u64::MAX - 1;

#[derive(Debug, PartialEq)]
pub(super) struct ChannelModel {
    pub(super) entries: BTreeMap<String, String>,
    pub(super) accounts: BTreeMap<u64, i64>,
    paid_out: i64,
    /// By the caller's id.
    moved: BTreeMap<u64, i64>,
    pub(super) prefix: String,
    pub(super) sides: i64,
    pub(super) has_extra: bool,
    pub(super) words: BTreeSet<String>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Model {
    pub(super) channels: Vec<ChannelModel>,
    pub(super) wanted: BTreeSet<u64>,
}

impl Model {
    pub(super) fn new() -> Model {
        let channel = || ChannelModel {
            entries: BTreeMap::new(),
            accounts: CHATTERS.iter().map(|(_, id)| (*id, 100)).chain([(MINT, -300)]).collect(),
            paid_out: 0,
            moved: BTreeMap::new(),
            prefix: "!".to_owned(),
            sides: 6,
            has_extra: true,
            words: BTreeSet::new(),
        };
        Model {
            channels: CHANNELS.iter().map(|_| channel()).collect(),
            wanted: CHANNELS.iter().map(|(_, id)| *id).collect(),
        }
    }

    /// Takes one step for a chatter, and returns what the module sees.
    pub(super) fn take(&mut self, channel: usize, caller: u64, step: &Step) -> String {
        let may_change = caller == CHANNELS[channel].1;
        match step {
            Step::Join if self.wanted.insert(caller) => return "ok".to_owned(),
            Step::Join => return "joined already".to_owned(),
            Step::Leave => return self.wanted.remove(&caller).to_string(),
            _ => {}
        }
        let channel = &mut self.channels[channel];
        match *step {
            Step::Save(key, length) => channel.save(key, "x".repeat(length)),
            Step::Grow(from, to) => {
                let grown = channel.entries.get(from).cloned().unwrap_or_default() + "x";
                channel.save(to, grown)
            }
            Step::Delete(key) => {
                channel.entries.remove(key);
                "ok".to_owned()
            }
            Step::Add(key, amount) => match channel.entries.get(key).map_or(Ok(0), |value| value.parse::<i64>()) {
                Ok(number) => match channel.save(key, (number + amount).to_string()).as_str() {
                    "ok" => (number + amount).to_string(),
                    refused => refused.to_owned(),
                },
                Err(_) => "NotANumber".to_owned(),
            },
            Step::List => channel.entries.iter().map(|(key, value)| format!("{key}={value} ")).collect(),
            Step::Transfer(to, _) if CHATTERS[to].1 == caller => "NotAllowed".to_owned(),
            Step::Transfer(to, amount) => channel.pay(caller, CHATTERS[to].1, amount, caller),
            Step::Charge(amount) => channel.pay(caller, TILL, amount, caller),
            Step::Pay(to, amount) => channel.pay(TILL, CHATTERS[to].1, amount, CHATTERS[to].1),
            Step::Award(to, amount) => channel.pay(MINT, CHATTERS[to].1, amount, CHATTERS[to].1),
            Step::Balance(who) => channel.amount(CHATTERS[who].1).to_string(),
            Step::Show => channel.show(),
            Step::Release(word) => (may_change && channel.words.remove(word)).to_string(),
            _ if !may_change => "NotAllowed".to_owned(),
            Step::Prefix(prefix) => {
                channel.prefix = prefix.to_owned();
                "ok".to_owned()
            }
            Step::Sides(sides) => {
                channel.sides = sides;
                "ok".to_owned()
            }
            Step::Switch(true) if channel.words.contains("extra") => "WordTaken".to_owned(),
            Step::Switch(on) => {
                channel.has_extra = on;
                "ok".to_owned()
            }
            Step::Claim("extra") if channel.has_extra => "Taken".to_owned(),
            Step::Claim(word) => {
                channel.words.insert(word.to_owned());
                "ok".to_owned()
            }
            Step::Join | Step::Leave => unreachable!("answered above"),
        }
    }
}

impl ChannelModel {
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    fn save(&mut self, key: &str, value: String) -> String {
        let before = self.entries.insert(key.to_owned(), value);
        if self.bytes() <= MOST_BYTES && self.entries.len() <= MOST_KEYS {
            return "ok".to_owned();
        }
        match before {
            Some(before) => self.entries.insert(key.to_owned(), before),
            None => self.entries.remove(key),
        };
        "Full".to_owned()
    }

    fn amount(&self, holder: u64) -> i64 {
        self.accounts.get(&holder).copied().unwrap_or(0)
    }

    fn pay(&mut self, from: u64, to: u64, amount: i64, told: u64) -> String {
        let is_payout = from == TILL || from == MINT;
        let moved_by_one = self.moved.get(&from).copied().unwrap_or(0);
        let is_past_cap = match is_payout {
            true => self.paid_out + amount > MOST_PER_DAY,
            false => {
                moved_by_one + amount > MOST_MOVED_BY_ONE || self.moved.values().sum::<i64>() + amount > MOST_MOVED
            }
        };
        if is_past_cap {
            return "NotAllowed".to_owned();
        }
        if from != MINT && self.amount(from) < amount {
            return "NotEnough".to_owned();
        }
        *self.accounts.entry(from).or_default() -= amount;
        *self.accounts.entry(to).or_default() += amount;
        match is_payout {
            true => self.paid_out += amount,
            false => *self.moved.entry(from).or_default() += amount,
        }
        self.amount(told).to_string()
    }

    fn show(&self) -> String {
        let declared = ["bank", "settings"].into_iter().chain(self.has_extra.then_some("extra"));
        let words: BTreeSet<&str> = declared.chain(self.words.iter().map(String::as_str)).collect();
        let words: Vec<&str> = words.into_iter().collect();
        format!("{} {} {}", self.prefix, self.sides, words.join(","))
    }
}
