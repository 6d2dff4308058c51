//! What a commit changes of a set-up, for the audit: read before and after, so that a line says what was, what is, and
//! nothing where both are the same.

use rusqlite::{Connection, OptionalExtension, ToSql};

use super::{audit, grants};
use crate::domain::audit::Stamp;
use crate::domain::effect::Effect;
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Caps, Grants};

/// A change that is under way.
pub(super) struct Change<'a> {
    effect: &'a Effect,
    action: &'static str,
    /// Whose set-up it is: with a wish to join that is not the one where it was said.
    channel: ChannelId,
    subject: String,
    before: Option<String>,
}

impl<'a> Change<'a> {
    /// Before the effect is applied. None for what is no set-up: a module's storage, and the ledger, which is its own
    /// journal.
    pub(super) fn begin(
        connection: &Connection,
        channel: ChannelId,
        effect: &'a Effect,
    ) -> rusqlite::Result<Option<Change<'a>>> {
        let Some((action, subject)) = name(effect) else { return Ok(None) };
        let channel = match effect {
            Effect::WantChannel { channel, .. } => channel.id,
            Effect::UnwantChannel { channel } => *channel,
            _ => channel,
        };
        let before = load(connection, channel, effect)?;
        Ok(Some(Change { effect, action, channel, subject, before }))
    }

    /// After it was applied.
    pub(super) fn end(self, connection: &Connection, stamp: &Stamp) -> rusqlite::Result<()> {
        let after = load(connection, self.channel, self.effect)?;
        if after == self.before {
            return Ok(());
        }
        let (channel, before) = (Some(self.channel), self.before.as_deref());
        audit::record(connection, stamp, self.action, channel, &self.subject, before, after.as_deref())
    }
}

/// The action, and what it is done to.
fn name(effect: &Effect) -> Option<(&'static str, String)> {
    Some(match effect {
        Effect::SaveEntry { .. } | Effect::DeleteEntry { .. } | Effect::Transfer { .. } => return None,
        // What follows from a change that has its own line.
        Effect::LeaveVersion { .. } | Effect::KeepLeft { .. } => return None,
        Effect::ChangePrefix(_) => ("change-prefix", String::new()),
        Effect::ChangeLocale(_) => ("change-locale", String::new()),
        Effect::Mute { .. } => ("mute", String::new()),
        Effect::SwitchModule { module, .. } => ("switch-module", module.to_string()),
        Effect::AcceptVersion { module, .. } => ("accept-version", module.to_string()),
        Effect::NarrowGrants { module, .. } => ("narrow-grants", module.to_string()),
        Effect::PinVersion { module, .. } => ("pin-version", module.to_string()),
        Effect::BlowFuse { module, .. } => ("blow-fuse", module.to_string()),
        Effect::RestoreFuse { module } | Effect::EndPause { module, .. } => ("restore-fuse", module.to_string()),
        Effect::ChangeSetting { module, key, .. } => ("change-setting", format!("{module}/{key}")),
        Effect::ChangeSecret { module, key, .. } => ("change-secret", format!("{module}/{key}")),
        Effect::ClaimWord { module, word } => ("claim-word", format!("{module}/{}", word.name)),
        Effect::ReleaseWord { module, name } => ("release-word", format!("{module}/{name}")),
        Effect::WantChannel { .. } => ("want-channel", String::new()),
        Effect::UnwantChannel { .. } => ("unwant-channel", String::new()),
    })
}

