//! A lost, empty or wrong database: no other file is deleted, and the operator is told what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use tests::guests;

use crate::killed::ApiAccess;
use crate::module::{Host, Stage};
use crate::process::{Finished, twitchy};

/// The migrations of the schema up to the time when the audit held texts only, no structured data.
fn steps_with_words_alone() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let older = files.iter().take_while(|file| !file.ends_with("0012_audit_values.sql"));
    older.map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The stage after a host with one uploaded module has stopped in order, and its component files.
fn with_module() -> (Stage, Vec<String>) {
    let stage = Stage::new();
    let host = stage.start();
    let file = stage.write("echo.wasm", guests::ECHO);
    stage.ask(&host, &format!("push {file}"));
    stop(host);
    let components = stage.list_components();
    assert_eq!(components.len(), 1);
    (stage, components)
}

fn stop(host: Host) {
    host.running.send_signal("TERM");
    let (status, errors) = host.running.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
}

fn database(stage: &Stage) -> PathBuf {
    stage.folder.path().join("data/twitchy.sqlite")
}

/// Expects the program to refuse to start, and returns its errors.
fn refuse(stage: &Stage) -> String {
    let (status, errors) = stage.start_program().finish();
    assert_eq!(status.code(), Some(1), "{errors:#?}");
    errors.join("\n")
}

#[test]
fn an_empty_database_is_refused_and_costs_no_component() {
    let (stage, components) = with_module();
    let whole = fs::read(database(&stage)).unwrap();
    fs::write(database(&stage), "").unwrap();
    let refused = refuse(&stage);
    let ways = "twitchy.sqlite is empty: restore it from a backup, or delete it to begin anew";
    assert!(refused.contains(ways), "{refused}");
    assert_eq!(stage.list_components(), components);
    fs::write(database(&stage), whole).unwrap();
    let host = stage.start();
    assert!(stage.ask(&host, "list").contains("echo "));
    stop(host);
}

#[test]
fn a_database_of_another_program_is_refused_as_it_is() {
    let (stage, components) = with_module();
    fs::remove_file(database(&stage)).unwrap();
    Connection::open(database(&stage)).unwrap().execute_batch("CREATE TABLE bookmarks (url)").unwrap();
    let before = fs::read(database(&stage)).unwrap();
    let refused = refuse(&stage);
    assert!(refused.contains("is the database of another program, with the table bookmarks"), "{refused}");
    assert_eq!((fs::read(database(&stage)).unwrap(), stage.list_components()), (before, components));
}

#[test]
fn a_lost_database_is_told_and_what_it_knew_is_kept_until_it_comes_back() {
    let (stage, components) = with_module();
    let aside = stage.folder.path().join("aside.sqlite");
    fs::rename(database(&stage), &aside).unwrap();
    let running = stage.start_program();
    let told = running.wait_for_error("the database is new, and files beside it are older");
    assert!(told.contains("WARN") && told.contains("1 uploaded component"), "{told}");
    running.wait_for_error("the API answers at");
    running.send_signal("TERM");
    assert_eq!(running.finish().0.code(), Some(0));
    assert_eq!(stage.list_components(), components);
    // The next start finds the database that this one made, and must not delete the unknown component either.
    let running = stage.start_program();
    let told = running.wait_for_error("components that the database knows nothing of");
    assert!(told.contains("WARN") && told.contains("count=1"), "{told}");
    running.wait_for_error("the API answers at");
    running.send_signal("TERM");
    assert_eq!(running.finish().0.code(), Some(0));
    assert_eq!(stage.list_components(), components);
    fs::rename(&aside, database(&stage)).unwrap();
    let host = stage.start();
    assert!(stage.ask(&host, "show echo").contains("echo"));
    stop(host);
}

