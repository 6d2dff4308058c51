//! How channels are set up.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::columns::{At, Json, Span};
use super::{Store, StoreError, scopes};
use crate::domain::effect::{Revision, Scope};
use crate::domain::id::{ChannelId, Login, ModuleDigest, ModuleName};
use crate::domain::manifest::{Capability, Command, Grants};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;

/// A channel's set-up as it is stored: only what differs from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRecord {
    pub channel: Channel,
    /// The bot account that sits here.
    pub bot: Login,
    pub revision: Revision,
    pub prefix: Prefix,
    /// BCP 47.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// The modules that somebody switched on (true) or off.
    pub switched: BTreeMap<ModuleName, bool>,
    pub settings: BTreeMap<ModuleName, BTreeMap<String, String>>,
    pub claimed: BTreeMap<ModuleName, Vec<Command>>,
    pub grants: HashMap<ModuleDigest, Grants>,
}

impl Store {
    /// One consistent snapshot.
    pub fn load_channel(&self, channel: ChannelId) -> Result<Option<ChannelRecord>, StoreError> {
        self.readers.read(|connection| {
            // Nothing of it is written: the transaction makes the five reads see one moment.
            let snapshot = connection.unchecked_transaction()?;
            let Some(mut record) = load_record(&snapshot, channel)? else { return Ok(None) };
            for (module, enabled) in list_rows(&snapshot, LIST_SWITCHED, channel, read_pair)? {
                record.switched.insert(module, enabled);
            }
            for (module, (key, value)) in list_rows(&snapshot, LIST_SETTINGS, channel, read_setting)? {
                record.settings.entry(module).or_default().insert(key, value);
            }
            for (module, word) in list_rows(&snapshot, LIST_WORDS, channel, read_word)? {
                record.claimed.entry(module).or_default().push(word);
            }
            record.grants = list_rows(&snapshot, LIST_GRANTS, channel, read_grants)?.into_iter().collect();
            Ok(Some(record))
        })
    }

    /// Every channel that was ever sat in, wanted or not.
    pub fn list_channels(&self) -> Result<Vec<ChannelId>, StoreError> {
        self.readers.read(|connection| {
            connection
                .prepare_cached("SELECT channel_id FROM channels ORDER BY channel_id")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
    }

    /// Replaces what one version of a module may do in a channel, and raises the set-up's revision.
    pub async fn save_grants(
        &self,
        channel: ChannelId,
        digest: ModuleDigest,
        grants: Grants,
    ) -> Result<(), StoreError> {
        let save = move |connection: &Connection| {
            let capabilities: Vec<_> = grants.capabilities.iter().map(|capability| capability.as_str()).collect();
            connection
                .prepare_cached(
                    "INSERT INTO grants (channel_id, digest, capabilities, most_per_invocation, most_per_day)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (channel_id, digest) DO UPDATE SET capabilities = excluded.capabilities,
                     most_per_invocation = excluded.most_per_invocation, most_per_day = excluded.most_per_day",
                )?
                .execute(params![
                    channel,
                    digest,
                    Json(capabilities),
                    grants.most_per_invocation,
                    grants.most_per_day
                ])?;
            Ok(scopes::raise_revision(connection, &Scope::Setup { channel })?)
        };
        self.writer.write(save).await
    }
}

fn load_record(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<ChannelRecord>> {
    connection
        .prepare_cached(
            "SELECT login, display_name, bot, revision, prefix, locale, muted_until FROM channels
             WHERE channel_id = ?1",
        )?
        .query_row(params![channel], |row| {
            Ok(ChannelRecord {
                channel: Channel { id: channel, login: row.get(0)?, display_name: row.get(1)? },
                bot: row.get(2)?,
                revision: row.get(3)?,
                prefix: row.get(4)?,
                locale: row.get(5)?,
                muted_until: row.get::<_, Option<At>>(6)?.map(|At(until)| until),
                switched: BTreeMap::new(),
                settings: BTreeMap::new(),
                claimed: BTreeMap::new(),
                grants: HashMap::new(),
            })
        })
        .optional()
}

const LIST_SWITCHED: &str = "SELECT module, enabled FROM switched_modules WHERE channel_id = ?1";
const LIST_SETTINGS: &str = "SELECT module, key, value FROM settings WHERE channel_id = ?1";
const LIST_WORDS: &str = "SELECT module, name, aliases, usage, summary, role, channel_cooldown, chatter_cooldown
     FROM words WHERE channel_id = ?1 ORDER BY module, name";
const LIST_GRANTS: &str =
    "SELECT digest, capabilities, most_per_invocation, most_per_day FROM grants WHERE channel_id = ?1";

fn list_rows<T>(
    connection: &Connection,
    sql: &str,
    channel: ChannelId,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(params![channel], read)?.collect()
}

fn read_pair(row: &Row<'_>) -> rusqlite::Result<(ModuleName, bool)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn read_setting(row: &Row<'_>) -> rusqlite::Result<(ModuleName, (String, String))> {
    Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
}

fn read_word(row: &Row<'_>) -> rusqlite::Result<(ModuleName, Command)> {
    let Json(aliases) = row.get(2)?;
    let (Span(channel_cooldown), Span(chatter_cooldown)) = (row.get(6)?, row.get(7)?);
    let word = Command {
        name: row.get(1)?,
        aliases,
        usage: row.get(3)?,
        summary: row.get(4)?,
        role: row.get(5)?,
        channel_cooldown,
        chatter_cooldown,
    };
    Ok((row.get(0)?, word))
}

fn read_grants(row: &Row<'_>) -> rusqlite::Result<(ModuleDigest, Grants)> {
    let Json::<Vec<String>>(names) = row.get(1)?;
    // A capability that this binary does not know is a power that it cannot give: left out, it is simply not granted.
    let find = |name: &String| Capability::ALL.into_iter().find(|capability| capability.as_str() == name);
    let grants = Grants {
        capabilities: names.iter().filter_map(find).collect(),
        http_hosts: Vec::new(),
        most_per_invocation: row.get(2)?,
        most_per_day: row.get(3)?,
    };
    Ok((row.get(0)?, grants))
}

/// Makes a channel known with revision 1, or corrects what it is called and who sits there.
pub(super) fn save_channel(connection: &Connection, channel: &Channel, bot: &Login) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO channels (channel_id, login, display_name, bot) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel_id) DO UPDATE
         SET login = excluded.login, display_name = excluded.display_name, bot = excluded.bot",
        &[&channel.id, &channel.login, &channel.display_name, bot],
    )
}

