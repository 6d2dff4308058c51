//! Uploaded modules and their versions.
//!
//! A component's manifest is stored as text beside its digest, so that a start reads a thousand manifests without
//! opening a component. The components are files (`components`).

pub(crate) mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use self::manifest::StoredManifest;
use super::{audit, begun_uploads};
use crate::domain::audit::{AuditValue, Change, Stamp};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::principal::CallerId;
use crate::domain::version::{Canary, UploadedModule, UploadedVersion};
use crate::store::channel::previous_versions;
use crate::store::json_text::Text;
use crate::store::sqlite::columns::{At, Json};
use crate::store::sqlite::sql::{execute, list_rows};

/// A change of a module's versions or of who may have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionChange {
    /// Adds a version. If the module is new, it belongs to this publisher from now on.
    Publish {
        manifest: Arc<Manifest>,
        by: Option<CallerId>,
    },
    Withdraw {
        version: semver::Version,
    },
    Restore {
        version: semver::Version,
    },
    /// `None` ends the trial: every channel may have the version, unless it is also withdrawn.
    SetCanary(Option<Canary>),
    /// Another version is the latest now; saves the one that was.
    RecordPreviousLatest {
        version: semver::Version,
    },
}

pub(crate) fn list_uploaded(connection: &Connection) -> rusqlite::Result<Vec<UploadedModule>> {
    // This transaction writes nothing: it makes both reads see one snapshot.
    let connection = connection.unchecked_transaction()?;
    let sql = "SELECT name, publisher, canary, canary_channels, was_latest FROM modules";
    let by_name = |row: &Row<'_>| read_module(row).map(|module| (module.name.clone(), module));
    let mut modules: BTreeMap<ModuleName, UploadedModule> = list_rows(&connection, sql, [], by_name)?;
    let sql = "SELECT module, version, digest, manifest, uploaded_at, uploaded_by, withdrawn_at FROM module_versions";
    for version in list_rows::<UploadedVersion, Vec<_>>(&connection, sql, [], read_version)? {
        if let Some(module) = modules.get_mut(&version.manifest.name) {
            module.versions.push(version);
        }
    }
    let mut modules: Vec<UploadedModule> = modules.into_values().collect();
    for module in &mut modules {
        module.versions.sort_by(|one, other| one.manifest.version.cmp(&other.manifest.version));
    }
    Ok(modules)
}

fn read_module(row: &Row<'_>) -> rusqlite::Result<UploadedModule> {
    let canary = match row.get(2)? {
        Some(Text(version)) => {
            let Json::<BTreeSet<u64>>(channels) = row.get(3)?;
            Some(Canary { version, channels: channels.into_iter().map(ChannelId).collect() })
        }
        None => None,
    };
    let was_latest = row.get::<_, Option<Text<_>>>(4)?.map(|Text(version)| version);
    Ok(UploadedModule { name: row.get(0)?, publisher: row.get(1)?, versions: Vec::new(), canary, was_latest })
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<UploadedVersion> {
    let (name, Text(version), digest) = (row.get::<_, ModuleName>(0)?, row.get(1)?, row.get::<_, ModuleDigest>(2)?);
    let Json::<StoredManifest>(stored) = row.get(3)?;
    let (At(uploaded_at), withdrawn_at) = (row.get(4)?, row.get::<_, Option<At>>(6)?);
    Ok(UploadedVersion {
        manifest: Arc::new(stored.into_manifest(name, version, digest)),
        uploaded_at,
        uploaded_by: row.get(5)?,
        withdrawn_at: withdrawn_at.map(|At(at)| at),
    })
}

pub(crate) fn change_versions(
    connection: &Connection,
    module: &ModuleName,
    changes: &[VersionChange],
    left: &BTreeMap<ModuleDigest, Vec<ChannelId>>,
    stamp: &Stamp,
) -> rusqlite::Result<()> {
    changes.iter().try_for_each(|change| apply(connection, module, change, stamp))?;
    previous_versions::save_previous_in(connection, module, left)
}

fn apply(connection: &Connection, module: &ModuleName, change: &VersionChange, stamp: &Stamp) -> rusqlite::Result<()> {
    match change {
        VersionChange::Publish { manifest, by } => {
            let sql = "INSERT INTO modules (name, publisher) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
            execute(connection, sql, params![module, by])?;
            let sql = "INSERT INTO module_versions (module, version, digest, manifest, uploaded_at, uploaded_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let parameters = params![
                module,
                Text(&manifest.version),
                manifest.digest,
                Json(StoredManifest::of(manifest)),
                At(stamp.at),
                by
            ];
            execute(connection, sql, parameters)?;
            begun_uploads::end(connection, manifest.digest)?;
            let after = Some(AuditValue::Published(manifest.digest));
            let subject = format!("{module}/{}", manifest.version);
            audit::record(connection, stamp, &Change { after, ..Change::new("publish-version", subject) })
        }
        VersionChange::Withdraw { version } => save_withdrawn(connection, module, version, true, stamp),
        VersionChange::Restore { version } => save_withdrawn(connection, module, version, false, stamp),
        VersionChange::SetCanary(canary) => save_canary(connection, module, canary.as_ref(), stamp),
        VersionChange::RecordPreviousLatest { version } => {
            let sql = "UPDATE modules SET was_latest = ?2 WHERE name = ?1";
            execute(connection, sql, params![module, Text(version)]).map(drop)
        }
    }
}

