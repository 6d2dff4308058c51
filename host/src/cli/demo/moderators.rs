//! The moderators of each channel, saved across runs of the demo, because the fake Twitch keeps nothing between runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;

use super::names::{BOT, CHANNELS};
use crate::domain::id::Login;

/// The file's name in the state folder, beside the database.
const FILE: &str = "moderators.json";

/// The moderators of each channel, by login.
type ModeratorsByChannel = BTreeMap<String, BTreeSet<String>>;

pub(super) struct Moderators {
    path: PathBuf,
    appointed: Mutex<ModeratorsByChannel>,
}

impl Moderators {
    /// Loads the saved moderators. Without a file, the bot moderates its first channels.
    pub(super) fn load(state_dir: &Path) -> anyhow::Result<Moderators> {
        let path = state_dir.join(FILE);
        let appointed = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged: delete it, and appoint the moderators anew", path.display())
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                CHANNELS.map(|channel| (channel.to_owned(), BTreeSet::from([BOT.to_owned()]))).into()
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Moderators { path, appointed: Mutex::new(appointed) })
    }

    /// Each channel with its moderators.
    pub(super) fn list(&self) -> ModeratorsByChannel {
        self.lock().clone()
    }

    /// Makes `login` a moderator of `channel`, or no moderator, and saves the list. False if nothing changed.
    pub(super) fn appoint(&self, channel: &Login, login: &Login, is_moderator: bool) -> anyhow::Result<bool> {
        let mut appointed = self.lock();
        let moderators = appointed.entry(channel.to_string()).or_default();
        let is_changed = match is_moderator {
            true => moderators.insert(login.to_string()),
            false => moderators.remove(login.as_str()),
        };
        if is_changed {
            save(&self.path, &appointed).with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(is_changed)
    }

    /// Ignores poisoning: the map is consistent after every statement, so a panic under the lock cannot break it.
    fn lock(&self) -> MutexGuard<'_, ModeratorsByChannel> {
        self.appointed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a second file and renames it over the first, so that a crash leaves either the old list or the new one.
fn save(path: &Path, appointed: &ModeratorsByChannel) -> anyhow::Result<()> {
    let fresh = path.with_added_extension("new");
    fs::write(&fresh, serde_json::to_vec_pretty(appointed)?)?;
    fs::rename(&fresh, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str) -> Login {
        name.parse().unwrap()
    }

    #[test]
    fn who_was_appointed_is_kept_and_who_was_dismissed_too() {
        let folder = tempfile::tempdir().unwrap();
        let moderators = Moderators::load(folder.path()).unwrap();
        assert!(!moderators.appoint(&login("shop"), &login(BOT), true).unwrap());
        assert!(moderators.appoint(&login("alice"), &login(BOT), true).unwrap());
        assert!(moderators.appoint(&login("cafe"), &login(BOT), false).unwrap());
        let kept = Moderators::load(folder.path()).unwrap().list();
        let shown: Vec<String> = kept.iter().map(|(channel, logins)| format!("{channel}: {logins:?}")).collect();
        assert_eq!(shown, ["alice: {\"twitchy\"}", "cafe: {}", "shop: {\"twitchy\"}"]);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        let error = Moderators::load(folder.path()).err().unwrap().to_string();
        assert!(error.contains("moderators.json is damaged"), "{error}");
    }
}