pub(super) fn save_prefix(connection: &Connection, channel: ChannelId, prefix: &Prefix) -> rusqlite::Result<()> {
    execute(connection, "UPDATE channels SET prefix = ?2 WHERE channel_id = ?1", &[&channel, prefix])
}

pub(super) fn save_mute(
    connection: &Connection,
    channel: ChannelId,
    until: Option<SystemTime>,
) -> rusqlite::Result<()> {
    execute(connection, "UPDATE channels SET muted_until = ?2 WHERE channel_id = ?1", &[&channel, &until.map(At)])
}

pub(super) fn save_switch(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    enabled: bool,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO switched_modules (channel_id, module, enabled) VALUES (?1, ?2, ?3)
         ON CONFLICT (channel_id, module) DO UPDATE SET enabled = excluded.enabled",
        &[&channel, module, &enabled],
    )
}

/// No value: back to the default.
pub(super) fn save_setting(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
    value: Option<&str>,
) -> rusqlite::Result<()> {
    let Some(value) = value else {
        let sql = "DELETE FROM settings WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
        return execute(connection, sql, &[&channel, module, &key]);
    };
    execute(
        connection,
        "INSERT INTO settings (channel_id, module, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel_id, module, key) DO UPDATE SET value = excluded.value",
        &[&channel, module, &key, &value],
    )
}

/// Adds a word, or replaces the module's own of that name. Two modules may have claimed the same one while only one of
/// them was on: who answers is `setup`'s to say.
pub(super) fn save_word(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    word: &Command,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT OR REPLACE INTO words
         (channel_id, module, name, aliases, usage, summary, role, channel_cooldown, chatter_cooldown)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &[
            &channel,
            module,
            &word.name,
            &Json(&word.aliases),
            &word.usage,
            &word.summary,
            &word.role,
            &Span(word.channel_cooldown),
            &Span(word.chatter_cooldown),
        ],
    )
}

pub(super) fn delete_word(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    name: &str,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "DELETE FROM words WHERE channel_id = ?1 AND module = ?2 AND name = ?3",
        &[&channel, module, &name],
    )
}