#[test]
fn another_vault_key_and_a_missing_one_are_told_at_the_start() {
    let (stage, _) = with_module();
    // The sealed form names the fingerprint of its key; no key file here has this one.
    let sealed = [&[1][..], &[7; 8], &[0; 40]].concat();
    let connection = Connection::open(database(&stage)).unwrap();
    let channel = "INSERT INTO channels (channel_id, login, display_name, bot) SELECT 7, 'shop', 'Shop', bot FROM bots";
    assert_eq!(connection.execute(channel, []).unwrap(), 1);
    let secret = "INSERT INTO secrets (channel_id, module, key, sealed, changed_at) VALUES (7, 'echo', 'token', ?1, 0)";
    connection.execute(secret, [sealed]).unwrap();
    drop(connection);
    let told = |part: &str| {
        let running = stage.start_program();
        let told = running.wait_for_error(part);
        assert!(told.contains("ERROR") && told.contains("where it is lost, remove the secret settings"), "{told}");
        running.wait_for_error("the API answers at");
        running.send_signal("TERM");
        assert_eq!(running.finish().0.code(), Some(0));
    };
    told("vault.key is missing: restore it from the backup");
    let key = stage.folder.path().join("data/vault.key");
    fs::write(&key, [3; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    told("vault.key is not the key that the stored secrets were sealed with: restore that one");
}

/// Old audit lines, one for each kind of actor. The last text looks like JSON data, but must be shown as text.
const LINES: &str = "INSERT INTO audit VALUES
    (1, unixepoch() * 1000 - 8000, 'command-line', NULL, NULL, NULL, 'root (uid 0)', NULL, 'create-key', NULL, '0123456789ab', NULL, 'op: operator'),
    (2, unixepoch() * 1000 - 7000, 'host', NULL, NULL, NULL, NULL, NULL, 'blow-fuse', 7, 'dice', 'on', 'on, fuse blown 1 times by ab'),
    (3, unixepoch() * 1000 - 6000, 'chatter', NULL, NULL, 7, 'shop', NULL, 'want-channel', 7, '', NULL, '#shop with mybot'),
    (4, unixepoch() * 1000 - 5000, 'claim', '0123456789ab', 'op', 8, 'alice', '::1', 'call-command', 7, 'roll', NULL, 'answered'),
    (5, unixepoch() * 1000 - 4000, 'key', '0123456789ab', 'op', NULL, NULL, '::1', 'change-setting', 7, 'dice/note', NULL, '{\"text\":\"x\"}')";

#[test]
fn a_line_of_the_audit_that_is_words_alone_stays_beside_one_that_is_data() {
    let stage = Stage::new();
    let newer = stage.folder.path().join("newer.sqlite");
    fs::rename(database(&stage), &newer).unwrap();
    let connection = Connection::open(database(&stage)).unwrap();
    let steps = steps_with_words_alone();
    let version = i64::try_from(steps.len()).unwrap();
    steps.iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection.pragma_update(None, "user_version", version).unwrap();
    connection.execute("UPDATE schema_version SET version = ?1", [version]).unwrap();
    connection.execute(&format!("ATTACH '{}' AS newer", newer.display()), []).unwrap();
    connection.execute("INSERT INTO api_keys SELECT * FROM newer.api_keys", []).unwrap();
    connection.execute(LINES, []).unwrap();
    drop(connection);
    let host = stage.start();
    let create = ["api-key", "create", "--name", "second", "--scope", "channel:7", "--role", "vip", "--config"];
    let made = Finished::of(twitchy(&create).arg(&stage.config));
    assert_eq!(made.code, Some(0), "{}", made.errors);
    let address = host.url.strip_prefix("http://").unwrap().to_owned();
    let api = ApiAccess { address, key: stage.key.clone() };
    let list = |query: &str| {
        let listed = api.ask(&format!("GET /api/v1/audit?{query}"));
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or("-").to_owned();
        let show = |line| ["action", "subject", "before", "after"].map(|key| text(line, key)).join(" | ");
        listed["items"].as_array().unwrap().iter().map(show).collect::<Vec<String>>()
    };
    let all = list("");
    let created = all.first().unwrap();
    assert!(created.starts_with("create-key | ") && created.ends_with(" | - | second: channel:7 as vip"), "{created}");
    let older = [
        r#"change-setting | dice/note | - | {"text":"x"}"#,
        "call-command | roll | - | answered",
        "want-channel |  | - | #shop with mybot",
        "blow-fuse | dice | on | on, fuse blown 1 times by ab",
        "create-key | 0123456789ab | - | op: operator",
    ];
    assert_eq!(all[1..], older);
    assert_eq!(list("actor=key:0123456789ab"), older[..2]);
    assert_eq!((list("actor=chatter:8"), list("actor=host")), (vec![older[1].to_owned()], vec![older[3].to_owned()]));
    stop(host);
    // The migrated table is still append-only: no line can be changed, or deleted early.
    let connection = Connection::open(database(&stage)).unwrap();
    for sql in ["UPDATE audit SET after = ''", "DELETE FROM audit"] {
        assert!(connection.execute(sql, []).unwrap_err().to_string().contains("append-only"));
    }
}
