//! Filters the parts of a request that a refusal repeats. A secret in the wrong place must not come back in the answer,
//! because clients log answers. So values are never repeated, and names only if they look like names.

use serde_path_to_error::{Path, Segment};

/// Largest sizes of a name and of a word in it, in characters. The keys of settings fit; access tokens and API keys are
/// longer words than any name has.
const LONGEST_NAME: usize = 64;
const LONGEST_WORD: usize = 24;
/// Replaces a part that is not repeated.
const HIDDEN: &str = "*";

/// `text`, if it looks like a name.
pub(in crate::http) fn find_name(text: &str) -> Option<&str> {
    let is_word = |word: &str| word.chars().count() <= LONGEST_WORD && word.chars().all(char::is_alphanumeric);
    let is_name = (1..=LONGEST_NAME).contains(&text.len()) && text.split(['_', '-', '.']).all(is_word);
    is_name.then_some(text)
}

/// `settings.sides` unchanged; a part that does not look like a name is hidden.
pub(in crate::http) fn show_field(field: &str) -> String {
    let parts: Vec<&str> = field.split('.').map(|part| find_name(part).unwrap_or(HIDDEN)).collect();
    parts.join(".")
}

/// The place of an error in a body; empty for the body itself.
pub(in crate::http) fn show_path(path: &Path) -> String {
    let mut shown = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => shown += &format!("[{index}]"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let dot = if shown.is_empty() { "" } else { "." };
                shown += &format!("{dot}{}", find_name(key).unwrap_or(HIDDEN));
            }
            Segment::Unknown => shown += HIDDEN,
        }
    }
    shown
}

/// serde's error text without its quotes of the request. A place may precede it: `limit: invalid ...`.
pub(in crate::http) fn mask_values(text: &str) -> String {
    const BEGINNINGS: [(&str, bool); 4] =
        [("invalid type: ", true), ("invalid value: ", true), ("unknown field", false), ("unknown variant", false)];
    // Quoted text comes after the beginning, so the first match is never within a quote.
    let first = BEGINNINGS.iter().filter_map(|(begin, is_value)| Some((text.find(begin)?, *begin, *is_value))).min();
    let Some((at, begin, is_value)) = first else { return text.to_owned() };
    let (place, rest) = (&text[..at], &text[at + begin.len()..]);
    let masked = if is_value { mask_value(rest) } else { mask_name(rest) };
    masked.map_or_else(|| text.to_owned(), |masked| format!("{place}{begin}{masked}"))
}

/// ``string "x", expected a boolean`` -> `string, expected a boolean`
fn mask_value(text: &str) -> Option<String> {
    // The expectation is our own text and comes last, so it begins at the last match.
    let (found, expected) = text.rsplit_once(", expected ")?;
    let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
    Some(format!("{kind}, expected {expected}"))
}

/// `` `x`, expected `a` or `b` `` -> ``, expected `a` or `b` ``, unless it may be a name.
fn mask_name(text: &str) -> Option<String> {
    let quoted = text.strip_prefix(" `")?;
    let end = ["`, expected ", "`, there are no "].iter().filter_map(|mark| quoted.rfind(mark)).max()?;
    let (name, rest) = quoted.split_at(end);
    find_name(name).is_none().then(|| rest[1..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_repeated() {
        for (told, shown) in [
            ("invalid type: string \"hunter2\", expected a boolean", "invalid type: string, expected a boolean"),
            (
                "force: invalid type: string \"x\", expected a boolean",
                "force: invalid type: string, expected a boolean",
            ),
            ("invalid type: integer `8`, expected a string", "invalid type: integer, expected a string"),
            ("invalid value: integer `-1`, expected u8 at line 1", "invalid value: integer, expected u8 at line 1"),
            ("invalid type: string \"a, expected b\", expected u8", "invalid type: string, expected u8"),
            ("invalid type: sequence, expected a string", "invalid type: sequence, expected a string"),
            ("invalid type: unit value, expected a map", "invalid type: unit value, expected a map"),
        ] {
            assert_eq!(mask_values(told), shown);
        }
    }

    #[test]
    fn a_name_is_repeated_where_it_may_be_one() {
        let key = format!("twk_0123456789ab_{}", "0".repeat(64));
        let token = "abcdefghij0123456789abcdefghij";
        for secret in [&key, token, "it is `odd`, expected one of `", ""] {
            assert_eq!(
                mask_values(&format!("unknown field `{secret}`, expected one of `a`, `b` at line 1")),
                "unknown field, expected one of `a`, `b` at line 1"
            );
            assert_eq!(
                mask_values(&format!("unknown variant `{secret}`, expected `a`")),
                "unknown variant, expected `a`"
            );
            assert_eq!(
                mask_values(&format!("unknown field `{secret}`, there are no fields")),
                "unknown field, there are no fields"
            );
        }
        for text in ["unknown field `is_off`, expected `is_on`", "missing field `is_on`"] {
            assert_eq!(mask_values(text), text);
        }
        for name in ["settings.sides", "settings.sides-of-a-die-that-the-module-rolls"] {
            assert_eq!(show_field(name), name);
        }
        assert_eq!(show_field(&format!("settings.{token}")), "settings.*");
        assert_eq!(show_field("commands.würfel.role"), "commands.würfel.role");
    }
}
