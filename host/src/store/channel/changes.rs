//! Audit lines for a commit's changes of a set-up. The value is read before and after the effect; if both are equal, no
//! line is written.

use rusqlite::{Connection, Row, params};

use super::{grants, setup};
use crate::domain::audit::{AuditValue, Change, Stamp};
use crate::domain::effect::{Effect, ModuleEffect, SecretEffect, SetupEffect};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Grants;
use crate::store::host::{audit, wanted};
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::find_row;

/// Records an applied effect of an invocation in `channel`. `before` is what [`load`] returned before the effect.
pub(crate) fn record(
    connection: &Connection,
    channel: ChannelId,
    effect: &Effect,
    before: Option<AuditValue>,
    stamp: &Stamp,
) -> rusqlite::Result<()> {
    let Some(subject) = find_subject(effect) else { return Ok(()) };
    let after = load(connection, channel, effect)?;
    if after == before {
        return Ok(());
    }
    let (action, channel) = (effect.action().into(), Some(effect.channel(channel)));
    audit::record(connection, stamp, &Change { action, channel, subject: subject.into(), before, after })
}

/// The subject of the effect's audit line; empty for the channel itself. `None`: the audit has no line for it.
fn find_subject(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Storage(..) | Effect::Ledger(..) => None,
        // The change that caused this effect has its own line.
        Effect::History(..) => None,
        Effect::Setup(_) | Effect::Presence(_) => Some(String::new()),
        Effect::Module(module, effect) => Some(match effect {
            ModuleEffect::Switch { .. }
            | ModuleEffect::AcceptVersion { .. }
            | ModuleEffect::NarrowGrants { .. }
            | ModuleEffect::PinVersion { .. }
            | ModuleEffect::BlowFuse { .. }
            | ModuleEffect::RestoreFuse
            | ModuleEffect::EndPause { .. } => module.to_string(),
            ModuleEffect::ChangeSetting { key, .. } => format!("{module}/{key}"),
            ModuleEffect::ClaimWord { word } => format!("{module}/{}", word.name),
            ModuleEffect::ReleaseWord { name } => format!("{module}/{name}"),
        }),
        Effect::Secret(module, SecretEffect::Change { key, .. }) => Some(format!("{module}/{key}")),
    }
}

type Found = rusqlite::Result<Option<AuditValue>>;

/// The current value of what the effect changes. `None` if the value is missing or the default, and for a module's
/// storage and the ledger, which are no set-up (the ledger is its own journal).
pub(crate) fn load(connection: &Connection, channel: ChannelId, effect: &Effect) -> Found {
    let channel = effect.channel(channel);
    match effect {
        Effect::Storage(..) | Effect::Ledger(..) | Effect::History(..) => Ok(None),
        Effect::Setup(SetupEffect::ChangePrefix(_)) => {
            find_row(connection, "SELECT prefix FROM channels WHERE channel_id = ?1", params![channel], text)
        }
        Effect::Setup(SetupEffect::ChangeLocale(_)) => {
            find_row(connection, "SELECT locale FROM channels WHERE channel_id = ?1", params![channel], text)
        }
        Effect::Setup(SetupEffect::Mute { .. }) => {
            let sql = "SELECT muted_until FROM channels WHERE channel_id = ?1";
            let until: Option<Option<At>> = find_row(connection, sql, params![channel], |row| row.get(0))?;
            Ok(until.flatten().map(|At(until)| AuditValue::MutedUntil(until)))
        }
        Effect::Module(module, effect) => load_of_module(connection, channel, module, effect),
        Effect::Secret(module, SecretEffect::Change { key, .. }) => {
            let entered = |row: &Row<'_>| row.get(0).map(|At(at)| AuditValue::SecretEntered(at));
            find_row(connection, SECRET, params![channel, module, key], entered)
        }
        Effect::Presence(_) => wanted::find_presence(connection, channel),
    }
}