fn execute(connection: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(parameters).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::effect::Effect;
    use crate::domain::role::Role;
    use crate::store::fixture::{CHANNEL, Fixture, commit, login, module, save};

    fn word(name: &str, usage: &str) -> Command {
        Command {
            name: name.into(),
            aliases: vec!["alias".into(), "é\"".into()],
            usage: usage.into(),
            summary: "says something".into(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            chatter_cooldown: Duration::ZERO,
        }
    }

    fn set(key: &str, value: Option<&str>) -> Effect {
        Effect::ChangeSetting { module: module("help"), key: key.into(), value: value.map(Into::into) }
    }

    fn claim(word: Command) -> Effect {
        Effect::ClaimWord { module: module("quotes"), word }
    }

    #[tokio::test]
    async fn a_new_channel_has_the_defaults() {
        let fixture = Fixture::with_channel().await;
        let record = fixture.store.load_channel(CHANNEL).unwrap().unwrap();
        assert_eq!((record.channel.id, record.channel.login, record.bot), (CHANNEL, login("shop"), login("bot")));
        assert_eq!((record.revision, record.prefix, &*record.locale), (Revision(1), Prefix::default(), "en"));
        assert_eq!(record.muted_until, None);
        assert!(record.switched.is_empty() && record.settings.is_empty());
        assert!(record.claimed.is_empty() && record.grants.is_empty());
        assert_eq!(fixture.store.load_channel(ChannelId(8)).unwrap(), None);
        assert_eq!(fixture.store.list_channels().unwrap(), [CHANNEL]);
    }

    #[tokio::test]
    async fn what_was_set_up_is_read_back() {
        let fixture = Fixture::with_channel().await;
        let until = commit("", Vec::new()).at + Duration::from_millis(1);
        let effects = vec![
            Effect::ChangePrefix("«".parse().unwrap()),
            Effect::SwitchModule { module: module("join"), enabled: false },
            Effect::SwitchModule { module: module("balance"), enabled: false },
            Effect::SwitchModule { module: module("balance"), enabled: true },
            set("b", Some("2")),
            set("a", Some("1")),
            set("a", Some("")),
            Effect::Mute { until: Some(until) },
            claim(word("one", "old")),
            claim(word("one", "new")),
            claim(word("two", "")),
        ];
        fixture.commit("1", effects).await;
        let record = fixture.store.load_channel(CHANNEL).unwrap().unwrap();
        assert_eq!((record.revision, record.prefix.as_str(), record.muted_until), (Revision(2), "«", Some(until)));
        assert_eq!(record.switched, [(module("balance"), true), (module("join"), false)].into());
        let settings = [("a".to_owned(), String::new()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(record.settings, [(module("help"), settings.into())].into());
        assert_eq!(record.claimed, [(module("quotes"), vec![word("one", "new"), word("two", "")])].into());
    }

    #[tokio::test]
    async fn what_was_taken_back_is_gone() {
        let fixture = Fixture::with_channel().await;
        fixture
            .commit(
                "1",
                vec![set("a", Some("1")), claim(word("one", "")), Effect::Mute { until: Some(SystemTime::UNIX_EPOCH) }],
            )
            .await;
        let release = |module_name| Effect::ReleaseWord { module: module(module_name), name: "one".into() };
        fixture.commit("2", vec![release("somebody-else")]).await;
        assert_eq!(fixture.store.load_channel(CHANNEL).unwrap().unwrap().claimed.len(), 1);
        fixture.commit("3", vec![set("a", None), release("quotes"), Effect::Mute { until: None }]).await;
        let record = fixture.store.load_channel(CHANNEL).unwrap().unwrap();
        assert!(record.settings.is_empty() && record.claimed.is_empty() && record.muted_until.is_none());
    }

    #[tokio::test]
    async fn grants_belong_to_one_version_of_a_module_and_raise_the_revision() {
        let fixture = Fixture::with_channel().await;
        let (one, two) = (ModuleDigest([1; 32]), ModuleDigest([2; 32]));
        let grants = Grants {
            capabilities: vec![Capability::Treasury, Capability::Storage],
            http_hosts: Vec::new(),
            most_per_invocation: Some("2.50".parse().unwrap()),
            most_per_day: None,
        };
        fixture.store.save_grants(CHANNEL, one, Grants::default()).await.unwrap();
        fixture.store.save_grants(CHANNEL, one, grants.clone()).await.unwrap();
        let record = fixture.store.load_channel(CHANNEL).unwrap().unwrap();
        assert_eq!((record.grants.get(&one), record.grants.get(&two)), (Some(&grants), None));
        assert_eq!(record.revision, Revision(3));
        let elsewhere = fixture.store.save_grants(ChannelId(8), one, grants).await;
        assert!(matches!(elsewhere, Err(StoreError::UnknownChannel)));
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
        fixture.store.writer.write(insert).await.unwrap();
        let record = fixture.store.load_channel(CHANNEL).unwrap().unwrap();
        assert_eq!(record.grants[&digest].capabilities, [Capability::Storage]);
    }

    #[tokio::test]
    async fn a_commit_to_storage_leaves_the_setup_as_it_is() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "")]).await;
        assert_eq!(fixture.store.load_channel(CHANNEL).unwrap().unwrap().revision, Revision(1));
    }
}
