//! Valid values of settings, kind by kind.

use crate::domain::amount::Amount;
use crate::domain::id::ChatterId;
use crate::domain::manifest::{Setting, SettingKind};
use crate::domain::span::{parse_span, show_span};

/// In characters. The value of a setting fits into a chat message.
const LONGEST_TEXT: usize = 400;

/// Precedes a chatter's Twitch id, wherever a text may also name chatters by login.
pub const ID_MARK: &str = "id:";

/// The value as stored: one spelling for equal values. A chatter is given as `id:` and the Twitch id; the caller must
/// look up the id of a login before. The error continues the sentence "it should be ...".
pub fn check_value(kind: &SettingKind, text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    match kind {
        SettingKind::Text | SettingKind::Other(_) => check_text(text),
        SettingKind::Integer { least, most } => {
            let number = trimmed.parse::<i64>().ok().filter(|number| (least..=most).contains(&number));
            number.map(|number| number.to_string()).ok_or_else(|| format!("a whole number from {least} to {most}"))
        }
        SettingKind::Number => trimmed
            .parse::<Amount>()
            .map(|number| number.to_string())
            .map_err(|_| "a number such as 5 or 2.50".to_owned()),
        SettingKind::Boolean => {
            parse_boolean(trimmed).map(|value| value.to_string()).ok_or_else(|| "on or off".to_owned())
        }
        SettingKind::Choice(choices) => {
            let same = |choice: &&String| choice.to_lowercase() == trimmed.to_lowercase();
            choices.iter().find(same).cloned().ok_or_else(|| format!("one of {}", choices.join(", ")))
        }
        SettingKind::Duration => {
            parse_span(trimmed).map(show_span).ok_or_else(|| "a time such as 90s, 5m or 1h30m".to_owned())
        }
        SettingKind::Chatter => {
            let id = trimmed.strip_prefix(ID_MARK).and_then(|id| id.parse::<ChatterId>().ok());
            id.map(|id| format!("{ID_MARK}{id}")).ok_or_else(|| "a chatter who was seen here".to_owned())
        }
        SettingKind::Secret => Err("set in the portal, never in chat".to_owned()),
    }
}

/// The value to store; `None` if it is the author's default, which may even be one that [`check_value`] refuses.
pub(super) fn check_change(setting: &Setting, value: &str) -> Result<Option<String>, String> {
    if value == setting.default {
        return Ok(None);
    }
    check_value(&setting.kind, value).map(|value| (value != setting.default).then_some(value))
}

fn check_text(text: &str) -> Result<String, String> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(format!("at most {LONGEST_TEXT} characters long"));
    }
    if text.chars().any(char::is_control) {
        return Err("one line, without control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" => Some(true),
        "false" | "off" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_stored_in_one_spelling() {
        let choice = SettingKind::Choice(vec!["Red".into(), "blue".into()]);
        let integer = SettingKind::Integer { least: -5, most: 10 };
        for (kind, text, stored) in [
            (SettingKind::Text, " as typed ", " as typed "),
            (SettingKind::Other("colour".into()), "#f00", "#f00"),
            (integer.clone(), "007", "7"),
            (integer, "-5", "-5"),
            (SettingKind::Number, "2.50", "2.5"),
            (SettingKind::Boolean, "ON", "true"),
            (SettingKind::Boolean, "no", "false"),
            (choice, "red", "Red"),
            (SettingKind::Duration, "90s", "1m30s"),
            (SettingKind::Chatter, "id:42", "id:42"),
        ] {
            assert_eq!(check_value(&kind, text), Ok(stored.to_owned()), "{kind:?} {text}");
        }
    }

    #[test]
    fn what_a_kind_cannot_hold_is_refused() {
        let too_long = "a".repeat(401);
        for (kind, text) in [
            (SettingKind::Text, too_long.as_str()),
            (SettingKind::Text, "two\nlines"),
            (SettingKind::Integer { least: 1, most: 10 }, "0"),
            (SettingKind::Integer { least: 1, most: 10 }, "11"),
            (SettingKind::Integer { least: 1, most: 10 }, "5.0"),
            (SettingKind::Number, "1e3"),
            (SettingKind::Boolean, "perhaps"),
            (SettingKind::Choice(vec!["red".into()]), "green"),
            (SettingKind::Duration, "90"),
            (SettingKind::Chatter, "@bob"),
            (SettingKind::Chatter, "id:007"),
            (SettingKind::Secret, "hunter2"),
        ] {
            assert!(check_value(&kind, text).is_err(), "{kind:?} {text}");
        }
    }
}
