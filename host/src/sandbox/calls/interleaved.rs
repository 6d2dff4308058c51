//! Property: invocations that are interleaved at random, with conflicts, repeated runs and crashes, see and leave the
//! same state as invocations that run one after another in the order of their commits.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::error::{EndRun, HostCallError, split};
use super::fixture::{CHATTERS, Fixture, bank, invocation};
use super::model::{
    CHANNELS, ChannelModel, MINT, MOST_BYTES, MOST_KEYS, MOST_MOVED, MOST_MOVED_BY_ONE, MOST_PER_DAY, Model, Step, TILL,
};
use super::transaction::Transaction;
use super::{balances, channels, commands, payments, settings, storage, treasury, words};
use crate::bench::BenchOptions;
use crate::config::SandboxConfig;
use crate::domain::amount::Amount;
use crate::domain::effect::{Commit, Committed, Holder};
use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::{Caps, Grants};
use crate::domain::message::Reply;
use crate::testing::{at_once, command};

/// Runs of one invocation, and invocations in flight.
const MOST_RUNS: u32 = 4;
const MOST_ACTIVE: usize = 4;

#[derive(Clone, Debug)]
struct Script {
    channel: usize,
    /// Index into [`CHATTERS`]; the broadcaster comes after the last.
    caller: usize,
    steps: Vec<Step>,
    ending: Ending,
}

/// How an invocation ends when it has taken all its steps for the first time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Answered,
    /// The module returns an error, so nothing is committed.
    Refused,
    /// The host dies before the commit, and the same invocation is sent again.
    CrashBeforeCommit,
    /// The host dies after the commit but before it replies, and the same invocation is sent again.
    CrashAfterCommit,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || select(vec!["a", "b", "c", "d"]);
    let who = || 0..CHATTERS.len();
    let word = || select(vec!["extra", "hello", "bye"]);
    prop_oneof![
        (key(), 0_usize..9).prop_map(|(key, length)| Step::Save(key, length)),
        (key(), key()).prop_map(|(from, to)| Step::Grow(from, to)),
        key().prop_map(Step::Delete),
        (key(), -9_i64..99).prop_map(|(key, amount)| Step::Add(key, amount)),
        Just(Step::List),
        (who(), 1_i64..80).prop_map(|(to, amount)| Step::Transfer(to, amount)),
        (1_i64..80).prop_map(Step::Charge),
        (who(), 1_i64..40).prop_map(|(to, amount)| Step::Pay(to, amount)),
        (who(), 1_i64..40).prop_map(|(to, amount)| Step::Award(to, amount)),
        who().prop_map(Step::Balance),
        select(vec!["!", "?", "~"]).prop_map(Step::Prefix),
        (2_i64..10).prop_map(Step::Sides),
        any::<bool>().prop_map(Step::Switch),
        word().prop_map(Step::Claim),
        word().prop_map(Step::Release),
        Just(Step::Show),
        Just(Step::Join),
        Just(Step::Leave),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let ending = prop_oneof![
        6 => Just(Ending::Answered),
        1 => Just(Ending::Refused),
        1 => Just(Ending::CrashBeforeCommit),
        2 => Just(Ending::CrashAfterCommit),
    ];
    // The broadcaster is chosen most often, because nobody else may change the set-up.
    let caller = prop_oneof![0..CHATTERS.len(), Just(CHATTERS.len())];
    (0..CHANNELS.len(), caller, vec(step(), 1..6), ending).prop_map(|(channel, caller, steps, ending)| Script {
        channel,
        caller,
        steps,
        ending,
    })
}

impl Script {
    /// The same invocation each time, so that a repeated one is a duplicate.
    fn invocation(&self, number: usize) -> Invocation {
        let (channel_login, channel) = CHANNELS[self.channel];
        let caller = CHATTERS.get(self.caller).map_or(channel_login, |(login, _)| login);
        invocation(ChannelId(channel), caller, "@alice @bob @carol", &number.to_string())
    }

