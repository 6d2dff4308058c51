//! The audit: who changed what. Lines are only added. The schema itself prevents changing a line, and deleting one
//! before it is older than the configured time.

mod value;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Row, ToSql, params, params_from_iter};

use self::value::Stored;
use crate::domain::audit::{Actor, ActorKind, AuditEntry, AuditFilter, AuditValue, Change, Stamp};
use crate::domain::id::Login;
use crate::domain::principal::CallerId;
use crate::store::json_text::Text;
use crate::store::sqlite::columns::{At, Json};
use crate::store::sqlite::sql::{Purged, execute, list_rows};

/// Most rows of a page, whatever limit the caller asks for.
const MOST_ROWS: usize = 1000;
/// Most characters kept of a text: a setting may be a whole page of text, and may be changed a thousand times.
const LONGEST_TEXT: usize = 2000;
/// Replaces the cut-off rest of a text.
const CUT: char = '\u{2026}';

/// Rows per deletion: the writer does nothing else meanwhile.
const MOST_PURGED: usize = 100;
/// The action of a command call over HTTP. The schema uses the same name.
pub const CALL: &str = "call-command";

/// For how long lines are kept; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditRetention {
    pub changes: Option<Duration>,
    /// Each command call over HTTP is a line, and a key's holder makes as many calls as the key's rate allows. Lines of
    /// calls are deleted after `changes` at the latest.
    pub calls: Option<Duration>,
}

