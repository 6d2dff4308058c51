//! The versions that ran in a channel before the one that runs now: where a roll-back goes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::Json;
use super::setup::execute;
use super::{Store, StoreError};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};

impl Store {
    /// The last one first; the version that runs may be among them, where it was switched off in between. Two at most.
    pub fn list_left(&self, channel: ChannelId, module: &ModuleName) -> Result<Vec<ModuleDigest>, StoreError> {
        let sql = "SELECT left_last, left_before FROM channel_modules WHERE channel_id = ?1 AND module = ?2";
        self.readers.read(|connection| {
            let found: Option<[Option<ModuleDigest>; 2]> = connection
                .prepare_cached(sql)?
                .query_row(params![channel, module], |row| Ok([row.get(0)?, row.get(1)?]))
                .optional()?;
            Ok(found.into_iter().flatten().flatten().collect())
        })
    }
}

/// The same one again changes nothing.
pub(super) fn save_left(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    digest: ModuleDigest,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "UPDATE channel_modules SET left_before = left_last, left_last = ?3
         WHERE channel_id = ?1 AND module = ?2 AND left_last IS NOT ?3",
        &[&channel, module, &digest],
    )
}

/// The same in many channels, by the version that each left.
pub(super) fn save_left_in(
    connection: &Connection,
    module: &ModuleName,
    left: &BTreeMap<ModuleDigest, Vec<ChannelId>>,
) -> rusqlite::Result<()> {
    for (digest, channels) in left {
        let channels: Vec<u64> = channels.iter().map(|channel| channel.0).collect();
        execute(
            connection,
            "UPDATE channel_modules SET left_before = left_last, left_last = ?3
             WHERE channel_id IN (SELECT value FROM json_each(?1)) AND module = ?2 AND left_last IS NOT ?3",
            &[&Json(channels), module, digest],
        )?;
    }
    Ok(())
}

/// Forgets all others.
pub(super) fn keep_left(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    left: Option<ModuleDigest>,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "UPDATE channel_modules SET left_last = ?3, left_before = NULL WHERE channel_id = ?1 AND module = ?2",
        &[&channel, module, &left],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::Effect;
    use crate::store::fixture::{CHANNEL, Fixture, by_host, module};

    #[tokio::test]
    async fn the_two_versions_that_were_left_last_are_known() {
        let fixture = Fixture::with_channel().await;
        let [one, two, three] = [1, 2, 3].map(|digest| ModuleDigest([digest; 32]));
        let left = || fixture.store.list_left(CHANNEL, &module("dice")).unwrap();
        let switch = Effect::SwitchModule { module: module("dice"), enabled: true };
        let leave = |digest| Effect::LeaveVersion { module: module("dice"), digest };
        fixture.commit("1", vec![switch]).await;
        assert_eq!(left(), []);
        let audited = fixture.audited();
        for (id, digest, expected) in
            [("2", one, vec![one]), ("3", one, vec![one]), ("4", two, vec![two, one]), ("5", three, vec![three, two])]
        {
            fixture.commit(id, vec![leave(digest)]).await;
            assert_eq!(left(), expected);
        }
        let everywhere = BTreeMap::from([(one, vec![CHANNEL, ChannelId(8)]), (two, Vec::new())]);
        fixture.store.change_versions(module("dice"), Vec::new(), everywhere, by_host()).await.unwrap();
        assert_eq!(left(), [one, three]);
        fixture.commit("6", vec![Effect::KeepLeft { module: module("dice"), left: Some(two) }]).await;
        assert_eq!(left(), [two]);
        fixture.commit("7", vec![Effect::KeepLeft { module: module("dice"), left: None }]).await;
        assert_eq!(left(), []);
        assert_eq!(fixture.audited(), audited, "the change that led to it has its line");
    }
}