    fn caller_id(&self) -> u64 {
        CHATTERS.get(self.caller).map_or(CHANNELS[self.channel].1, |(_, id)| *id)
    }
}

/// Takes the step on the real transaction; [`Model::take`] is its model.
fn take(bench: &Fixture, run: &mut Transaction, step: &Step) -> Result<String, EndRun> {
    match *step {
        Step::Save(key, length) => seen(at_once(storage::save(run, key, vec![b'x'; length]))),
        Step::Grow(from, to) => {
            let mut value = at_once(storage::load(run, from))?.unwrap_or_default();
            value.push(b'x');
            seen(at_once(storage::save(run, to, value)))
        }
        Step::Delete(key) => at_once(storage::delete(run, key)).map(|()| "ok".to_owned()),
        Step::Add(key, amount) => seen(at_once(storage::add(run, key, amount))),
        Step::List => {
            let entries = at_once(storage::list_entries(run, "", None, 100))?.into_iter();
            Ok(entries.map(|(key, value)| format!("{key}={} ", String::from_utf8_lossy(&value))).collect())
        }
        Step::Transfer(to, amount) => seen(at_once(payments::transfer(run, CHATTERS[to].0, &amount.to_string()))),
        Step::Charge(amount) => seen(at_once(payments::charge(run, &amount.to_string()))),
        Step::Pay(to, amount) => {
            seen(at_once(treasury::pay_out(run, Holder::Till, CHATTERS[to].0, &amount.to_string())))
        }
        Step::Award(to, amount) => {
            seen(at_once(treasury::pay_out(run, Holder::Mint, CHATTERS[to].0, &amount.to_string())))
        }
        Step::Balance(who) => seen(bench.wait(balances::find(run, CHATTERS[who].0)).map(|all| all[0].amount)),
        Step::Prefix(prefix) => seen(settings::set_prefix(run, prefix)),
        Step::Sides(sides) => seen(at_once(settings::change_setting(run, "bank", "sides", &sides.to_string()))),
        Step::Switch(true) => seen(settings::enable_module(run, "extra")),
        Step::Switch(false) => seen(settings::disable_module(run, "extra")),
        Step::Claim(word) => seen(words::claim(run, command(word))),
        Step::Release(word) => words::release(run, word).map(|was_there| was_there.to_string()),
        Step::Show => show(run),
        Step::Join => {
            seen(at_once(channels::request_join(run))).map(|seen| seen.replace("JoinedAlready", "joined already"))
        }
        Step::Leave => at_once(channels::request_leave(run)).map(|was_there| was_there.to_string()),
    }
}

fn show(run: &mut Transaction) -> Result<String, EndRun> {
    let lines = split(at_once(settings::list_settings(run, "bank")))?.expect("the module is there");
    let sides = lines.into_iter().find(|line| line.key == "sides").expect("it is declared").value;
    let words: Vec<_> = commands::list_available(run)?.into_iter().map(|listing| listing.name).collect();
    Ok(format!("{} {sides} {}", settings::prefix(run)?, words.join(",")))
}

trait Shown {
    fn shown(&self) -> String;
}
impl Shown for () {
    fn shown(&self) -> String {
        "ok".to_owned()
    }
}
impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}
impl Shown for Amount {
    fn shown(&self) -> String {
        self.to_string()
    }
}

/// A value, or the name of the error's variant.
fn seen<T: Shown, E: Debug>(answer: Result<T, HostCallError<E>>) -> Result<String, EndRun> {
    Ok(match split(answer)? {
        Ok(value) => value.shown(),
        Err(error) => {
            let text = format!("{error:?}");
            let case = text.split('(').next().unwrap_or_default();
            // Strips the path that the bindings' `Debug` puts before the variant.
            case.rsplit("::").next().unwrap_or_default().to_owned()
        }
    })
}

/// An invocation in flight.
struct Active {
    number: usize,
    runs: u32,
    run: Transaction,
    seen: Vec<String>,
}

