//! What each version of a module may do in a channel.

use rusqlite::{Connection, Row, params};

use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Caps, Grants};
use crate::store::sqlite::columns::Json;
use crate::store::sqlite::sql::{execute, find_row};

/// The grants of a version; `None` if the channel has never decided about this version.
pub(crate) fn find_grants(
    connection: &Connection,
    channel: ChannelId,
    digest: ModuleDigest,
) -> rusqlite::Result<Option<Grants>> {
    let sql = format!("{LIST_GRANTS} WHERE channel_id = ?1 AND digest = ?2");
    let found = find_row(connection, &sql, params![channel, digest], read_grants)?;
    Ok(found.map(|(_, grants)| grants))
}

pub(crate) fn insert_grants(
    connection: &Connection,
    channel: ChannelId,
    digest: ModuleDigest,
    grants: &Grants,
) -> rusqlite::Result<()> {
    let capabilities: Vec<_> = grants.capabilities.iter().map(|capability| capability.as_str()).collect();
    let Grants { payments, treasury, http_hosts, .. } = grants;
    let sql = "INSERT OR REPLACE INTO grants (channel_id, digest, capabilities, http_hosts,
         payments_per_invocation, payments_per_chatter, payments_per_day,
         treasury_per_invocation, treasury_per_chatter, treasury_per_day)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let parameters = params![
        channel,
        digest,
        Json(capabilities),
        Json(http_hosts),
        payments.per_invocation,
        payments.per_chatter,
        payments.per_day,
        treasury.per_invocation,
        treasury.per_chatter,
        treasury.per_day
    ];
    execute(connection, sql, parameters).map(drop)
}

/// The channel is the last column.
pub(crate) const LIST_GRANTS: &str = "SELECT digest, capabilities, http_hosts,
     payments_per_invocation, payments_per_chatter, payments_per_day,
     treasury_per_invocation, treasury_per_chatter, treasury_per_day, channel_id FROM grants";

pub(crate) fn read_grants(row: &Row<'_>) -> rusqlite::Result<(ModuleDigest, Grants)> {
    let Json::<Vec<String>>(names) = row.get(1)?;
    // A capability that this binary does not know cannot be provided, so it is left out: not granted.
    let Json(http_hosts) = row.get(2)?;
    let grants = Grants {
        capabilities: names.iter().filter_map(|name| name.parse().ok()).collect(),
        http_hosts,
        payments: read_caps(row, 3)?,
        treasury: read_caps(row, 6)?,
    };
    Ok((row.get(0)?, grants))
}

fn read_caps(row: &Row<'_>, first: usize) -> rusqlite::Result<Caps> {
    Ok(Caps { per_invocation: row.get(first)?, per_chatter: row.get(first + 1)?, per_day: row.get(first + 2)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::{Effect, ModuleEffect, Revision};
    use crate::domain::manifest::Capability;
    use crate::store::fixture::{CHANNEL, Fixture};
    use crate::testing::name;

    #[tokio::test]
    async fn grants_belong_to_one_version_of_a_module() {
        let fixture = Fixture::with_channel().await;
        let (one, two) = (ModuleDigest([1; 32]), ModuleDigest([2; 32]));
        let grants = Grants {
            capabilities: vec![Capability::Treasury, Capability::Storage],
            http_hosts: vec!["api.example.com".to_owned()],
            payments: Caps { per_invocation: Some("2.50".parse().unwrap()), ..Caps::unlimited() },
            treasury: Caps { per_chatter: None, ..Caps::default() },
        };
        let accept = |grants: &Grants| {
            vec![Effect::Module(name("dice"), ModuleEffect::AcceptVersion { digest: one, grants: grants.clone() })]
        };
        fixture.commit("1", accept(&Grants::default())).await;
        fixture.commit("2", accept(&grants)).await;
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!((record.grants.get(&one), record.grants.get(&two)), (Some(&grants), None));
        assert_eq!(record.revision, Revision(3));
    }

    #[tokio::test]
    async fn a_capability_of_a_later_version_is_not_granted() {
        let fixture = Fixture::with_channel().await;
        let digest = ModuleDigest([1; 32]);
        let insert = move |connection: &Connection| {
            let sql = "INSERT INTO grants (channel_id, digest, capabilities) VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![CHANNEL, digest, Json(["time-travel", "storage"])])?;
            Ok(())
        };
        fixture.write(insert).await.unwrap();
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!(record.grants[&digest].capabilities, [Capability::Storage]);
    }
}
