//! Maps each write to the function that executes it.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::fault::describe_machine_fault;
use super::migrate;
use super::savepoint::{Abort, run_in_savepoint};
use crate::domain::effect::Committed;
use crate::domain::id::Login;
use crate::domain::ports::Tenure;
use crate::store::channel::{accounts, chatters, commit, tally};
use crate::store::error::StoreError;
use crate::store::host::bots::{self, LogInChange};
use crate::store::host::{api_keys, audit, begun_uploads, idempotency, modules, used_limits, wanted};
use crate::store::write::{Answer, Write};

/// A write that was executed, and whose batch is not on disk yet.
pub(super) struct Applied {
    /// Why the machine did not accept the write's changes, if it did not.
    pub(super) machine_fault: Option<String>,
    /// The accounts whose wanted channels have changed.
    pub(super) wanted_of: BTreeSet<Login>,
    /// Sends the answer. The parameter says whether the batch is on disk.
    pub(super) acknowledge: Box<dyn FnOnce(Result<(), StoreError>)>,
}

/// Executes a write within the batch's transaction, in a savepoint of its own.
pub(super) fn apply(on: &Connection, tenure: &dyn Tenure, write: Write) -> Applied {
    match write {
        Write::Commit { commit, attempt, epoch, answer } => {
            let channels: Vec<_> = commit.effects.iter().filter_map(wanted::find_channel).collect();
            let accounts = |on: &_| wanted::list_accounts_of(on, &channels);
            let is_change = |committed: &Committed| *committed == Committed::Done;
            save_wanted(on, answer, (accounts, is_change), |on| match tenure.find_epoch(commit.channel) {
                Some(now) if now == epoch => commit::apply(on, &commit, attempt),
                _ => Err(Abort::Failed(StoreError::NotActing)),
            })
        }
        Write::SeedBalance { channel, chatter, amount, at, answer } => {
            save(on, answer, |on| accounts::seed_balance(on, channel, chatter, amount, at))
        }
        Write::SaveSeen { chatters, at, answer } => save(on, answer, |on| chatters::save_seen(on, &chatters, at)),
        Write::RaiseBusyness { channels, at, answer } => {
            save(on, answer, |on| tally::raise_busyness(on, &channels, at))
        }
        Write::SaveSeed { login, account, at, answer } => {
            let accounts = |on: &_| wanted::list_accounts_of(on, &[(Some(&login), None)]);
            save_wanted(on, answer, (accounts, is_true), |on| wanted::save_seed(on, &login, &account, at))
        }
        Write::SaveChannelId { login, channel, at, answer } => {
            let accounts = |on: &_| wanted::list_accounts_of(on, &[(Some(&login), Some(channel))]);
            save_wanted(on, answer, (accounts, is_true), |on| wanted::save_channel_id(on, &login, channel, at))
        }
        Write::LearnBot { login, id, answer } => {
            let accounts = |on: &_| bots::list_logins(on, &login, id);
            save_wanted(on, answer, (accounts, |learned: &LogInChange| learned.is_changed), |on| {
                bots::learn(on, &login, id)
            })
        }
        Write::BeginUse { account, at, answer } => save(on, answer, |on| used_limits::begin_use(on, &account, at)),
        Write::SaveUse { account, used, at, answer } => {
            save(on, answer, |on| used_limits::save_use(on, &account, used, at))
        }
        Write::ChangeVersions { module, changes, left, stamp, answer } => {
            save(on, answer, |on| modules::change_versions(on, &module, &changes, &left, &stamp))
        }
        Write::BeginUpload { digest, answer } => save(on, answer, |on| begun_uploads::begin(on, digest)),
        Write::EndUpload { digest, answer } => save(on, answer, |on| begun_uploads::end(on, digest)),
        Write::SaveApiKey { key, stamp, answer } => save(on, answer, |on| api_keys::save(on, &key, &stamp)),
        Write::RevokeApiKey { id, guard, stamp, answer } => {
            save(on, answer, |on| api_keys::revoke(on, &id, guard, &stamp))
        }
        Write::SaveKeyUse { id, at, answer } => save(on, answer, |on| api_keys::save_use(on, &id, at)),
        Write::SaveAnswer { caller, key, kept, at, answer } => {
            save(on, answer, |on| idempotency::save(on, &caller, &key, &kept, at))
        }
        Write::NoteChange { stamp, change, answer } => save(on, answer, |on| audit::record(on, &stamp, &change)),
        Write::Probe { answer } => save(on, answer, migrate::mark_started),
        #[cfg(test)]
        Write::Test { job, answer } => save(on, answer, job),
    }
}

fn save<T: 'static, E: Into<Abort<T>>>(
    on: &Connection,
    answer: Answer<T>,
    job: impl FnOnce(&Connection) -> Result<T, E>,
) -> Applied {
    save_wanted(on, answer, (|_: &_| Ok(Vec::new()), |_: &T| false), job)
}

/// As [`save`], for a write that may change the wanted channels. `accounts` lists the logins of the accounts concerned
/// and is called before and after the write; `is_change` says by the write's result whether it changed anything.
fn save_wanted<T: 'static, E: Into<Abort<T>>>(
    on: &Connection,
    answer: Answer<T>,
    (accounts, is_change): (impl Fn(&Connection) -> rusqlite::Result<Vec<Login>>, impl FnOnce(&T) -> bool),
    job: impl FnOnce(&Connection) -> Result<T, E>,
) -> Applied {
    let mut wanted_of = BTreeSet::new();
    let outcome = run_in_savepoint(on, |on| {
        wanted_of.extend(accounts(on)?);
        let value = job(on).map_err(E::into)?;
        wanted_of.extend(accounts(on)?);
        Ok::<T, Abort<T>>(value)
    });
    if !outcome.as_ref().is_ok_and(is_change) {
        wanted_of.clear();
    }
    Applied {
        machine_fault: outcome.as_ref().err().and_then(describe_machine_fault),
        wanted_of,
        acknowledge: Box::new(move |on_disk| {
            // The caller may have dropped the future; the change is made all the same.
            drop(answer.send(outcome.and_then(|value| on_disk.map(|()| value))));
        }),
    }
}

fn is_true(changed: &bool) -> bool {
    *changed
}
