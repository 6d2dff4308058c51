//! Commits of invocations: all changes of an invocation, exactly once, or none.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::accounts::Transfer;
use super::outcomes::{Attempt, Outcome};
use super::{changes, outcomes, previous_versions, secrets, setup, storage};
use crate::domain::effect::{Commit, Committed, Effect, LedgerEffect, Scope};
use crate::store::host::wanted;
use crate::store::sqlite::savepoint::Abort;
use crate::store::sqlite::scopes;

pub(crate) fn apply(connection: &Connection, commit: &Commit, attempt: Attempt) -> Result<Committed, Abort<Committed>> {
    // Before the revisions are checked: the first commit under this id raised those that this one noted.
    if let Some(Outcome { replies, attempt: first }) = outcomes::find(connection, &commit.invocation)? {
        let is_own = first == Some(attempt);
        return Err(Abort::Unchanged(if is_own { Committed::Done } else { Committed::Duplicate(replies) }));
    }
    for (scope, noted) in &commit.noted {
        if scopes::load_revision(connection, scope)? != *noted {
            return Err(Abort::Unchanged(Committed::Conflict));
        }
    }
    outcomes::insert(connection, commit, attempt)?;
    let written: BTreeSet<Scope> = commit.effects.iter().flat_map(|effect| effect.scopes(commit.channel)).collect();
    // Raising a revision also creates the rows that the effects below update.
    for scope in &written {
        scopes::raise_revision(connection, scope)?;
        if let Scope::Storage { channel, module } = scope {
            storage::save_written_by(connection, *channel, module, commit.version.as_ref())?;
        }
    }
    for effect in &commit.effects {
        let before = changes::load(connection, commit.channel, effect)?;
        apply_effect(connection, commit, effect)?;
        changes::record(connection, commit.channel, effect, before, &commit.stamp())?;
    }
    Ok(Committed::Done)
}

