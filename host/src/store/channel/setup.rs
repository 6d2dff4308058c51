//! The set-ups of channels.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use rusqlite::{Connection, Row, ToSql, params, params_from_iter};

use super::grants::{LIST_GRANTS, insert_grants, read_grants};
use crate::domain::account::BotAccount;
use crate::domain::effect::{ModuleEffect, Revision, SetupEffect};
use crate::domain::fuse::BlownFuse;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::{Command, Grants};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;
use crate::store::host::bots;
use crate::store::json_text::Text;
use crate::store::sqlite::columns::{At, BotKey, Json, Span};
use crate::store::sqlite::sql::{execute, find_row, list_rows};

/// A channel's set-up as stored: only what differs from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRecord {
    pub channel: Channel,
    /// The bot account that is assigned to this channel.
    pub bot: BotAccount,
    pub revision: Revision,
    pub prefix: Prefix,
    /// A BCP 47 language tag.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// Only modules about which the channel has decided something.
    pub modules: BTreeMap<ModuleName, ModuleRecord>,
    pub settings: BTreeMap<ModuleName, BTreeMap<String, String>>,
    pub claimed: BTreeMap<ModuleName, Vec<Command>>,
    pub grants: HashMap<ModuleDigest, Grants>,
}

/// A channel's decisions about one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleRecord {
    /// `None`: never switched on or off here.
    pub enabled: Option<bool>,
    /// The version whose requests were granted here.
    pub accepted: Option<ModuleDigest>,
    /// The version that the channel is pinned to; `None`: the channel follows the latest.
    pub pinned: Option<semver::Version>,
    pub blown: Option<BlownFuse>,
}

pub(crate) fn find_channel(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<ChannelRecord>> {
    load_records(connection, Some(channel)).map(|found| found.into_iter().next())
}

pub(crate) fn list_channels(connection: &Connection) -> rusqlite::Result<Vec<ChannelRecord>> {
    load_records(connection, None)
}

pub(crate) fn list_known_channels(connection: &Connection) -> rusqlite::Result<Vec<Channel>> {
    let sql = "SELECT channel_id, login, display_name FROM channels ORDER BY channel_id";
    list_rows(connection, sql, [], |row| Ok(Channel { id: row.get(0)?, login: row.get(1)?, display_name: row.get(2)? }))
}

/// Loads one channel, or all.
fn load_records(connection: &Connection, channel: Option<ChannelId>) -> rusqlite::Result<Vec<ChannelRecord>> {
    // This transaction writes nothing: it makes the five reads see one snapshot.
    let snapshot = connection.unchecked_transaction()?;
    let mut records = BTreeMap::new();
    for_each_row(&snapshot, LIST_CHANNELS, channel, |row| {
        let record = read_channel(row)?;
        records.insert(record.channel.id, record);
        Ok(())
    })?;
    let mut add = |sql, add: fn(&mut ChannelRecord, &Row<'_>) -> rusqlite::Result<()>| {
        for_each_row(&snapshot, sql, channel, |row| match records.get_mut(&row.get("channel_id")?) {
            Some(record) => add(record, row),
            None => Ok(()),
        })
    };
    add(LIST_MODULES, |record, row| {
        record.modules.extend([read_module(row)?]);
        Ok(())
    })?;
    add(LIST_SETTINGS, |record, row| {
        record.settings.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
        Ok(())
    })?;
    add(LIST_WORDS, |record, row| {
        let (module, word) = read_word(row)?;
        record.claimed.entry(module).or_default().push(word);
        Ok(())
    })?;
    add(LIST_GRANTS, |record, row| {
        record.grants.extend([read_grants(row)?]);
        Ok(())
    })?;
    Ok(records.into_values().collect())
}

/// `sql` must have the channel as its last column and no WHERE clause. `channel` restricts it to one channel.
fn for_each_row(
    connection: &Connection,
    sql: &str,
    channel: Option<ChannelId>,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = if channel.is_some() { format!("{sql} WHERE channel_id = ?1") } else { sql.to_owned() };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(channel))?;
    while let Some(row) = rows.next()? {
        read(row)?;
    }
    Ok(())
}

fn read_channel(row: &Row<'_>) -> rusqlite::Result<ChannelRecord> {
    Ok(ChannelRecord {
        channel: Channel { id: row.get("channel_id")?, login: row.get(0)?, display_name: row.get(1)? },
        bot: bots::read_bot(row, 2, 3)?,
        revision: row.get(4)?,
        prefix: row.get(5)?,
        locale: row.get(6)?,
        muted_until: row.get::<_, Option<At>>(7)?.map(|At(until)| until),
        modules: BTreeMap::new(),
        settings: BTreeMap::new(),
        claimed: BTreeMap::new(),
        grants: HashMap::new(),
    })
}

