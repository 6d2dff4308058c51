//! Why a module cannot be as it was wanted, to a client.

use super::WrongValue;
use crate::http::body::sentence;
use crate::http::echo::show_field;
use crate::modules::consent::ConsentError;
use crate::setup::module_change::{ModuleChangeError, Problem};

pub(super) fn code(error: &ModuleChangeError) -> &'static str {
    match error {
        ModuleChangeError::Consent(error) => code_of_consent(error),
        ModuleChangeError::UnknownModule => "unknown_module",
        ModuleChangeError::AlwaysOn(_) => "always_on",
        ModuleChangeError::FixedGrants(_) => "fixed_grants",
        ModuleChangeError::WordTaken { .. } => "word_taken",
        ModuleChangeError::Unknown(_) => "unknown_setting",
        ModuleChangeError::Invalid(_) => "invalid_setting",
    }
}

fn code_of_consent(error: &ConsentError) -> &'static str {
    match error {
        ConsentError::UnknownVersion(_) => "unknown_version",
        ConsentError::Withdrawn(_) => "version_withdrawn",
        ConsentError::NoVersion => "no_version",
        ConsentError::NotDue(_) => "version_not_due",
        ConsentError::NothingBefore => "nothing_before",
        ConsentError::NeedsOperator(_) => "needs_operator",
        ConsentError::NeedsGrant(_) => "needs_grant",
        ConsentError::SizeClass => "size_class_not_allowed",
        ConsentError::NotRequested(_) => "not_requested",
    }
}

/// Without our names at the start of a sentence, where they would look like words.
pub(super) fn detail(error: &ModuleChangeError) -> String {
    match error {
        ModuleChangeError::UnknownModule => "There is no such module.".to_owned(),
        ModuleChangeError::AlwaysOn(name) => format!("The module {name} is always on."),
        ModuleChangeError::WordTaken { word, module, other } => format!(
            "The module {module} would answer to {word}, which calls {other} here: give one of the two commands other words, \
             in its aliases."
        ),
        ModuleChangeError::Unknown(_) | ModuleChangeError::Invalid(_) => {
            let wrong = list_wrong(error);
            let lines: Vec<String> = wrong.iter().map(|wrong| format!("{} {}", wrong.field, wrong.detail)).collect();
            format!("Not as the module has it: {}.", lines.join("; "))
        }
        _ => sentence(error),
    }
}

pub(super) fn list_wrong(error: &ModuleChangeError) -> Vec<WrongValue> {
    match error {
        ModuleChangeError::Unknown(problems) | ModuleChangeError::Invalid(problems) => {
            problems.iter().map(WrongValue::of).collect()
        }
        _ => Vec::new(),
    }
}

impl WrongValue {
    pub fn of(problem: &Problem) -> WrongValue {
        WrongValue { field: show_field(&problem.key), detail: format!("should be {}", problem.expected) }
    }
}