fn apply_effect(connection: &Connection, commit: &Commit, effect: &Effect) -> Result<(), Abort<Committed>> {
    let (channel, at) = (commit.channel, commit.at);
    match effect {
        Effect::Storage(module, effect) => storage::apply(connection, channel, module, effect)?,
        Effect::Ledger(module, LedgerEffect::Transfer { from, to, amount }) => {
            let reason = Some((module, &commit.invocation));
            let (amount, caller) = (*amount, commit.caller);
            Transfer { channel, from: *from, to: *to, amount, reason, caller, at }.apply(connection)?;
        }
        Effect::Setup(effect) => setup::apply(connection, channel, effect)?,
        Effect::Module(module, effect) => setup::apply_to_module(connection, channel, module, effect, at)?,
        Effect::Secret(module, effect) => secrets::apply(connection, channel, module, effect, at)?,
        Effect::History(module, effect) => previous_versions::apply(connection, channel, module, effect)?,
        Effect::Presence(effect) => wanted::apply(connection, effect, at)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::domain::amount::Amount;
    use crate::domain::effect::{Holder, Revision, SetupEffect, StorageEffect};
    use crate::domain::id::ChannelId;
    use crate::domain::message::Reply;
    use crate::domain::ports::{Epoch, Tenure};
    use crate::store::error::StoreError;
    use crate::store::fixture::{ALICE, BOB, CHANNEL, Fixture, assert_ledger_holds, commit, save, transfer};
    use crate::store::write::Write;
    use crate::testing::{at_once, name};

    fn storage_scope() -> Scope {
        Scope::Storage { channel: CHANNEL, module: name("counter") }
    }

    fn account_scope(holder: Holder) -> Scope {
        Scope::Account { channel: CHANNEL, holder }
    }

    fn revision(fixture: &Fixture, scope: &Scope) -> u64 {
        fixture.store.database.read(|connection| scopes::load_revision(connection, scope)).unwrap().0
    }

    fn noting(id: &str, noted: Vec<(Scope, Revision)>, effects: Vec<Effect>) -> Commit {
        Commit { noted, ..commit(id, effects) }
    }

    fn value(fixture: &Fixture, key: &str) -> Option<Vec<u8>> {
        at_once(fixture.store.load_entry(CHANNEL, &name("counter"), key)).unwrap().1
    }

    #[tokio::test]
    async fn a_commit_on_what_it_read_is_done() {
        let fixture = Fixture::with_channel().await;
        let first = noting("1", vec![(storage_scope(), Revision(0))], vec![save("key", "1")]);
        assert_eq!(fixture.store.commit(first).await.unwrap(), Committed::Done);
        let second = noting("2", vec![(storage_scope(), Revision(1))], vec![save("key", "2")]);
        assert_eq!(fixture.store.commit(second).await.unwrap(), Committed::Done);
        assert_eq!(value(&fixture, "key"), Some(b"2".to_vec()));
    }

    #[tokio::test]
    async fn a_scope_that_was_written_in_between_is_a_conflict_and_changes_nothing() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "1")]).await;
        for noted in [
            vec![(storage_scope(), Revision(0))],
            vec![(storage_scope(), Revision(2))],
            // All noted revisions are compared, also those of scopes that the commit does not write.
            vec![(storage_scope(), Revision(1)), (account_scope(ALICE), Revision(3))],
            vec![(Scope::Setup { channel: CHANNEL }, Revision(0))],
        ] {
            let late = noting("2", noted.clone(), vec![save("key", "2")]);
            assert_eq!(fixture.store.commit(late).await.unwrap(), Committed::Conflict, "{noted:?}");
        }
        assert_eq!(value(&fixture, "key"), Some(b"1".to_vec()));
        assert_eq!(revision(&fixture, &storage_scope()), 1);
        assert_eq!(fixture.commit("2", vec![save("key", "2")]).await, Committed::Done, "a conflict leaves no outcome");
    }

    #[tokio::test]
    async fn of_two_commits_on_the_same_revision_one_is_done() {
        let fixture = Fixture::with_channel().await;
        let on_zero = |id| noting(id, vec![(storage_scope(), Revision(0))], vec![save("key", id)]);
        let (one, two) = tokio::join!(fixture.store.commit(on_zero("1")), fixture.store.commit(on_zero("2")));
        assert_eq!((one.unwrap(), two.unwrap()), (Committed::Done, Committed::Conflict));
        assert_eq!(value(&fixture, "key"), Some(b"1".to_vec()));
    }

    #[tokio::test]
    async fn a_revision_is_raised_once_a_commit_in_every_scope_it_writes_and_no_other() {
        let fixture = Fixture::with_channel().await;
        let effects = vec![
            save("a", ""),
            save("b", ""),
            Effect::Storage(name("counter"), StorageEffect::Delete { key: "a".into() }),
            transfer(Holder::Mint, ALICE, "5"),
            transfer(ALICE, Holder::Till, "2"),
            Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap())),
        ];
        let before = revision(&fixture, &Scope::Setup { channel: CHANNEL });
        fixture.commit("1", effects).await;
        for scope in [storage_scope(), account_scope(ALICE), account_scope(Holder::Till), account_scope(Holder::Mint)] {
            assert_eq!(revision(&fixture, &scope), 1, "{scope:?}");
        }
        assert_eq!(revision(&fixture, &Scope::Setup { channel: CHANNEL }), before + 1);
        assert_eq!(revision(&fixture, &account_scope(BOB)), 0);
        assert_eq!(revision(&fixture, &Scope::Storage { channel: CHANNEL, module: name("other") }), 0);
    }

    #[tokio::test]
    async fn the_same_id_again_is_a_duplicate_with_the_first_replies() {
        let fixture = Fixture::with_channel().await;
        let first = noting("1", vec![(storage_scope(), Revision(0))], vec![save("key", "first")]);
        assert_eq!(fixture.store.commit(first.clone()).await.unwrap(), Committed::Done);
        let again = Commit { effects: vec![save("key", "again")], replies: Vec::new(), ..first };
        let replies = vec![Reply::Answer("answer to 1".into())];
        assert_eq!(fixture.store.commit(again).await.unwrap(), Committed::Duplicate(replies));
        assert_eq!(value(&fixture, "key"), Some(b"first".to_vec()));
        assert_eq!(revision(&fixture, &storage_scope()), 1);
    }

    #[tokio::test]
    async fn an_attempt_that_is_asked_for_again_is_done_and_changes_nothing() {
        let fixture = Fixture::with_channel().await;
        let [one, two] = [1, u64::MAX].map(Attempt);
        let first = noting("1", vec![(storage_scope(), Revision(0))], vec![save("key", "first")]);
        let again = Commit { effects: vec![save("key", "again")], ..first.clone() };
        assert_eq!(fixture.attempt(first, two).await.unwrap(), Committed::Done);
        assert_eq!(fixture.attempt(again.clone(), two).await.unwrap(), Committed::Done);
        let replies = vec![Reply::Answer("answer to 1".into())];
        assert_eq!(fixture.attempt(again, one).await.unwrap(), Committed::Duplicate(replies));
        assert_eq!(value(&fixture, "key"), Some(b"first".to_vec()));
        assert_eq!(revision(&fixture, &storage_scope()), 1);
    }

    #[tokio::test]
    async fn an_attempt_that_met_a_conflict_may_be_made_after_all() {
        let fixture = Fixture::with_channel().await;
        let late = noting("1", vec![(storage_scope(), Revision(1))], vec![save("key", "1")]);
        assert_eq!(fixture.attempt(late, Attempt(1)).await.unwrap(), Committed::Conflict);
        assert_eq!(fixture.attempt(commit("1", vec![save("key", "1")]), Attempt(1)).await.unwrap(), Committed::Done);
    }

    #[tokio::test]
    async fn a_commit_of_an_older_version_is_nobodys_own_attempt() {
        let fixture = Fixture::with_channel().await;
        let insert = |on: &Connection| {
            let sql = "INSERT INTO outcomes (origin, invocation_id, replies, at) VALUES ('chat', '1', '[]', 0)";
            Ok(on.execute(sql, []).map(drop)?)
        };
        fixture.write(insert).await.unwrap();
        let again = commit("1", vec![save("key", "1")]);
        assert_eq!(fixture.attempt(again, Attempt(0)).await.unwrap(), Committed::Duplicate(Vec::new()));
    }

    proptest! {
        /// Repeats attempts of several commits in any order: each invocation is committed once.
        #[test]
        fn commits_whose_answers_are_lost_are_made_once(tries in prop::collection::vec((0u64..4, 1u64..4), 1..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let fixture = Fixture::with_channel().await;
                let mut made = std::collections::BTreeMap::new();
                for (id, attempt) in tries {
                    let gift = commit(&id.to_string(), vec![transfer(Holder::Mint, ALICE, "1")]);
                    let committed = fixture.attempt(gift, Attempt(attempt)).await.unwrap();
                    let first = *made.entry(id).or_insert(attempt);
                    assert_eq!(committed == Committed::Done, first == attempt, "{committed:?}");
                }
                let (_, held) = fixture.store.load_account(CHANNEL, ALICE).await.unwrap();
                assert_eq!(held, Amount(made.len().into()));
            });
        }
    }

    #[tokio::test]
    async fn where_another_process_acts_nothing_is_committed() {
        let acting = Arc::new(Switched(AtomicU64::new(1)));
        let fixture = Fixture::with_tenure(acting.clone()).await;
        let committing = fixture.store.commit(commit("1", vec![save("key", "1")]));
        assert_eq!(committing.await.unwrap(), Committed::Done);
        acting.0.store(0, Ordering::Relaxed);
        assert!(!fixture.store.may_act(CHANNEL));
        let refused = fixture.store.commit(commit("2", vec![save("key", "2")])).await;
        assert!(matches!(refused, Err(StoreError::NotActing)), "{refused:?}");
        acting.0.store(2, Ordering::Relaxed);
        // Requested in the first tenure, executed in the second.
        let (commit, attempt) = (Box::new(commit("2", vec![save("key", "2")])), Attempt(1));
        let late =
            fixture.store.database.write(|answer| Write::Commit { commit, attempt, epoch: Epoch(1), answer }).await;
        assert!(matches!(late, Err(StoreError::NotActing)), "{late:?}");
        assert_eq!(value(&fixture, "key"), Some(b"1".to_vec()));
        assert_eq!(fixture.commit("2", vec![save("key", "2")]).await, Committed::Done);
    }

    /// Acts in the epoch of this number; 0 means that another process acts.
    struct Switched(AtomicU64);

    impl Tenure for Switched {
        fn find_epoch(&self, _: ChannelId) -> Option<Epoch> {
            Some(Epoch(self.0.load(Ordering::Relaxed))).filter(|epoch| epoch.0 > 0)
        }
    }

    #[tokio::test]
    async fn a_debit_of_more_than_there_is_undoes_the_whole_commit() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![transfer(Holder::Mint, ALICE, "5")]).await;
        let effects = vec![save("key", "1"), transfer(ALICE, BOB, "3"), transfer(ALICE, BOB, "3")];
        assert_eq!(fixture.commit("2", effects).await, Committed::Conflict);
        assert_eq!(value(&fixture, "key"), None);
        assert_eq!(fixture.store.load_account(CHANNEL, ALICE).await.unwrap(), (Revision(1), Amount(5.into())));
        assert_eq!(fixture.store.load_account(CHANNEL, BOB).await.unwrap(), (Revision(0), Amount::ZERO));
        fixture
            .store
            .database
            .read(|connection| {
                assert_ledger_holds(connection);
                Ok(())
            })
            .unwrap();
        assert_eq!(fixture.commit("2", vec![transfer(ALICE, BOB, "5")]).await, Committed::Done);
    }

    #[tokio::test]
    async fn credits_are_blind_and_do_not_conflict() {
        let fixture = Fixture::with_channel().await;
        let gift = |id| commit(id, vec![transfer(Holder::Mint, ALICE, "1")]);
        let (one, two) = tokio::join!(fixture.store.commit(gift("1")), fixture.store.commit(gift("2")));
        assert_eq!((one.unwrap(), two.unwrap()), (Committed::Done, Committed::Done));
        assert_eq!(fixture.store.load_account(CHANNEL, ALICE).await.unwrap().1, Amount(2.into()));
    }

    #[tokio::test]
    async fn a_channel_that_does_not_exist_cannot_be_written() {
        let fixture = Fixture::with_channel().await;
        for effect in [save("key", ""), transfer(Holder::Mint, ALICE, "1")] {
            let elsewhere = Commit { channel: ChannelId(404), ..commit("1", vec![effect]) };
            assert!(matches!(fixture.store.commit(elsewhere).await, Err(StoreError::UnknownChannel)));
        }
    }
}
