//! Lists the host's problems: the report, the exit code of `twitchy status` and `/readyz` all follow from this list.

use std::fmt;

use super::{AccountStatus, ChannelsStatus, ModuleStatus, Status, StorageStatus, UnloadableStatus, line, shortage};
use crate::twitch::account::state::Phase;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is affected, such as `account mybot`.
    pub subject: String,
    /// What is wrong, and the next step if there is one. For the operator.
    pub detail: String,
    /// What `/readyz` tells anybody: a sentence without paths and names of variables. `None` if the host still works.
    pub unready: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.detail)
    }
}

/// All problems; empty if there are none. Channels that Twitch does not let the account join are not included: only
/// their broadcasters can change that.
pub fn list_problems(status: &Status) -> Vec<Problem> {
    let accounts = status.accounts.iter().flat_map(list_account_problems);
    let unloadable = status.unloadable.iter().map(describe_unloadable);
    let modules = status.modules.iter().filter_map(find_module_problem);
    accounts.chain(list_storage_problems(&status.storage)).chain(unloadable).chain(modules).collect()
}

fn list_account_problems(account: &AccountStatus) -> Vec<Problem> {
    let problem = |detail: String, unready: Option<&str>| Problem {
        subject: format!("account {}", account.login),
        detail,
        unready: unready.map(str::to_owned),
    };
    // A paused account is as the operator wants it.
    if account.phase == Phase::Paused {
        return Vec::new();
    }
    if account.phase != Phase::Online {
        return vec![problem(line::describe_phase(account), describe_offline(account.phase))];
    }
    let ChannelsStatus { pending, without_slot, .. } = account.channels;
    let hold = line::describe_joins_hold(account);
    let pending = (pending > 0).then(|| format!("still joining {}{hold}", line::channels(pending)));
    let without_slot = (without_slot > 0).then(|| format!("no place for {}", line::channels(without_slot)));
    let former = account.former.as_ref().map(|former| describe_former(&account.login, former));
    let others = [former, pending, without_slot, line::describe_hold(account)].into_iter().flatten();
    let details = others.chain(shortage::describe_lost(&account.lost_to_limits));
    details.map(|detail| problem(detail, None)).collect()
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

fn list_storage_problems(storage: &StorageStatus) -> Vec<Problem> {
    let problem = |subject: &str, what: &str, reason: &Option<String>, next: &str, is_unready: bool| {
        let reason = reason.as_ref()?;
        let unready = is_unready.then(|| format!("{}.", capitalize(what)));
        Some(Problem { subject: subject.to_owned(), detail: format!("{what}: {reason}; {next}"), unready })
    };
    let make_room = "make room on the disk of data_dir, or make it writable: the host tries again by itself";
    let database = problem("database", "changes cannot be written", &storage.database, make_room, true);
    let components = problem("modules", "uploads cannot be kept", &storage.components, make_room, true);
    let without = "modules run all the same, and are compiled anew by the next start";
    let artefacts = problem("compiled modules", "they cannot be kept", &storage.artefacts, without, false);
    [database, components, artefacts].into_iter().flatten().collect()
}

/// A module that the operator's configuration keeps from running does not make the host unready.
fn find_module_problem(module: &ModuleStatus) -> Option<Problem> {
    let detail = module.trouble.clone()?;
    Some(Problem { subject: format!("module {}", module.name), detail, unready: None })
}

/// A module that is to blame itself harms only the channels that enabled it, so the host stays ready.
fn describe_unloadable(module: &UnloadableStatus) -> Problem {
    Problem {
        subject: format!("module {} {}", module.name, module.version),
        detail: format!("cannot be loaded: {}; upload this version again, or withdraw it", module.reason),
        unready: module.is_hosts_fault.then(|| "It cannot be loaded.".to_owned()),
    }
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