struct Interleaver<'a> {
    bench: &'a Fixture,
    scripts: Vec<Script>,
    waiting: VecDeque<usize>,
    active: Vec<Active>,
    /// What each committed invocation saw, in the order of the commits.
    committed: Vec<(usize, Vec<String>)>,
    conflicts: u32,
    duplicates: u32,
}

impl Interleaver<'_> {
    /// Chooses who takes the next step by `choices`, until all invocations have ended.
    fn play(&mut self, choices: &[u8]) {
        for choice in choices.iter().cycle().map(|choice| usize::from(*choice)) {
            let may_start = self.active.len() < MOST_ACTIVE && !self.waiting.is_empty();
            if may_start && (self.active.is_empty() || choice.is_multiple_of(3)) {
                let number = self.waiting.pop_front().expect("somebody waits");
                let active = self.start(number, 1);
                self.active.push(active);
            } else if self.active.is_empty() {
                return;
            } else {
                let chosen = self.active.swap_remove(choice % self.active.len());
                self.advance(chosen);
            }
        }
    }

    fn start(&self, number: usize, runs: u32) -> Active {
        let most = |amount: i64| Some(Amount(amount.into()));
        let payments = Caps { per_chatter: most(MOST_MOVED_BY_ONE), per_day: most(MOST_MOVED), ..Caps::unlimited() };
        let treasury = Caps { per_day: most(MOST_PER_DAY), ..Caps::unlimited() };
        let grants = Grants { payments, treasury, ..Grants::all(&bank()) };
        let run = self.bench.begin_with(self.scripts[number].invocation(number), grants);
        Active { number, runs, run, seen: Vec::new() }
    }

    fn advance(&mut self, mut active: Active) {
        let script = &self.scripts[active.number];
        let Some(step) = script.steps.get(active.seen.len()) else { return self.finish(active) };
        match take(self.bench, &mut active.run, step) {
            Ok(seen) => {
                active.seen.push(seen);
                self.active.push(active);
            }
            Err(EndRun::Conflict) => {
                at_once(active.run.reload_setup()).unwrap();
                self.again(active.number, active.runs);
            }
            Err(fault) => panic!("{fault}"),
        }
    }

    fn again(&mut self, number: usize, runs: u32) {
        self.conflicts += 1;
        if runs < MOST_RUNS {
            let active = self.start(number, runs + 1);
            self.active.push(active);
        }
    }

    fn finish(&mut self, active: Active) {
        let Active { number, runs, run, seen } = active;
        let ending = std::mem::replace(&mut self.scripts[number].ending, Ending::Answered);
        let Some(commit) = run.finish(&[Reply::Say(seen.join("|"))]) else { return };
        match ending {
            Ending::Refused => self.scripts[number].ending = Ending::Refused,
            Ending::CrashBeforeCommit => self.waiting.push_back(number),
            Ending::CrashAfterCommit => {
                if self.commit(number, runs, seen, &commit) {
                    self.waiting.push_back(number);
                }
            }
            Ending::Answered => {
                self.commit(number, runs, seen, &commit);
            }
        }
    }

    /// Returns whether this commit was the invocation's first.
    fn commit(&mut self, number: usize, runs: u32, seen: Vec<String>, commit: &Commit) -> bool {
        let before = self.committed.iter().find(|(committed, _)| *committed == number).map(|(_, seen)| seen.clone());
        match self.bench.commit_data(commit) {
            Committed::Done => {
                assert_eq!(before, None, "an invocation changes things once");
                self.committed.push((number, seen));
                return true;
            }
            Committed::Duplicate(replies) => {
                self.duplicates += 1;
                let said = before.map(|seen| Reply::Say(seen.join("|")));
                assert_eq!(Some(replies), said.map(|reply| vec![reply]), "a duplicate is told what was answered");
            }
            Committed::Conflict => self.again(number, runs),
        }
        false
    }
}

/// Compares the store with the model.
fn check(bench: &Fixture, model: &Model) {
    for ((_, channel), expected) in CHANNELS.iter().zip(&model.channels) {
        check_storage(bench, ChannelId(*channel), expected);
        check_ledger(bench, ChannelId(*channel), expected);
        check_setup(bench, ChannelId(*channel), expected);
    }
    let wanted = at_once(bench.world.store.host.list_wanted()).unwrap().into_iter();
    assert_eq!(wanted.map(|channel| channel.id.unwrap().0).collect::<BTreeSet<_>>(), model.wanted);
}

