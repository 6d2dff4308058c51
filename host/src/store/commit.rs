//! Commits of invocations: all of an invocation's changes, once, or none.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::accounts::Transfer;
use super::writer::Abort;
use super::{Store, StoreError, outcomes, scopes, setup, storage, wanted};
use crate::domain::effect::{Commit, Committed, Effect, Scope};

impl Store {
    /// Makes all changes of an invocation, once, or none.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let changes_wanted = commit
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::WantChannel { .. } | Effect::UnwantChannel { .. }));
        let wanted_changes = self.wanted_changes.clone();
        let raise = move |committed: &Committed| {
            if changes_wanted && *committed == Committed::Done {
                wanted_changes.send_modify(|count| *count += 1);
            }
        };
        self.writer.write_then(move |connection| apply(connection, &commit), raise).await
    }
}

fn apply(connection: &Connection, commit: &Commit) -> Result<Committed, Abort<Committed>> {
    // Before the revisions: a duplicate's first commit raised the very scopes that this one noted.
    if let Some(replies) = outcomes::find(connection, &commit.invocation)? {
        return Err(Abort::Answer(Committed::Duplicate(replies)));
    }
    for (scope, noted) in &commit.noted {
        if scopes::load_revision(connection, scope)? != *noted {
            return Err(Abort::Answer(Committed::Conflict));
        }
    }
    outcomes::insert(connection, commit)?;
    let written: BTreeSet<Scope> = commit.effects.iter().flat_map(|effect| effect.scopes(commit.channel)).collect();
    for scope in &written {
        scopes::raise_revision(connection, scope)?;
    }
    for effect in &commit.effects {
        apply_effect(connection, commit, effect)?;
    }
    Ok(Committed::Done)
}

fn apply_effect(connection: &Connection, commit: &Commit, effect: &Effect) -> Result<(), Abort<Committed>> {
    let channel = commit.channel;
    match effect {
        Effect::SaveEntry { module, key, value } => storage::save_entry(connection, channel, module, key, value)?,
        Effect::DeleteEntry { module, key } => storage::delete_entry(connection, channel, module, key)?,
        Effect::Transfer { module, from, to, amount } => {
            let reason = Some((module, &commit.invocation));
            Transfer { channel, from: *from, to: *to, amount: *amount, reason, at: commit.at }.apply(connection)?;
        }
        Effect::ChangePrefix(prefix) => setup::save_prefix(connection, channel, prefix)?,
        Effect::Mute { until } => setup::save_mute(connection, channel, *until)?,
        Effect::SwitchModule { module, enabled } => setup::save_switch(connection, channel, module, *enabled)?,
        Effect::ChangeSetting { module, key, value } => {
            setup::save_setting(connection, channel, module, key, value.as_deref())?;
        }
        Effect::ClaimWord { module, word } => setup::save_word(connection, channel, module, word)?,
        Effect::ReleaseWord { module, name } => setup::delete_word(connection, channel, module, name)?,
        Effect::WantChannel { channel, account } => wanted::want(connection, channel, account, commit.at)?,
        Effect::UnwantChannel { channel } => wanted::unwant(connection, *channel, commit.at)?,
    }
    Ok(())
}