const LIST_CHANNELS: &str =
    "SELECT channels.login, display_name, bots.login, twitch_id, revision, prefix, locale, muted_until, channel_id
     FROM channels JOIN bots USING (bot)";
const LIST_MODULES: &str =
    "SELECT module, enabled, accepted, pinned, blown_digest, blown_until, blown_times, blown_is_over, channel_id
     FROM channel_modules";
const LIST_SETTINGS: &str = "SELECT module, key, value, channel_id FROM settings";
/// In the order of the table's key: by module and name.
const LIST_WORDS: &str = "SELECT module, name, aliases, usage, summary, role, channel_cooldown, chatter_cooldown,
     channel_id FROM words";

pub(crate) fn find_module(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
) -> rusqlite::Result<Option<ModuleRecord>> {
    let sql = format!("{LIST_MODULES} WHERE channel_id = ?1 AND module = ?2");
    find_row(connection, &sql, params![channel, module], |row| Ok(read_module(row)?.1))
}

pub(crate) fn find_word(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    name: &str,
) -> rusqlite::Result<Option<Command>> {
    let sql = format!("{LIST_WORDS} WHERE channel_id = ?1 AND module = ?2 AND name = ?3");
    find_row(connection, &sql, params![channel, module, name], |row| Ok(read_word(row)?.1))
}