/// What the effect changes, as it is now; None where it is the default or not there.
fn load(connection: &Connection, channel: ChannelId, effect: &Effect) -> rusqlite::Result<Option<String>> {
    let text = |sql: &str, parameters: &[&dyn ToSql]| load_text(connection, sql, parameters);
    match effect {
        Effect::SaveEntry { .. } | Effect::DeleteEntry { .. } | Effect::Transfer { .. } => Ok(None),
        Effect::LeaveVersion { .. } | Effect::KeepLeft { .. } => Ok(None),
        Effect::ChangePrefix(_) => text("SELECT prefix FROM channels WHERE channel_id = ?1", &[&channel]),
        Effect::ChangeLocale(_) => text("SELECT locale FROM channels WHERE channel_id = ?1", &[&channel]),
        Effect::Mute { .. } => text(MUTE, &[&channel]),
        Effect::SwitchModule { module, .. }
        | Effect::BlowFuse { module, .. }
        | Effect::RestoreFuse { module }
        | Effect::EndPause { module, .. } => text(SWITCH, &[&channel, module]),
        Effect::AcceptVersion { module, .. } => {
            let accepted = "SELECT accepted FROM channel_modules WHERE channel_id = ?1 AND module = ?2";
            let digest = connection
                .prepare_cached(accepted)?
                .query_row([&channel as &dyn ToSql, module], |row| row.get(0))
                .optional()?;
            let Some(digest) = digest.flatten() else { return Ok(None) };
            let grants = grants::find_grants(connection, channel, digest)?.unwrap_or_default();
            Ok(Some(format!("{digest}: {}", describe_grants(&grants))))
        }
        Effect::NarrowGrants { grants, .. } => {
            let digests = grants.iter().map(|(digest, _)| describe_version(connection, channel, *digest));
            Ok(Some(digests.collect::<rusqlite::Result<Vec<_>>>()?.join(" | ")))
        }
        Effect::PinVersion { module, .. } => {
            text("SELECT pinned FROM channel_modules WHERE channel_id = ?1 AND module = ?2", &[&channel, module])
        }
        Effect::ChangeSetting { module, key, .. } => text(SETTING, &[&channel, module, key]),
        Effect::ChangeSecret { module, key, .. } => text(SECRET, &[&channel, module, key]),
        Effect::ClaimWord { module, word } => text(WORD, &[&channel, module, &word.name]),
        Effect::ReleaseWord { module, name } => text(WORD, &[&channel, module, name]),
        Effect::WantChannel { .. } | Effect::UnwantChannel { .. } => load_wanted(connection, channel),
    }
}

/// Where the bot sits, or that it was sent away.
pub(super) fn load_wanted(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<String>> {
    load_text(connection, WANTED, &[&channel])
}

fn load_text(connection: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<Option<String>> {
    Ok(connection.prepare_cached(sql)?.query_row(parameters, |row| row.get(0)).optional()?.flatten())
}

const MUTE: &str = "SELECT 'until ' || strftime('%Y-%m-%dT%H:%M:%fZ', muted_until / 1000.0, 'unixepoch')
     FROM channels WHERE channel_id = ?1";
const SWITCH: &str = "SELECT nullif(concat_ws(', ',
     CASE enabled WHEN 1 THEN 'on' WHEN 0 THEN 'off' END,
     'fuse blown ' || CASE WHEN blown_digest IS NOT NULL THEN blown_times END || ' times by ' || lower(hex(blown_digest)),
     'until ' || strftime('%Y-%m-%dT%H:%M:%fZ', blown_until / 1000.0, 'unixepoch'),
     CASE blown_is_over WHEN 1 THEN 'back by itself' END), '')
     FROM channel_modules WHERE channel_id = ?1 AND module = ?2";
const SETTING: &str = "SELECT value FROM settings WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
/// Never what it is: when it was entered, so that another one is another line.
const SECRET: &str = "SELECT '(secret), entered ' || strftime('%Y-%m-%dT%H:%M:%fZ', changed_at / 1000.0, 'unixepoch')
     FROM secrets WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
const WORD: &str = "SELECT format('for %s, cooldowns %gs and %gs, aliases %s, usage %s, summary %s', role,
     channel_cooldown / 1000.0, chatter_cooldown / 1000.0, aliases, json_quote(usage), json_quote(summary))
     FROM words WHERE channel_id = ?1 AND module = ?2 AND name = ?3";
const WANTED: &str = "SELECT CASE wanted WHEN 1 THEN '#' || login || ' with ' || account ELSE 'left #' || login END
     FROM wanted WHERE channel_id = ?1";

/// `1.0.0: storage`; by its digest where the version is not known any more.
fn describe_version(connection: &Connection, channel: ChannelId, digest: ModuleDigest) -> rusqlite::Result<String> {
    let version = load_text(connection, "SELECT version FROM module_versions WHERE digest = ?1", &[&digest])?;
    let grants = grants::find_grants(connection, channel, digest)?.unwrap_or_default();
    Ok(format!("{}: {}", version.unwrap_or_else(|| digest.to_string()), describe_grants(&grants)))
}

/// In words: `storage, payments; web: api.example.com; payments: at most 5 a call, 10 a chatter and day`.
pub(super) fn describe_grants(grants: &Grants) -> String {
    let mut parts = Vec::new();
    let capabilities: Vec<_> = grants.capabilities.iter().map(|capability| capability.as_str()).collect();
    parts.push(if capabilities.is_empty() { "nothing".to_owned() } else { capabilities.join(", ") });
    if !grants.http_hosts.is_empty() {
        parts.push(format!("web: {}", grants.http_hosts.join(", ")));
    }
    for (name, caps) in [("payments", &grants.payments), ("treasury", &grants.treasury)] {
        if capabilities.contains(&name) {
            parts.push(format!("{name}: {}", describe_caps(caps)));
        }
    }
    parts.join("; ")
}