fn load_of_module(connection: &Connection, channel: ChannelId, module: &ModuleName, effect: &ModuleEffect) -> Found {
    let record = || setup::find_module(connection, channel, module);
    let word = |name: &str| Ok(setup::find_word(connection, channel, module, name)?.map(AuditValue::Word));
    match effect {
        ModuleEffect::Switch { .. }
        | ModuleEffect::BlowFuse { .. }
        | ModuleEffect::RestoreFuse
        | ModuleEffect::EndPause { .. } => Ok(record()?.and_then(|record| match record.blown {
            Some(blown) => Some(AuditValue::Fuse { enabled: record.enabled, blown }),
            None => record.enabled.map(AuditValue::Switch),
        })),
        ModuleEffect::AcceptVersion { .. } => {
            let Some(digest) = record()?.and_then(|record| record.accepted) else { return Ok(None) };
            let grants = grants::find_grants(connection, channel, digest)?.unwrap_or_default();
            Ok(Some(AuditValue::Accepted { digest, grants }))
        }
        ModuleEffect::NarrowGrants { grants } => {
            let versions = grants.iter().map(|(digest, _)| load_version(connection, channel, *digest));
            versions.collect::<rusqlite::Result<_>>().map(|versions| Some(AuditValue::Narrowed(versions)))
        }
        ModuleEffect::PinVersion { .. } => Ok(record()?.and_then(|record| record.pinned).map(AuditValue::Pinned)),
        ModuleEffect::ChangeSetting { key, .. } => find_row(connection, SETTING, params![channel, module, key], text),
        ModuleEffect::ClaimWord { word: claimed } => word(&claimed.name),
        ModuleEffect::ReleaseWord { name } => word(name),
    }
}

fn text(row: &Row<'_>) -> rusqlite::Result<AuditValue> {
    row.get(0).map(AuditValue::Text)
}

const SETTING: &str = "SELECT value FROM settings WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
/// The time of entry, so that replacing a secret by another one counts as a change.
const SECRET: &str = "SELECT changed_at FROM secrets WHERE channel_id = ?1 AND module = ?2 AND key = ?3";