fn read_module(row: &Row<'_>) -> rusqlite::Result<(ModuleName, ModuleRecord)> {
    let blown = match row.get(4)? {
        Some(digest) => {
            let until = row.get::<_, Option<At>>(5)?.map(|At(until)| until);
            Some(BlownFuse { digest, until, times: row.get(6)?, is_over: row.get(7)? })
        }
        None => None,
    };
    let pinned = row.get::<_, Option<Text<_>>>(3)?.map(|Text(version)| version);
    Ok((row.get(0)?, ModuleRecord { enabled: row.get(1)?, accepted: row.get(2)?, pinned, blown }))
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

/// Makes a channel known with revision 1, or updates its names and its account.
pub(crate) fn save_channel(connection: &Connection, channel: &Channel, bot: BotKey) -> rusqlite::Result<()> {
    let sql = "INSERT INTO channels (channel_id, login, display_name, bot) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel_id) DO UPDATE
         SET login = excluded.login, display_name = excluded.display_name, bot = excluded.bot";
    execute(connection, sql, params![channel.id, channel.login, channel.display_name, bot]).map(drop)
}

pub(crate) fn apply(connection: &Connection, channel: ChannelId, effect: &SetupEffect) -> rusqlite::Result<()> {
    let save = |column: &str, value: &dyn ToSql| {
        let sql = format!("UPDATE channels SET {column} = ?2 WHERE channel_id = ?1");
        execute(connection, &sql, params![channel, value]).map(drop)
    };
    match effect {
        SetupEffect::ChangePrefix(prefix) => save("prefix", prefix),
        SetupEffect::ChangeLocale(locale) => save("locale", locale),
        SetupEffect::Mute { until } => save("muted_until", &until.map(At)),
    }
}

pub(crate) fn apply_to_module(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    effect: &ModuleEffect,
    at: SystemTime,
) -> rusqlite::Result<()> {
    let run = |sql: &str, more: &[&dyn ToSql]| {
        let parameters: Vec<&dyn ToSql> = [&channel as &dyn ToSql, module].iter().chain(more).copied().collect();
        execute(connection, sql, &*parameters).map(drop)
    };
    let save = |column: &str, value: &dyn ToSql| {
        let sql = format!(
            "INSERT INTO channel_modules (channel_id, module, {column}) VALUES (?1, ?2, ?3)
             ON CONFLICT (channel_id, module) DO UPDATE SET {column} = excluded.{column}"
        );
        run(&sql, &[value])
    };
    match effect {
        ModuleEffect::Switch { enabled } => {
            save("enabled", enabled)?;
            if *enabled { run(RESTORE, &[]) } else { Ok(()) }
        }
        ModuleEffect::AcceptVersion { digest, grants } => {
            insert_grants(connection, channel, *digest, grants)?;
            save("accepted", digest)
        }
        ModuleEffect::NarrowGrants { grants } => {
            grants.iter().try_for_each(|(digest, grants)| insert_grants(connection, channel, *digest, grants))
        }
        ModuleEffect::PinVersion { version } => save("pinned", &version.as_ref().map(Text)),
        ModuleEffect::BlowFuse { digest, until } => run(BLOW, &[digest, &until.map(At)]),
        ModuleEffect::RestoreFuse => run(RESTORE, &[]),
        ModuleEffect::EndPause { digest } => run(END_PAUSE, &[digest, &At(at)]),
        ModuleEffect::ChangeSetting { key, value: Some(value) } => run(SET, &[key, value]),
        ModuleEffect::ChangeSetting { key, value: None } => run(UNSET, &[key]),
        ModuleEffect::ClaimWord { word } => {
            let spans = [word.channel_cooldown, word.chatter_cooldown].map(Span);
            let (name, aliases) = (&word.name, Json(&word.aliases));
            run(CLAIM, &[name, &aliases, &word.usage, &word.summary, &word.role, &spans[0], &spans[1]])
        }
        ModuleEffect::ReleaseWord { name } => run(RELEASE, &[name]),
    }
}

/// Counts further if the same version had blown before and was not restored since.
const BLOW: &str =
    "INSERT INTO channel_modules (channel_id, module, blown_digest, blown_until, blown_times) VALUES (?1, ?2, ?3, ?4, 1)
     ON CONFLICT (channel_id, module) DO UPDATE SET
     blown_times = CASE WHEN blown_digest IS excluded.blown_digest THEN blown_times + 1 ELSE 1 END,
     blown_digest = excluded.blown_digest, blown_until = excluded.blown_until, blown_is_over = 0";
const RESTORE: &str =
    "UPDATE channel_modules SET blown_digest = NULL, blown_until = NULL, blown_times = 0, blown_is_over = 0
     WHERE channel_id = ?1 AND module = ?2";
/// Does not end a pause that began after the one that is being ended.
const END_PAUSE: &str = "UPDATE channel_modules SET blown_is_over = 1
     WHERE channel_id = ?1 AND module = ?2 AND blown_digest = ?3 AND blown_until <= ?4";
const SET: &str = "INSERT INTO settings (channel_id, module, key, value) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (channel_id, module, key) DO UPDATE SET value = excluded.value";
const UNSET: &str = "DELETE FROM settings WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
/// Adds a word, or replaces the same module's word of that name. Two modules may have claimed the same word while only
/// one of them was on: `setup` decides which module answers.
const CLAIM: &str = "INSERT OR REPLACE INTO words
     (channel_id, module, name, aliases, usage, summary, role, channel_cooldown, chatter_cooldown)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const RELEASE: &str = "DELETE FROM words WHERE channel_id = ?1 AND module = ?2 AND name = ?3";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::effect::Effect;
    use crate::domain::manifest::Capability;
    use crate::domain::role::Role;
    use crate::store::fixture::{CHANNEL, Fixture, commit, save};
    use crate::testing::{at_once, bot, command, login, name};

    fn word(name: &str, usage: &str) -> Command {
        Command {
            aliases: vec!["alias".into(), "é\"".into()],
            usage: usage.into(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            ..command(name)
        }
    }

    fn set(key: &str, value: Option<&str>) -> Effect {
        Effect::Module(name("help"), ModuleEffect::ChangeSetting { key: key.into(), value: value.map(Into::into) })
    }

    fn claim(word: Command) -> Effect {
        Effect::Module(name("quotes"), ModuleEffect::ClaimWord { word })
    }

    #[tokio::test]
    async fn a_new_channel_has_the_defaults() {
        let fixture = Fixture::with_channel().await;
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!((record.channel.id, record.channel.login, record.bot), (CHANNEL, login("shop"), bot("bot")));
        assert_eq!((record.revision, record.prefix, &*record.locale), (Revision(1), Prefix::default(), "en"));
        assert_eq!(record.muted_until, None);
        assert!(record.modules.is_empty() && record.settings.is_empty());
        assert!(record.claimed.is_empty() && record.grants.is_empty());
        assert_eq!(fixture.store.load_channel(ChannelId(8)).await.unwrap(), None);
        assert_eq!(fixture.list_known_ids(), [CHANNEL]);
    }

    #[tokio::test]
    async fn what_was_set_up_is_read_back() {
        let fixture = Fixture::with_channel().await;
        let until = commit("", Vec::new()).at + Duration::from_millis(1);
        let effects = vec![
            Effect::Setup(SetupEffect::ChangePrefix("«".parse().unwrap())),
            Effect::Setup(SetupEffect::ChangeLocale("pt-BR".into())),
            Effect::Module(name("join"), ModuleEffect::Switch { enabled: false }),
            Effect::Module(name("balance"), ModuleEffect::Switch { enabled: false }),
            Effect::Module(name("balance"), ModuleEffect::Switch { enabled: true }),
            set("b", Some("2")),
            set("a", Some("1")),
            set("a", Some("")),
            Effect::Setup(SetupEffect::Mute { until: Some(until) }),
            claim(word("one", "old")),
            claim(word("one", "new")),
            claim(word("two", "")),
        ];
        fixture.commit("1", effects).await;
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!((record.revision, record.prefix.as_str(), record.muted_until), (Revision(2), "«", Some(until)));
        assert_eq!(&*record.locale, "pt-BR");
        let switched = |enabled| ModuleRecord { enabled: Some(enabled), ..ModuleRecord::default() };
        assert_eq!(record.modules, [(name("balance"), switched(true)), (name("join"), switched(false))].into());
        let settings = [("a".to_owned(), String::new()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(record.settings, [(name("help"), settings.into())].into());
        assert_eq!(record.claimed, [(name("quotes"), vec![word("one", "new"), word("two", "")])].into());
    }

    #[tokio::test]
    async fn what_a_channel_says_of_a_module_is_read_back() {
        let fixture = Fixture::with_channel().await;
        let (digest, version) = (ModuleDigest([1; 32]), semver::Version::new(1, 2, 3));
        let grants = Grants { capabilities: vec![Capability::Storage], ..Grants::default() };
        let until = commit("", Vec::new()).at;
        let blow = |digest| Effect::Module(name("dice"), ModuleEffect::BlowFuse { digest, until: Some(until) });
        let effects = vec![
            Effect::Module(name("dice"), ModuleEffect::AcceptVersion { digest, grants: grants.clone() }),
            Effect::Module(name("dice"), ModuleEffect::PinVersion { version: Some(version.clone()) }),
            blow(ModuleDigest([2; 32])),
            blow(digest),
            blow(digest),
        ];
        fixture.commit("1", effects).await;
        let load = || at_once(fixture.store.load_channel(CHANNEL)).unwrap().unwrap();
        let blown = Some(BlownFuse { digest, until: Some(until), times: 2, is_over: false });
        let expected = ModuleRecord { enabled: None, accepted: Some(digest), pinned: Some(version), blown };
        assert_eq!(load().modules, [(name("dice"), expected.clone())].into());
        assert_eq!(load().grants, [(digest, grants)].into());
        let switch = Effect::Module(name("dice"), ModuleEffect::Switch { enabled: true });
        fixture
            .commit("2", vec![switch, Effect::Module(name("dice"), ModuleEffect::PinVersion { version: None })])
            .await;
        let restored = ModuleRecord { enabled: Some(true), pinned: None, blown: None, ..expected };
        assert_eq!(load().modules[&name("dice")], restored);
        let blow = Effect::Module(name("dice"), ModuleEffect::BlowFuse { digest, until: None });
        fixture.commit("3", vec![blow, Effect::Module(name("dice"), ModuleEffect::RestoreFuse)]).await;
        assert_eq!(load().modules[&name("dice")], restored);
    }

    #[tokio::test]
    async fn what_was_taken_back_is_gone() {
        let fixture = Fixture::with_channel().await;
        fixture
            .commit(
                "1",
                vec![
                    set("a", Some("1")),
                    claim(word("one", "")),
                    Effect::Setup(SetupEffect::Mute { until: Some(SystemTime::UNIX_EPOCH) }),
                ],
            )
            .await;
        let release = |module: &str| Effect::Module(name(module), ModuleEffect::ReleaseWord { name: "one".into() });
        fixture.commit("2", vec![release("somebody-else")]).await;
        assert_eq!(fixture.store.load_channel(CHANNEL).await.unwrap().unwrap().claimed.len(), 1);
        fixture
            .commit("3", vec![set("a", None), release("quotes"), Effect::Setup(SetupEffect::Mute { until: None })])
            .await;
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert!(record.settings.is_empty() && record.claimed.is_empty() && record.muted_until.is_none());
    }

    #[tokio::test]
    async fn a_commit_to_storage_leaves_the_setup_as_it_is() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "")]).await;
        assert_eq!(fixture.store.load_channel(CHANNEL).await.unwrap().unwrap().revision, Revision(1));
    }
}