pub(crate) fn list(
    connection: &Connection,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<AuditEntry>> {
    let (sql, parameters) = query(filter, before, limit);
    list_rows(connection, &sql, params_from_iter(parameters), read_entry)
}

/// Adds a line; must be called in the transaction that makes the change.
pub(crate) fn record(connection: &Connection, stamp: &Stamp, change: &Change) -> rusqlite::Result<()> {
    let (caller, caller_name) = stamp.by.caller().unzip();
    let (chatter, login) = stamp.by.chatter().unzip();
    // With the person's id here, a search by Twitch id also finds what that person did while logged in.
    let person = if let Some(CallerId::Person(person)) = caller { Some(*person) } else { None };
    let sql = "INSERT INTO audit
         (at, actor, caller, caller_name, chatter_id, login, address, action, channel_id, subject, before, after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let parameters = params![
        At(stamp.at),
        stamp.by.kind(),
        caller,
        caller_name.map(cut),
        chatter.or(person),
        login.map(Login::as_str).or(stamp.by.shell()).map(cut),
        stamp.address.map(Text),
        change.action,
        change.channel,
        cut(&change.subject),
        change.before.as_ref().map(store_value),
        change.after.as_ref().map(store_value)
    ];
    execute(connection, sql, parameters).map(drop)
}

/// Deletes a limited number of lines that are older than `kept` says.
pub(crate) fn purge(connection: &Connection, kept: &AuditRetention, now: SystemTime) -> rusqlite::Result<Purged> {
    let of_calls = "SELECT audit_id FROM audit WHERE action = 'call-command' AND at < ?1 ORDER BY at LIMIT ?2";
    let of_all = "SELECT audit_id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2";
    let calls = [kept.calls, kept.changes].into_iter().flatten().min();
    for (class, kept, old) in [("calls", calls, of_calls), ("changes", kept.changes, of_all)] {
        let Some(before) = kept.and_then(|kept| now.checked_sub(kept)) else { continue };
        if delete_before(connection, class, old, before)? == Purged::Some {
            return Ok(Purged::Some);
        }
    }
    Ok(Purged::All)
}

/// Raises the horizon first: the schema refuses to delete any line that is not older than the horizon.
fn delete_before(connection: &Connection, class: &str, old: &str, before: SystemTime) -> rusqlite::Result<Purged> {
    let transaction = connection.unchecked_transaction()?;
    if !transaction.prepare_cached(old)?.exists(params![At(before), 1])? {
        return Ok(Purged::All);
    }
    let sql = "UPDATE audit_horizons SET at = max(at, ?2) WHERE class = ?1";
    execute(&transaction, sql, params![class, At(before)])?;
    let purged = execute(
        &transaction,
        &format!("DELETE FROM audit WHERE audit_id IN ({old})"),
        params![At(before), MOST_PURGED as i64],
    )?;
    transaction.commit()?;
    Ok(if purged < MOST_PURGED { Purged::All } else { Purged::Some })
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => (text[..end].to_owned() + CUT.encode_utf8(&mut [0; 4])).into(),
        None => text.into(),
    }
}

/// Shortens an overlong value to the beginning of its wording: strangers decide how long the lists in it are.
fn store_value(value: &AuditValue) -> Json<Stored> {
    let text = value.to_string();
    let is_long = text.char_indices().nth(LONGEST_TEXT).is_some();
    Json(Stored(if is_long { AuditValue::Text(cut(&text).into()) } else { value.clone() }))
}

type Parameters<'a> = Vec<Box<dyn ToSql + 'a>>;

/// Builds the SQL from constants only, one text per set of filters: few enough to stay prepared.
fn query<'a>(filter: &'a AuditFilter, before: Option<u64>, limit: usize) -> (String, Parameters<'a>) {
    // The most selective columns come first. Without statistics about the rows, SQLite would choose any of the indexes:
    // the `+` before all later columns leaves it only the first.
    let equal: [(&str, Option<Box<dyn ToSql + 'a>>); 6] = [
        ("chatter_id", filter.chatter.map(|chatter| Box::new(chatter) as _)),
        ("channel_id", filter.channel.map(|channel| Box::new(channel) as _)),
        ("subject", filter.subject.as_deref().map(|subject| Box::new(subject) as _)),
        ("caller", filter.caller.as_ref().map(|caller| Box::new(caller) as _)),
        ("action", filter.action.as_deref().map(|action| Box::new(action) as _)),
        ("actor", filter.kind.map(|kind| Box::new(kind) as _)),
    ];
    let (mut sql, mut parameters): (_, Parameters<'a>) = (LIST.to_owned(), Vec::new());
    let mut add = |condition: &str, parameter: Box<dyn ToSql + 'a>| {
        parameters.push(parameter);
        sql += &condition.replace('?', &format!("?{}", parameters.len()));
    };
    let mut sign = "";
    for (column, value) in equal {
        if let Some(value) = value {
            add(&format!(" AND {sign}{column} = ?"), value);
            sign = "+";
        }
    }
    if let Some(since) = filter.since {
        add(" AND at >= ?", Box::new(At(since)));
    }
    if let Some(before) = before {
        add(AFTER_LINE, Box::new(before.cast_signed()));
    }
    if let Some(until) = filter.until {
        // The line `before` lies before `until` already, so it is the better start of the search.
        let sign = if before.is_some() { "+" } else { "" };
        add(&format!(" AND {sign}at < ?"), Box::new(At(until)));
    }
    add(" ORDER BY at DESC, audit_id DESC LIMIT ?", Box::new(limit.min(MOST_ROWS) as i64));
    (sql, parameters)
}

/// The query that the filters narrow.
const LIST: &str =
    "SELECT audit_id, at, actor, caller, caller_name, chatter_id, login, address, action, channel_id, subject,
     before, after, is_worded FROM audit WHERE true";
/// Matches nothing if the line does not exist.
const AFTER_LINE: &str = " AND at <= (SELECT at FROM audit WHERE audit_id = ?)
     AND (at, audit_id) < ((SELECT at FROM audit WHERE audit_id = ?), ?)";

fn read_entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let At(at) = row.get(1)?;
    let address = row.get::<_, Option<Text<_>>>(7)?.map(|Text(address)| address);
    Ok(AuditEntry {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        stamp: Stamp { by: read_actor(row)?, at, address },
        change: Change {
            action: Cow::Owned(row.get(8)?),
            channel: row.get(9)?,
            subject: row.get(10)?,
            before: read_value(row, 11)?,
            after: read_value(row, 12)?,
        },
    })
}