fn save_withdrawn(
    connection: &Connection,
    module: &ModuleName,
    version: &semver::Version,
    is_withdrawn: bool,
    stamp: &Stamp,
) -> rusqlite::Result<()> {
    let sql = "UPDATE module_versions SET withdrawn_at = ?3 WHERE module = ?1 AND version = ?2";
    execute(connection, sql, params![module, Text(version), is_withdrawn.then_some(At(stamp.at))])?;
    let action = if is_withdrawn { "withdraw-version" } else { "restore-version" };
    let [before, after] = [!is_withdrawn, is_withdrawn].map(|is_withdrawn| Some(AuditValue::Withdrawn(is_withdrawn)));
    audit::record(connection, stamp, &Change { before, after, ..Change::new(action, format!("{module}/{version}")) })
}

fn save_canary(
    connection: &Connection,
    module: &ModuleName,
    canary: Option<&Canary>,
    stamp: &Stamp,
) -> rusqlite::Result<()> {
    let before: Option<Canary> = connection
        .prepare_cached("SELECT name, publisher, canary, canary_channels, was_latest FROM modules WHERE name = ?1")?
        .query_row(params![module], |row| read_module(row).map(|module| module.canary))?;
    let version = canary.map(|canary| Text(&canary.version));
    let channels = canary.map(|canary| Json(canary.channels.iter().map(|channel| channel.0).collect::<Vec<_>>()));
    let sql = "UPDATE modules SET canary = ?2, canary_channels = ?3 WHERE name = ?1";
    execute(connection, sql, params![module, version, channels])?;
    let (before, after) = (before.map(AuditValue::Canary), canary.cloned().map(AuditValue::Canary));
    audit::record(connection, stamp, &Change { before, after, ..Change::new("set-canary", module.as_str()) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::manifest::{Capability, Command, ModuleSource, Setting, SettingKind, SizeClass};
    use crate::domain::role::Role;
    use crate::store::fixture::{Fixture, commit};
    use crate::testing::{at_once, command, name};

    fn stamp() -> Stamp {
        Stamp { by: Actor::CommandLine { system_user: None }, at: commit("", Vec::new()).at, address: None }
    }

    fn key() -> CallerId {
        "0123456789ab".parse().unwrap()
    }

    fn setting(key: &str, kind: SettingKind) -> Setting {
        Setting { key: key.into(), summary: "a \"summary\"".into(), kind, default: String::new() }
    }

    fn manifest(name: &str, version: &str, digest: u8) -> Arc<Manifest> {
        let roll = Command {
            aliases: vec!["r".into(), "🎲".into()],
            usage: "[N]".into(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            ..command("würfel")
        };
        let kinds = [
            SettingKind::Text,
            SettingKind::Integer { least: i64::MIN, most: i64::MAX },
            SettingKind::Number,
            SettingKind::Boolean,
            SettingKind::Choice(vec!["red".into(), "blue".into()]),
            SettingKind::Duration,
            SettingKind::Chatter,
            SettingKind::Secret,
            SettingKind::Other("colour".into()),
        ];
        let settings = kinds.into_iter().enumerate().map(|(number, kind)| setting(&format!("s{number}"), kind));
        Arc::new(Manifest {
            digest: ModuleDigest([digest; 32]),
            source: ModuleSource::Uploaded,
            size: SizeClass::Large,
            component_bytes: 40_000,
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            summary: "dice".into(),
            capabilities: Capability::ALL.to_vec(),
            commands: vec![Arc::new(roll)],
            settings: settings.collect(),
            http_hosts: vec!["api.example.com".into()],
        })
    }

    fn publish(manifest: &Arc<Manifest>) -> VersionChange {
        VersionChange::Publish { manifest: manifest.clone(), by: Some(key()) }
    }

    async fn change(fixture: &Fixture, changes: Vec<VersionChange>) {
        fixture.store.host.change_versions(name("dice"), changes, BTreeMap::new(), stamp()).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_published_is_read_back_in_the_order_of_versions() {
        let fixture = Fixture::empty();
        assert_eq!(fixture.store.host.list_uploaded().await.unwrap(), []);
        let all = [manifest("dice", "1.10.0", 1), manifest("dice", "1.9.0", 2), manifest("dice", "1.10.0-rc.1", 3)];
        for manifest in &all {
            change(&fixture, vec![publish(manifest)]).await;
        }
        let version = |manifest: &Arc<Manifest>| UploadedVersion {
            manifest: manifest.clone(),
            uploaded_at: stamp().at,
            uploaded_by: Some(key()),
            withdrawn_at: None,
        };
        let expected = UploadedModule {
            name: name("dice"),
            publisher: Some(key()),
            versions: [&all[1], &all[2], &all[0]].map(version).into(),
            canary: None,
            was_latest: None,
        };
        assert_eq!(fixture.store.host.list_uploaded().await.unwrap(), [expected]);
    }

    #[tokio::test]
    async fn a_version_is_withdrawn_restored_and_tried_out() {
        let fixture = Fixture::empty();
        let version = manifest("dice", "1.0.0", 1).version.clone();
        let canary = Canary { version: version.clone(), channels: [ChannelId(u64::MAX), ChannelId(7)].into() };
        change(&fixture, vec![publish(&manifest("dice", "1.0.0", 1)), VersionChange::SetCanary(Some(canary.clone()))])
            .await;
        let load = || at_once(fixture.store.host.list_uploaded()).unwrap().remove(0);
        assert_eq!((load().canary, load().versions[0].is_withdrawn()), (Some(canary), false));
        change(&fixture, vec![VersionChange::SetCanary(None), VersionChange::Withdraw { version: version.clone() }])
            .await;
        assert_eq!((load().canary, load().versions[0].withdrawn_at), (None, Some(stamp().at)));
        change(&fixture, vec![VersionChange::Restore { version }]).await;
        assert!(!load().versions[0].is_withdrawn());
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_made_undoes_those_before_it() {
        let fixture = Fixture::empty();
        let changes = vec![publish(&manifest("dice", "1.0.0", 1)), publish(&manifest("dice", "2.0.0", 1))];
        let changed = fixture.store.host.change_versions(name("dice"), changes, BTreeMap::new(), stamp()).await;
        let error = changed.unwrap_err().to_string();
        assert!(
            error.contains("UNIQUE constraint failed: module_versions"),
            "two versions with the same bytes: {error}"
        );
        assert_eq!(fixture.store.host.list_uploaded().await.unwrap(), []);
    }
}