/// A version's name and grants; its digest instead of the name if the version is no longer known.
fn load_version(
    connection: &Connection,
    channel: ChannelId,
    digest: ModuleDigest,
) -> rusqlite::Result<(Box<str>, Grants)> {
    let version = "SELECT version FROM module_versions WHERE digest = ?1";
    let version = find_row(connection, version, params![digest], |row| row.get(0))?;
    let grants = grants::find_grants(connection, channel, digest)?.unwrap_or_default();
    Ok((version.unwrap_or_else(|| digest.to_string().into()), grants))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::domain::audit::{Actor, AuditFilter};
    use crate::domain::effect::{Commit, Committed, Holder, PresenceEffect, Revision, Scope};
    use crate::domain::id::ChatterId;
    use crate::domain::manifest::{Capability, Caps, Command};
    use crate::domain::role::Role;
    use crate::store::fixture::{ALICE, CHANNEL, Fixture, channel, commit, save, transfer};
    use crate::testing::{bot, command, login, name};

    fn dice() -> ModuleName {
        name("dice")
    }

    fn set(value: Option<&str>) -> Effect {
        Effect::Module(dice(), ModuleEffect::ChangeSetting { key: "sides".into(), value: value.map(str::to_owned) })
    }

    fn word() -> Command {
        Command {
            aliases: vec!["throw".into()],
            usage: "[\"sides\"]".into(),
            summary: String::new(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            ..command("roll")
        }
    }

    /// The lines that these effects add to the audit, one commit each.
    async fn lines_of(effects: Vec<Effect>) -> Vec<String> {
        let fixture = Fixture::with_channel().await;
        let before = fixture.audited().len();
        for (number, effect) in effects.into_iter().enumerate() {
            assert_eq!(fixture.commit(&number.to_string(), vec![effect]).await, Committed::Done);
        }
        fixture.audited().split_off(before)
    }

    #[tokio::test]
    async fn each_change_of_a_set_up_is_a_line_with_what_was_and_what_is() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
        let lines = lines_of(vec![
            Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap())),
            Effect::Setup(SetupEffect::ChangeLocale("de".into())),
            Effect::Setup(SetupEffect::Mute { until: Some(until) }),
            Effect::Module(dice(), ModuleEffect::Switch { enabled: true }),
            set(Some("20")),
            set(Some("6")),
            set(None),
            Effect::Module(dice(), ModuleEffect::ClaimWord { word: word() }),
            Effect::Module(dice(), ModuleEffect::ReleaseWord { name: "roll".into() }),
            Effect::Module(dice(), ModuleEffect::PinVersion { version: Some(semver::Version::new(1, 2, 3)) }),
            Effect::Presence(PresenceEffect::Want { channel: channel(8, "alice"), account: bot("bot") }),
            Effect::Presence(PresenceEffect::Unwant { channel: ChannelId(8) }),
        ])
        .await;
        assert_eq!(
            lines,
            [
                "change-prefix 7 : ! -> ?",
                "change-locale 7 : en -> de",
                "mute 7 : - -> until 2027-01-15T08:00:00.250Z",
                "switch-module 7 dice: - -> on",
                "change-setting 7 dice/sides: - -> 20",
                "change-setting 7 dice/sides: 20 -> 6",
                "change-setting 7 dice/sides: 6 -> -",
                "claim-word 7 dice/roll: - -> for vip, cooldowns 1.5s and 0s, aliases [\"throw\"], \
                 usage \"[\\\"sides\\\"]\", summary \"\"",
                "release-word 7 dice/roll: for vip, cooldowns 1.5s and 0s, aliases [\"throw\"], \
                 usage \"[\\\"sides\\\"]\", summary \"\" -> -",
                "pin-version 7 dice: - -> 1.2.3",
                "want-channel 8 : - -> #alice with bot",
                "unwant-channel 8 : #alice with bot -> left #alice",
            ]
        );
    }

    #[tokio::test]
    async fn a_version_is_accepted_with_its_grants_and_caps() {
        let digest = ModuleDigest([0xab; 32]);
        let grants = Grants {
            capabilities: vec![Capability::Storage, Capability::Payments],
            http_hosts: vec!["api.example.com".into()],
            ..Grants::default()
        };
        let more =
            Grants { payments: Caps { per_day: Some("5".parse().unwrap()), ..Caps::unlimited() }, ..grants.clone() };
        let accept =
            |grants: &Grants| Effect::Module(dice(), ModuleEffect::AcceptVersion { digest, grants: grants.clone() });
        let lines = lines_of(vec![accept(&grants), accept(&grants), accept(&more)]).await;
        let first = format!(
            "{digest}: storage, payments; web: api.example.com; payments: at most 0 a call, 0 a chatter and day, 0 a day"
        );
        let second = format!("{digest}: storage, payments; web: api.example.com; payments: at most 5 a day");
        assert_eq!(
            lines,
            [format!("accept-version 7 dice: - -> {first}"), format!("accept-version 7 dice: {first} -> {second}")]
        );
    }

    #[tokio::test]
    async fn what_is_taken_back_from_older_versions_is_one_line() {
        let [one, two, three] = [1, 2, 3].map(|digest| ModuleDigest([digest; 32]));
        let storage = Grants { capabilities: vec![Capability::Storage], ..Grants::default() };
        let accept = |digest| Effect::Module(dice(), ModuleEffect::AcceptVersion { digest, grants: storage.clone() });
        let narrowed = vec![(one, Grants::default()), (two, Grants::default())];
        let narrow = Effect::Module(dice(), ModuleEffect::NarrowGrants { grants: narrowed });
        let lines = lines_of(vec![accept(one), accept(two), accept(three), narrow.clone(), narrow]).await;
        assert_eq!(
            lines[3..],
            [format!("narrow-grants 7 dice: {one}: storage | {two}: storage -> {one}: nothing | {two}: nothing")]
        );
    }

    #[tokio::test]
    async fn a_fuse_that_blows_and_is_restored_is_in_the_audit() {
        let digest = ModuleDigest([0xab; 32]);
        let until = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let lines = lines_of(vec![
            Effect::Module(dice(), ModuleEffect::BlowFuse { digest, until }),
            Effect::Module(dice(), ModuleEffect::BlowFuse { digest, until: None }),
            Effect::Module(dice(), ModuleEffect::RestoreFuse),
            Effect::Module(dice(), ModuleEffect::RestoreFuse),
            Effect::Module(dice(), ModuleEffect::BlowFuse { digest, until }),
            Effect::Module(dice(), ModuleEffect::EndPause { digest: ModuleDigest([1; 32]) }),
            Effect::Module(dice(), ModuleEffect::EndPause { digest }),
            Effect::Module(dice(), ModuleEffect::EndPause { digest }),
            Effect::Module(dice(), ModuleEffect::RestoreFuse),
            Effect::Module(dice(), ModuleEffect::Switch { enabled: true }),
            Effect::Module(dice(), ModuleEffect::BlowFuse { digest, until: None }),
            Effect::Module(dice(), ModuleEffect::Switch { enabled: true }),
        ])
        .await;
        let once = format!("fuse blown 1 times by {digest}");
        let resting = format!("{once}, until 2027-01-15T08:00:00.000Z");
        assert_eq!(
            lines,
            [
                format!("blow-fuse 7 dice: - -> {once}, until 2027-01-15T08:00:00.000Z"),
                format!("blow-fuse 7 dice: {once}, until 2027-01-15T08:00:00.000Z -> fuse blown 2 times by {digest}"),
                format!("restore-fuse 7 dice: fuse blown 2 times by {digest} -> -"),
                format!("blow-fuse 7 dice: - -> {resting}"),
                format!("restore-fuse 7 dice: {resting} -> {resting}, back by itself"),
                format!("restore-fuse 7 dice: {resting}, back by itself -> -"),
                "switch-module 7 dice: - -> on".to_owned(),
                format!("blow-fuse 7 dice: on -> on, {once}"),
                format!("switch-module 7 dice: on, {once} -> on"),
            ]
        );
    }

    #[tokio::test]
    async fn what_changes_nothing_and_what_is_no_set_up_has_no_line() {
        let lines = lines_of(vec![
            Effect::Setup(SetupEffect::ChangePrefix("!".parse().unwrap())),
            Effect::Setup(SetupEffect::ChangeLocale("en".into())),
            Effect::Setup(SetupEffect::Mute { until: None }),
            set(None),
            Effect::Module(dice(), ModuleEffect::ReleaseWord { name: "roll".into() }),
            Effect::Module(dice(), ModuleEffect::PinVersion { version: None }),
            Effect::Presence(PresenceEffect::Unwant { channel: ChannelId(8) }),
            save("key", "value"),
            transfer(Holder::Mint, ALICE, "5"),
        ])
        .await;
        assert_eq!(lines, [""; 0]);
    }

    #[tokio::test]
    async fn a_line_says_who_asked_and_from_where() {
        let fixture = Fixture::with_channel().await;
        let asked = Commit {
            by: Actor::Chatter { id: ChatterId(7), login: login("shop") },
            address: Some(Ipv4Addr::LOCALHOST.into()),
            ..commit("1", vec![set(Some("20"))])
        };
        assert_eq!(fixture.store.commit(asked.clone()).await.unwrap(), Committed::Done);
        let filter = AuditFilter { chatter: Some(ChatterId(7)), ..AuditFilter::default() };
        let found = fixture.store.host.list_audit(&filter, None, 10).await.unwrap();
        assert_eq!(found.into_iter().map(|entry| entry.stamp).collect::<Vec<_>>(), [asked.stamp()]);
    }

    #[tokio::test]
    async fn a_commit_that_is_undone_leaves_no_line() {
        let fixture = Fixture::with_channel().await;
        let before = fixture.audited();
        let late = Commit {
            noted: vec![(Scope::Setup { channel: CHANNEL }, Revision(9))],
            ..commit("1", vec![set(Some("20"))])
        };
        assert_eq!(fixture.store.commit(late).await.unwrap(), Committed::Conflict);
        let too_much = vec![set(Some("20")), transfer(ALICE, Holder::Till, "1")];
        assert_eq!(fixture.commit("2", too_much).await, Committed::Conflict);
        assert_eq!(fixture.audited(), before);
    }
}