/// Values stored as wording by an older version, or in a form of a newer one, are returned as they are stored.
fn read_value(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<AuditValue>> {
    let (text, is_worded): (Option<Box<str>>, bool) = (row.get(column)?, row.get(13)?);
    Ok(text.map(|text| match serde_json::from_str(&text) {
        Ok(Stored(value)) if !is_worded => value,
        _ => AuditValue::Worded(text),
    }))
}

fn read_actor(row: &Row<'_>) -> rusqlite::Result<Actor> {
    Ok(match row.get(2)? {
        ActorKind::Key | ActorKind::Person => Actor::Caller { id: row.get(3)?, name: row.get(4)? },
        ActorKind::Claim => {
            Actor::Claim { caller: row.get(3)?, name: row.get(4)?, chatter: row.get(5)?, login: row.get(6)? }
        }
        ActorKind::Chatter => Actor::Chatter { id: row.get(5)?, login: row.get(6)? },
        ActorKind::CommandLine => Actor::CommandLine { system_user: row.get(6)? },
        ActorKind::Host => Actor::Host,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rusqlite::types::FromSql;

    use super::*;
    use crate::domain::id::{ChannelId, ChatterId};
    use crate::domain::manifest::Grants;
    use crate::store::fixture::{CHANNEL, Fixture, in_memory};
    use crate::testing::{at_once, login};

    fn moment(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second)
    }

    fn stamp(by: Actor, second: u64) -> Stamp {
        Stamp { by, at: moment(second), address: None }
    }

    fn caller(id: &str) -> CallerId {
        id.parse().unwrap()
    }

    fn one_of_each_actor() -> [Actor; 6] {
        [
            Actor::Caller { id: caller("0123456789ab"), name: "deploy".into() },
            Actor::Caller { id: caller("person:1"), name: "alice".into() },
            Actor::Claim {
                caller: caller("0123456789ab"),
                name: "deploy".into(),
                chatter: ChatterId(u64::MAX >> 1),
                login: login("bob"),
            },
            Actor::Chatter { id: ChatterId(1), login: login("alice") },
            Actor::CommandLine { system_user: Some("root (uid 0)".into()) },
            Actor::Host,
        ]
    }

    fn text(text: &str) -> Option<AuditValue> {
        Some(AuditValue::Text(text.into()))
    }

    async fn note(fixture: &Fixture, stamp: Stamp, channel: Option<ChannelId>, subject: &str) {
        let change = Change { channel, ..Change::new("create-key", subject) };
        fixture.store.host.note_change(stamp, change).await.unwrap();
    }

    fn subjects(fixture: &Fixture, filter: &AuditFilter) -> Vec<String> {
        let entries = at_once(fixture.store.host.list_audit(filter, None, 100)).unwrap();
        entries.into_iter().map(|entry| entry.change.subject.into()).collect()
    }

    #[tokio::test]
    async fn a_line_is_read_back_as_it_was_written() {
        let fixture = Fixture::empty();
        for (second, by) in (0..).zip(one_of_each_actor()) {
            let address = ["127.0.0.1", "2001:db8::1"].get(second).map(|address| address.parse().unwrap());
            let stamp = Stamp { by, at: moment(0), address };
            let change = Change {
                channel: Some(CHANNEL),
                before: text(""),
                after: text("é"),
                ..Change::new("change-setting", "dice/sides")
            };
            fixture.store.host.note_change(stamp.clone(), change.clone()).await.unwrap();
            let read = fixture.store.host.list_audit(&AuditFilter::default(), None, 1).await.unwrap();
            let expected = AuditEntry { id: second as u64 + 1, stamp, change };
            assert_eq!(read, [expected]);
        }
    }

    #[tokio::test]
    async fn a_filter_lets_through_what_it_names() {
        let fixture = Fixture::empty();
        for (second, by) in (0..).zip(one_of_each_actor()) {
            let channel = (second != 4).then_some(CHANNEL);
            note(&fixture, stamp(by, second), channel, ["a", "p", "b", "c", "d", "e"][second as usize]).await;
        }
        let all = AuditFilter::default();
        let list = |filter: AuditFilter| subjects(&fixture, &filter).concat();
        assert_eq!(list(all.clone()), "edcbpa");
        assert_eq!(list(AuditFilter { channel: Some(CHANNEL), ..all.clone() }), "ecbpa");
        assert_eq!(list(AuditFilter { channel: Some(ChannelId(8)), ..all.clone() }), "");
        assert_eq!(list(AuditFilter { caller: Some(caller("0123456789ab")), ..all.clone() }), "ba");
        assert_eq!(list(AuditFilter { caller: Some(caller("person:1")), ..all.clone() }), "p");
        assert_eq!(list(AuditFilter { chatter: Some(ChatterId(1)), ..all.clone() }), "cp");
        assert_eq!(list(AuditFilter { subject: Some("d".into()), ..all.clone() }), "d");
        assert_eq!(list(AuditFilter { action: Some("create-key".into()), ..all.clone() }), "edcbpa");
        assert_eq!(list(AuditFilter { action: Some("mute".into()), ..all.clone() }), "");
        for (kind, found) in ActorKind::ALL.into_iter().zip(["a", "p", "b", "c", "d", "e"]) {
            assert_eq!(list(AuditFilter { kind: Some(kind), ..all.clone() }), found);
        }
        assert_eq!(list(AuditFilter { since: Some(moment(1)), until: Some(moment(4)), ..all.clone() }), "cbp");
        let kind = Some(ActorKind::Claim);
        let both = AuditFilter { channel: Some(CHANNEL), caller: Some(caller("0123456789ab")), kind, ..all };
        assert_eq!(list(both), "b");
    }

    #[tokio::test]
    async fn pages_follow_one_another_by_time_and_then_by_order() {
        let fixture = Fixture::empty();
        // The third line was written late: its call began before the call of the second line.
        for (subject, second) in [("a", 0), ("b", 5), ("c", 3), ("d", 5), ("e", 9)] {
            note(&fixture, stamp(Actor::Host, second), None, subject).await;
        }
        for filter in [
            AuditFilter { until: Some(moment(9)), ..AuditFilter::default() },
            AuditFilter { kind: Some(ActorKind::Host), until: Some(moment(9)), ..AuditFilter::default() },
        ] {
            let mut before = None;
            let mut listed = String::new();
            while let Some(entry) = fixture.store.host.list_audit(&filter, before, 1).await.unwrap().pop() {
                before = Some(entry.id);
                listed += &entry.change.subject;
            }
            assert_eq!(listed, "dbca");
            assert!(fixture.store.host.list_audit(&filter, Some(99), 10).await.unwrap().is_empty(), "no such line");
        }
        assert!(fixture.store.host.list_audit(&AuditFilter::default(), None, 0).await.unwrap().is_empty());
    }

    #[test]
    fn no_filter_makes_sqlite_sort_or_read_every_line() {
        let connection = in_memory();
        for bits in 0_u32..512 {
            let is_set = |bit: u32| bits >> bit & 1 == 1;
            let filter = AuditFilter {
                channel: is_set(0).then_some(CHANNEL),
                kind: is_set(1).then_some(ActorKind::Host),
                caller: is_set(2).then(|| caller("0123456789ab")),
                chatter: is_set(3).then_some(ChatterId(1)),
                action: is_set(4).then(|| "mute".into()),
                subject: is_set(5).then(|| "".into()),
                since: is_set(6).then(|| moment(0)),
                until: is_set(7).then(|| moment(1)),
            };
            let (sql, parameters) = query(&filter, is_set(8).then_some(1), 10);
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let lines = statement.query_map(params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<String> = lines.map(Result::unwrap).collect();
            let first = ["chatter", "channel", "subject", "caller", "action", "actor"]
                .into_iter()
                .zip([3, 0, 5, 2, 4, 1])
                .find(|(_, bit)| is_set(*bit))
                .map_or("time", |(name, _)| name);
            assert!(plan[0].contains(&format!("INDEX audit_by_{first}")), "{sql}: {plan:?}");
            let is_range = (6..9).any(is_set);
            assert_eq!(plan[0].contains("at<") || plan[0].contains("at>"), is_range, "{sql}: {plan:?}");
            assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{sql}: {plan:?}");
        }
    }

    #[test]
    fn what_was_written_stays() {
        let connection = in_memory();
        let by = stamp(Actor::CommandLine { system_user: None }, 0);
        record(&connection, &by, &Change { after: text("operator"), ..Change::new("create-key", "first") }).unwrap();
        for sql in [
            "UPDATE audit SET after = 'nothing'",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit (audit_id, at, actor, action, subject) VALUES (1, 0, 'host', 'mute', '')",
        ] {
            let error = connection.execute(sql, []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{sql}: {error}");
        }
        let after: String = connection.query_row("SELECT after FROM audit", [], |row| row.get(0)).unwrap();
        assert_eq!(after, r#"{"text":"operator"}"#);
    }

    #[tokio::test]
    async fn a_value_of_a_later_version_is_shown_as_it_is_stored() {
        let fixture = Fixture::empty();
        let insert = |connection: &Connection| {
            let sql = "INSERT INTO audit (at, actor, action, subject, before, after)
                       VALUES (0, 'host', 'mute', '', '{\"later\":1}', '{\"switch\":true}')";
            Ok(connection.execute(sql, []).map(drop)?)
        };
        fixture.write(insert).await.unwrap();
        let read = fixture.store.host.list_audit(&AuditFilter::default(), None, 1).await.unwrap().remove(0).change;
        let later = AuditValue::Worded("{\"later\":1}".into());
        assert_eq!((read.before, read.after), (Some(later), Some(AuditValue::Switch(true))));
    }

    #[tokio::test]
    async fn what_is_older_than_it_is_to_be_kept_goes_and_calls_sooner() {
        let fixture = Fixture::empty();
        let store = &fixture.store;
        let day = Duration::from_secs(24 * 3600);
        let list = || {
            let entries = at_once(store.host.list_audit(&AuditFilter::default(), None, MOST_ROWS)).unwrap();
            entries.iter().map(|entry| entry.change.subject.to_string()).collect::<String>()
        };
        // A due purge runs after the batch, so the next write sees its result.
        let write = async |seconds| {
            for subject in ["", ""] {
                store.host.note_change(stamp(Actor::Host, seconds), Change::new("mute", subject)).await.unwrap();
            }
        };
        for (action, subject) in [(CALL, "a"), ("mute", "b")] {
            store.host.note_change(stamp(Actor::Host, 0), Change::new(action, subject)).await.unwrap();
        }
        for number in 0..2 * MOST_PURGED as u64 {
            store.host.note_change(stamp(Actor::Host, number), Change::new(CALL, "")).await.unwrap();
        }
        fixture.clock.advance(400 * day);
        write(500).await;
        assert_eq!(list(), "ba", "nobody said how long");
        store.set_audit_retention(AuditRetention { changes: Some(402 * day), calls: Some(390 * day) });
        fixture.clock.advance(day);
        for _ in 0..4 {
            write(500).await;
        }
        assert_eq!(list(), "b");
        let calls = AuditFilter { action: Some(CALL.into()), ..AuditFilter::default() };
        assert!(subjects(&fixture, &calls).is_empty());
        fixture.clock.advance(2 * day);
        write(400 * 24 * 3600).await;
        assert_eq!(list(), "");
    }

    #[test]
    fn no_call_is_kept_longer_than_all_else() {
        for (calls, day) in [(Some(30), 20), (Some(10), 10), (None, 20)] {
            let connection = in_memory();
            let days = |days: u64| Duration::from_secs(days * 24 * 3600);
            for (age, action) in [(25, CALL), (25, "mute"), (15, CALL), (15, "mute"), (5, CALL)] {
                let stamp = Stamp { at: moment(0) - days(age), ..stamp(Actor::Host, 0) };
                record(&connection, &stamp, &Change::new(action, "")).unwrap();
            }
            let kept = AuditRetention { changes: Some(days(20)), calls: calls.map(days) };
            assert_eq!(purge(&connection, &kept, moment(0)).unwrap(), Purged::All);
            let oldest = |sql| connection.query_row(sql, [], |row| Ok(At::column_result(row.get_ref(0)?)?.0)).unwrap();
            let call = oldest("SELECT min(at) FROM audit WHERE action = 'call-command'");
            assert_eq!(call, moment(0) - days(if day == 10 { 5 } else { 15 }));
            assert_eq!(oldest("SELECT min(at) FROM audit WHERE action = 'mute'"), moment(0) - days(15));
        }
    }

    #[test]
    fn what_is_old_goes_only_behind_a_horizon_that_only_rises() {
        let connection = in_memory();
        for (second, action) in [(0, "mute"), (0, CALL), (9, CALL)] {
            record(&connection, &stamp(Actor::Host, second), &Change::new(action, "")).unwrap();
        }
        let raise = |class: &str, second| {
            let raised = "UPDATE audit_horizons SET at = ?2 WHERE class = ?1";
            connection.execute(raised, params![class, At(moment(second))])
        };
        raise("calls", 5).unwrap();
        assert!(raise("calls", 4).is_err() && connection.execute("DELETE FROM audit_horizons", []).is_err());
        assert!(connection.execute("DELETE FROM audit WHERE action = 'mute'", []).is_err());
        assert!(connection.execute("DELETE FROM audit WHERE action = 'call-command'", []).is_err(), "one is too young");
        let old = "DELETE FROM audit WHERE action = 'call-command' AND at < ?1";
        assert_eq!(connection.execute(old, [At(moment(5))]).unwrap(), 1);
        raise("changes", 1).unwrap();
        assert_eq!(connection.execute("DELETE FROM audit WHERE action = 'mute'", []).unwrap(), 1);
    }

    #[tokio::test]
    async fn a_long_list_is_kept_as_the_beginning_of_its_words() {
        let fixture = Fixture::empty();
        let versions = |count| AuditValue::Narrowed(vec![("1.0.0".into(), Grants::default()); count]);
        let change =
            Change { before: Some(versions(2)), after: Some(versions(256)), ..Change::new("narrow-grants", "dice") };
        fixture.store.host.note_change(stamp(Actor::Host, 0), change).await.unwrap();
        let read = fixture.store.host.list_audit(&AuditFilter::default(), None, 1).await.unwrap().remove(0).change;
        assert_eq!(read.before, Some(versions(2)));
        let Some(AuditValue::Text(after)) = read.after else { panic!("it is as long as the list") };
        assert!(after.starts_with("1.0.0: nothing | ") && after.chars().count() == LONGEST_TEXT + 1, "{after}");
    }

    #[tokio::test]
    async fn a_long_text_is_cut_with_a_mark() {
        let fixture = Fixture::empty();
        let exact = "é".repeat(LONGEST_TEXT);
        let longest = Change {
            before: text(&exact),
            after: text(&(exact.clone() + "!")),
            ..Change::new("mute", "s".repeat(3000))
        };
        fixture.store.host.note_change(stamp(Actor::Host, 0), longest).await.unwrap();
        let read = fixture.store.host.list_audit(&AuditFilter::default(), None, 1).await.unwrap().remove(0).change;
        assert_eq!((read.before, read.after), (text(&exact), text(&(exact + "…"))));
        assert_eq!(read.subject.chars().count(), LONGEST_TEXT + 1);
    }
}
