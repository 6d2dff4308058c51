//! The versions that ran in a channel before the current one: the targets of a roll-back.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use crate::domain::effect::HistoryEffect;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::store::sqlite::columns::Json;
use crate::store::sqlite::sql::{execute, find_row};

pub(crate) fn list_previous(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
) -> rusqlite::Result<Vec<ModuleDigest>> {
    let sql = "SELECT left_last, left_before FROM channel_modules WHERE channel_id = ?1 AND module = ?2";
    let read = |row: &Row<'_>| Ok::<[Option<ModuleDigest>; 2], _>([row.get(0)?, row.get(1)?]);
    let left = find_row(connection, sql, params![channel, module], read)?;
    Ok(left.into_iter().flatten().flatten().collect())
}

pub(crate) fn apply(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    effect: &HistoryEffect,
) -> rusqlite::Result<()> {
    let (sql, digest) = match effect {
        HistoryEffect::Record { digest } => (LEAVE, Some(digest)),
        HistoryEffect::Keep { previous: left } => (KEEP, left.as_ref()),
    };
    execute(connection, sql, params![channel, module, digest]).map(drop)
}

/// Leaving the same version twice in a row changes nothing.
const LEAVE: &str = "UPDATE channel_modules SET left_before = left_last, left_last = ?3
     WHERE channel_id = ?1 AND module = ?2 AND left_last IS NOT ?3";
/// Drops all other versions.
const KEEP: &str =
    "UPDATE channel_modules SET left_last = ?3, left_before = NULL WHERE channel_id = ?1 AND module = ?2";

/// Records in many channels at once the version that each of them leaves; `left` groups the channels by that version.
pub(crate) fn save_previous_in(
    connection: &Connection,
    module: &ModuleName,
    left: &BTreeMap<ModuleDigest, Vec<ChannelId>>,
) -> rusqlite::Result<()> {
    for (digest, channels) in left {
        let channels: Vec<u64> = channels.iter().map(|channel| channel.0).collect();
        let sql = "UPDATE channel_modules SET left_before = left_last, left_last = ?3
             WHERE channel_id IN (SELECT value FROM json_each(?1)) AND module = ?2 AND left_last IS NOT ?3";
        execute(connection, sql, params![Json(channels), module, digest])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::{Effect, ModuleEffect};
    use crate::store::fixture::{CHANNEL, Fixture, by_host};
    use crate::testing::{at_once, name};

    #[tokio::test]
    async fn the_two_versions_that_were_left_last_are_known() {
        let fixture = Fixture::with_channel().await;
        let [one, two, three] = [1, 2, 3].map(|digest| ModuleDigest([digest; 32]));
        let left = || at_once(fixture.store.list_previous(CHANNEL, &name("dice"))).unwrap();
        let switch = Effect::Module(name("dice"), ModuleEffect::Switch { enabled: true });
        let leave = |digest| Effect::History(name("dice"), HistoryEffect::Record { digest });
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
        fixture.store.host.change_versions(name("dice"), Vec::new(), everywhere, by_host()).await.unwrap();
        assert_eq!(left(), [one, three]);
        fixture.commit("6", vec![Effect::History(name("dice"), HistoryEffect::Keep { previous: Some(two) })]).await;
        assert_eq!(left(), [two]);
        fixture.commit("7", vec![Effect::History(name("dice"), HistoryEffect::Keep { previous: None })]).await;
        assert_eq!(left(), []);
        assert_eq!(fixture.audited(), audited, "the change that led to it has its line");
    }
}
