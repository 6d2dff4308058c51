//! What is not as it should be: one list, from which the report, the exit code of `twitchy status` and `/readyz` follow.

use std::fmt;

use super::{AccountStatus, ChannelsStatus, ModuleStatus, Status, StorageStatus, UnloadableStatus, line, shortage};
use crate::twitch::account::state::Phase;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is concerned, such as `account mybot`.
    pub subject: String,
    /// What is wrong with it, and the next step where there is one. For the operator.
    pub detail: String,
    /// What `/readyz` says to anybody who asks: a sentence without paths and names of variables. None where the host does
    /// its work all the same.
    pub unready: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.detail)
    }
}

impl Status {
    /// All that is not well; empty where nothing is. A channel in which Twitch does not let the account sit is not among
    /// it: nobody but its broadcaster can change that.
    pub fn list_problems(&self) -> Vec<Problem> {
        let accounts = self.accounts.iter().flat_map(AccountStatus::list_problems);
        let unloadable = self.unloadable.iter().map(UnloadableStatus::problem);
        let modules = self.modules.iter().filter_map(ModuleStatus::problem);
        accounts.chain(self.storage.list_problems()).chain(unloadable).chain(modules).collect()
    }
}

impl AccountStatus {
    fn list_problems(&self) -> Vec<Problem> {
        let problem = |detail: String, unready: Option<&str>| Problem {
            subject: format!("account {}", self.login),
            detail,
            unready: unready.map(str::to_owned),
        };
        // Nothing is wrong with an account that the operator has paused.
        if self.phase == Phase::Paused {
            return Vec::new();
        }
        if self.phase != Phase::Online {
            return vec![problem(self.describe_phase(), describe_offline(self.phase))];
        }
        let ChannelsStatus { pending, without_place, .. } = self.channels;
        let hold = self.describe_joins_hold();
        let pending = (pending > 0).then(|| format!("still joining {}{hold}", line::channels(pending)));
        let without_place = (without_place > 0).then(|| format!("no place for {}", line::channels(without_place)));
        let former = self.former.as_ref().map(|former| describe_former(&self.login, former));
        let others = [former, pending, without_place, self.describe_hold()].into_iter().flatten();
        let details = others.chain(shortage::describe_lost(&self.lost_to_limits));
        details.map(|detail| problem(detail, None)).collect()
    }
}

fn describe_former(login: &str, former: &str) -> String {
    format!(
        "Twitch has given the login {login} to another account: the channels of the former one (id {former}) are kept, and not \
         joined by this one; those that it is to join belong into channels.join of the configuration, and go to it at the next start"
    )
}

fn describe_offline(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Online | Phase::Paused => None,
        Phase::Connecting => Some("It is connecting to Twitch."),
        Phase::NoToken => Some("It has no token."),
        Phase::Refused => Some("It cannot log in with its token."),
        Phase::Stopped => Some("It has stopped."),
    }
}

impl StorageStatus {
    fn list_problems(&self) -> Vec<Problem> {
        let problem = |subject: &str, what: &str, reason: &Option<String>, next: &str, is_unready: bool| {
            let reason = reason.as_ref()?;
            let unready = is_unready.then(|| format!("{}.", capitalize(what)));
            Some(Problem { subject: subject.to_owned(), detail: format!("{what}: {reason}; {next}"), unready })
        };
        let make_room = "make room on the disk of data_dir, or make it writable: the host tries again by itself";
        let database = problem("database", "changes cannot be written", &self.database, make_room, true);
        let components = problem("modules", "uploads cannot be kept", &self.components, make_room, true);
        let without = "modules run all the same, and are compiled anew by the next start";
        let artefacts = problem("compiled modules", "they cannot be kept", &self.artefacts, without, false);
        [database, components, artefacts].into_iter().flatten().collect()
    }
}

impl ModuleStatus {
    /// What the operator's configuration keeps from running is no reason to call the host unready.
    fn problem(&self) -> Option<Problem> {
        let detail = self.trouble.clone()?;
        Some(Problem { subject: format!("module {}", self.name), detail, unready: None })
    }
}

impl UnloadableStatus {
    /// A module that is itself to blame harms only the channels that enabled it, so the host stays ready.
    fn problem(&self) -> Problem {
        Problem {
            subject: format!("module {} {}", self.name, self.version),
            detail: format!("cannot be loaded: {}; upload this version again, or withdraw it", self.reason),
            unready: self.is_hosts_fault.then(|| "It cannot be loaded.".to_owned()),
        }
    }
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
