//! Detects a new database beside older files: the old database was lost, or the wrong folder was mounted.

use std::path::Path;

use tracing::warn;

use crate::store::host::components::Components;
use crate::vault::key_path;

/// Tells the operator which older files there are, and how to get back to the old state. Deletes nothing.
pub(super) fn warn_of_older_files(components: &Components, data_dir: &Path) {
    let older = list_older_files(components, data_dir);
    if !older.is_empty() {
        warn!(
            older = older.join(", "),
            folder = %data_dir.display(),
            "the database is new, and files beside it are older: they are kept; to have the old state back, stop, put the \
             old database in its place, and start again"
        );
    }
}

fn list_older_files(components: &Components, data_dir: &Path) -> Vec<String> {
    let mut older = Vec::new();
    match components.list().unwrap_or_default().len() {
        0 => {}
        1 => older.push("1 uploaded component".to_owned()),
        count => older.push(format!("{count} uploaded components")),
    }
    if key_path(data_dir).exists() {
        older.push("vault.key".to_owned());
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ModuleDigest;

    #[test]
    fn what_outlived_a_database_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let components = Components::open(&folder.path().join("modules")).unwrap();
        let list = || list_older_files(&components, folder.path()).join(", ");
        assert_eq!(list(), "");
        std::fs::write(folder.path().join("vault.key"), "").unwrap();
        assert_eq!(list(), "vault.key");
        components.save(ModuleDigest([1; 32]), b"one").unwrap();
        assert_eq!(list(), "1 uploaded component, vault.key");
        components.save(ModuleDigest([2; 32]), b"two").unwrap();
        assert_eq!(list(), "2 uploaded components, vault.key");
    }
}
