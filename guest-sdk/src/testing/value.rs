//! Valid values of settings: of those that a module declares, and of the host's own for each command.

use std::time::Duration;

use super::decimal::{parse_units, show_units};
use crate::{CommandInfo, Role, SettingKind, spans};

/// The host's own settings of a command, as in "roll.cooldown".
pub(super) const COMMAND_KEYS: [&str; 3] = ["role", "cooldown", "chatter-cooldown"];

const ROLES: [(&str, Role); 5] = [
    ("everyone", Role::Everyone),
    ("subscriber", Role::Subscriber),
    ("vip", Role::Vip),
    ("moderator", Role::Moderator),
    ("broadcaster", Role::Broadcaster),
];
/// Characters of a setting that is a text.
const LONGEST_TEXT: usize = 400;
const LONGEST_COOLDOWN: Duration = Duration::from_secs(24 * 60 * 60);

/// The value as stored: one spelling for equal values. The error completes "it should be ...". A chatter comes as "id:"
/// and the id.
pub(super) fn check_value(kind: &SettingKind, text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    match kind {
        SettingKind::Text | SettingKind::Other(_) if text.chars().count() > LONGEST_TEXT => {
            Err(format!("at most {LONGEST_TEXT} characters long"))
        }
        SettingKind::Text | SettingKind::Other(_) if text.chars().any(char::is_control) => {
            Err("one line, without control characters".to_owned())
        }
        SettingKind::Text | SettingKind::Other(_) => Ok(text.to_owned()),
        SettingKind::Integer(range) => {
            let number = trimmed.parse().ok().filter(|number| (range.least..=range.most).contains(number));
            number
                .map(|number| number.to_string())
                .ok_or_else(|| format!("a whole number from {} to {}", range.least, range.most))
        }
        SettingKind::Number => {
            let digits = trimmed.split_once('.').map_or(0, |(_, fraction)| fraction.len().min(18)) as u32;
            let units = parse_units(trimmed, digits);
            units.map(|units| show_units(units, digits)).ok_or_else(|| "a number such as 5 or 2.50".to_owned())
        }
        SettingKind::Boolean => {
            let value = <bool as crate::Argument>::parse(trimmed);
            value.map(|value| value.to_string()).ok_or_else(|| "on or off".to_owned())
        }
        SettingKind::Choice(choices) => {
            let found = choices.iter().find(|choice| choice.to_lowercase() == trimmed.to_lowercase());
            found.cloned().ok_or_else(|| format!("one of {}", choices.join(", ")))
        }
        SettingKind::Duration => {
            let span = spans::parse_span(trimmed);
            span.map(spans::show_span).ok_or_else(|| "a time such as 90s, 5m or 1h30m".to_owned())
        }
        SettingKind::Chatter => {
            let is_chatter = trimmed.strip_prefix("id:").is_some_and(|id| !id.is_empty());
            is_chatter.then(|| trimmed.to_owned()).ok_or_else(|| "a chatter who was seen here".to_owned())
        }
        SettingKind::Secret => Err("set in the portal, never in chat".to_owned()),
    }
}

/// The host's own setting of a command, as text.
pub(super) fn show_command_key(command: &CommandInfo, key: &str) -> String {
    let span = |millis: u32| spans::show_span(Duration::from_millis(millis.into()));
    match key {
        "role" => show_role(command.role).to_owned(),
        "cooldown" => span(command.channel_cooldown_ms),
        _ => span(command.chatter_cooldown_ms),
    }
}

/// Sets one of [`COMMAND_KEYS`]. The error completes "it should be ...".
pub(super) fn set_command_key(command: &mut CommandInfo, key: &str, value: &str) -> Result<(), String> {
    if key == "role" {
        let role = ROLES.into_iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
        command.role = role.ok_or("everyone, subscriber, vip, moderator or broadcaster")?.1;
        return Ok(());
    }
    let span = spans::parse_span(value).filter(|span| *span <= LONGEST_COOLDOWN);
    let millis = span.and_then(|span| u32::try_from(span.as_millis()).ok());
    let millis = millis.ok_or("a time such as 30s or 5m, at most a day")?;
    match key {
        "cooldown" => command.channel_cooldown_ms = millis,
        _ => command.chatter_cooldown_ms = millis,
    }
    Ok(())
}

pub(super) fn show_role(role: Role) -> &'static str {
    ROLES.into_iter().find(|(_, known)| *known == role).map_or("everyone", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingInfo;

    #[test]
    fn equal_values_are_stored_in_one_spelling_and_others_refused() {
        let check = |setting: SettingInfo, text: &str| check_value(&setting.kind, text);
        let sides = || SettingInfo::integer("sides", 2, 100, 6, "");
        assert_eq!(check(sides(), " 020 ").as_deref(), Ok("20"));
        assert_eq!(check(sides(), "101"), Err("a whole number from 2 to 100".to_owned()));
        assert_eq!(check(SettingInfo::number("rate", "1", ""), "2.50").as_deref(), Ok("2.5"));
        assert_eq!(check(SettingInfo::boolean("on", true, ""), "OFF").as_deref(), Ok("false"));
        assert_eq!(check(SettingInfo::choice("c", &["Red", "blue"], "Red", ""), "red").as_deref(), Ok("Red"));
        assert_eq!(check(SettingInfo::duration("d", Duration::ZERO, ""), "90s").as_deref(), Ok("1m30s"));
        assert!(check(SettingInfo::chatter("c", ""), "bob").is_err());
        assert!(check(SettingInfo::secret("s", ""), "x").is_err());
        assert!(check(SettingInfo::text("t", "", ""), "two\nlines").is_err());
    }
}
