//! A database that is lost, empty or another one: nothing beside it is deleted, and the operator is told what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use tests::guests;

use crate::module::{Host, Stage};

/// A host with one uploaded module, which has ended in order.
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

/// What it says as it refuses to start.
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
    // The next start is no first one any more, and deletes nothing either.
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
    // Sealed by a key with this fingerprint, which no key file here has.
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