fn check_storage(bench: &Fixture, channel: ChannelId, expected: &ChannelModel) {
    let (state, entries) = at_once(bench.world.store.list_entries(channel, &bank().name, "", None, 100)).unwrap();
    let entries = entries.into_iter().map(|(key, value)| (key, String::from_utf8(value).unwrap()));
    assert_eq!(entries.collect::<BTreeMap<_, _>>(), expected.entries);
    let usage = (expected.bytes() as u64, expected.entries.len() as u64);
    assert_eq!((state.bytes, state.keys), usage, "the quota counts exactly");
}

fn check_ledger(bench: &Fixture, channel: ChannelId, expected: &ChannelModel) {
    let units = |holder: u64| {
        let holder = match holder {
            TILL => Holder::Till,
            MINT => Holder::Mint,
            chatter => Holder::Chatter(ChatterId(chatter)),
        };
        at_once(bench.world.store.load_account(channel, holder)).unwrap().1.units(0).unwrap()
    };
    let accounts: BTreeMap<u64, i64> = expected.accounts.keys().map(|holder| (*holder, units(*holder))).collect();
    assert_eq!(accounts, expected.accounts);
    assert_eq!(accounts.values().sum::<i64>(), 0, "the ledger sums to zero");
    assert!(accounts.iter().all(|(holder, units)| *holder == MINT || *units >= 0), "nobody is below zero");
}

fn check_setup(bench: &Fixture, channel: ChannelId, expected: &ChannelModel) {
    let record = at_once(bench.world.store.load_channel(channel)).unwrap().unwrap();
    let bank = bank().name;
    let sides = record.settings.get(&bank).and_then(|settings| settings.get("sides")).map_or("6", String::as_str);
    let words = record.claimed.get(&bank).into_iter().flatten().map(|word| word.name.to_string());
    let has_extra = record.modules.get(&"extra".parse().unwrap()).and_then(|extra| extra.enabled).unwrap_or(true);
    assert_eq!((record.prefix.as_str(), sides), (expected.prefix.as_str(), expected.sides.to_string().as_str()));
    assert_eq!((has_extra, words.collect::<BTreeSet<_>>()), (expected.has_extra, expected.words.clone()));
}

#[test]
fn interleaved_invocations_do_what_they_would_one_after_another() {
    let (conflicts, duplicates) = (Cell::new(0), Cell::new(0));
    proptest!(ProptestConfig::with_cases(40), |(scripts in vec(script(), 2..24), choices in vec(any::<u8>(), 16..64))| {
        let limits =
            SandboxConfig { storage_bytes: MOST_BYTES as u64, storage_keys: MOST_KEYS as u64, ..<_>::default() };
        let bench = Fixture::new(BenchOptions { limits, ..BenchOptions::default() });
        bench.add_channel(CHANNELS[1]);
        let mut interleaver = Interleaver {
            bench: &bench,
            waiting: (0..scripts.len()).collect(),
            scripts: scripts.clone(),
            active: Vec::new(),
            committed: Vec::new(),
            conflicts: 0,
            duplicates: 0,
        };
        interleaver.play(&choices);
        let mut model = Model::new();
        for (number, seen) in &interleaver.committed {
            let script = &scripts[*number];
            let expected: Vec<String> =
                script.steps.iter().map(|step| model.take(script.channel, script.caller_id(), step)).collect();
            prop_assert_eq!(seen, &expected);
        }
        check(&bench, &model);
        conflicts.set(conflicts.get() + interleaver.conflicts);
        duplicates.set(duplicates.get() + interleaver.duplicates);
    });
    assert!(
        conflicts.get() > 0 && duplicates.get() > 0,
        "chance met no conflict or no duplicate: {conflicts:?} {duplicates:?}"
    );
}