fn describe_caps(caps: &Caps) -> String {
    let caps = [(caps.per_invocation, "a call"), (caps.per_chatter, "a chatter and day"), (caps.per_day, "a day")];
    let set: Vec<_> = caps.iter().filter_map(|(most, of)| most.map(|most| format!("{most} {of}"))).collect();
    if set.is_empty() { "no cap".to_owned() } else { format!("at most {}", set.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::domain::audit::{Actor, AuditFilter};
    use crate::domain::effect::{Commit, Committed, Holder, Revision, Scope};
    use crate::domain::id::{ChatterId, ModuleName};
    use crate::domain::manifest::{Capability, Command};
    use crate::domain::role::Role;
    use crate::store::fixture::{ALICE, CHANNEL, Fixture, channel, commit, login, module, save, transfer};

    fn dice() -> ModuleName {
        module("dice")
    }

    fn set(value: Option<&str>) -> Effect {
        Effect::ChangeSetting { module: dice(), key: "sides".into(), value: value.map(str::to_owned) }
    }

    fn word() -> Command {
        Command {
            name: "roll".into(),
            aliases: vec!["throw".into()],
            usage: "[\"sides\"]".into(),
            summary: String::new(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            chatter_cooldown: Duration::ZERO,
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
            Effect::ChangePrefix("?".parse().unwrap()),
            Effect::ChangeLocale("de".into()),
            Effect::Mute { until: Some(until) },
            Effect::SwitchModule { module: dice(), enabled: true },
            set(Some("20")),
            set(Some("6")),
            set(None),
            Effect::ClaimWord { module: dice(), word: word() },
            Effect::ReleaseWord { module: dice(), name: "roll".into() },
            Effect::PinVersion { module: dice(), version: Some(semver::Version::new(1, 2, 3)) },
            Effect::WantChannel { channel: channel(8, "alice"), account: login("bot") },
            Effect::UnwantChannel { channel: ChannelId(8) },
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
        let accept = |grants: &Grants| Effect::AcceptVersion { module: dice(), digest, grants: grants.clone() };
        let lines = lines_of(vec![accept(&grants), accept(&grants), accept(&more)]).await;
        let first = format!(
            "{digest}: storage, payments; web: api.example.com; payments: at most 0 a call, 0 a chatter and day, 0 a day"
        );
        let second = format!("{digest}: storage, payments; web: api.example.com; payments: at most 5 a day");
        assert_eq!(
            lines,
            [format!("accept-version 7 dice: - -> {first}"), format!("accept-version 7 dice: {first} -> {second}")]
        );
        assert_eq!(describe_grants(&Grants::default()), "nothing");
    }

    #[tokio::test]
    async fn what_is_taken_back_from_older_versions_is_one_line() {
        let [one, two, three] = [1, 2, 3].map(|digest| ModuleDigest([digest; 32]));
        let storage = Grants { capabilities: vec![Capability::Storage], ..Grants::default() };
        let accept = |digest| Effect::AcceptVersion { module: dice(), digest, grants: storage.clone() };
        let narrowed = vec![(one, Grants::default()), (two, Grants::default())];
        let narrow = Effect::NarrowGrants { module: dice(), grants: narrowed };
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
            Effect::BlowFuse { module: dice(), digest, until },
            Effect::BlowFuse { module: dice(), digest, until: None },
            Effect::RestoreFuse { module: dice() },
            Effect::RestoreFuse { module: dice() },
            Effect::BlowFuse { module: dice(), digest, until },
            Effect::EndPause { module: dice(), digest: ModuleDigest([1; 32]) },
            Effect::EndPause { module: dice(), digest },
            Effect::EndPause { module: dice(), digest },
            Effect::RestoreFuse { module: dice() },
            Effect::SwitchModule { module: dice(), enabled: true },
            Effect::BlowFuse { module: dice(), digest, until: None },
            Effect::SwitchModule { module: dice(), enabled: true },
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
            Effect::ChangePrefix("!".parse().unwrap()),
            Effect::ChangeLocale("en".into()),
            Effect::Mute { until: None },
            set(None),
            Effect::ReleaseWord { module: dice(), name: "roll".into() },
            Effect::PinVersion { module: dice(), version: None },
            Effect::UnwantChannel { channel: ChannelId(8) },
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
        let found = fixture.store.list_audit(&filter, None, 10).unwrap();
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
