//! Spans of time as people type them: `90s`, `5m`, `1h30m`.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A longer span is taken for a typing mistake.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Numbers with the units `d h m s`, each at most once and the greater first, in any case; `None` for any other text.
pub fn parse_span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|character: char| !character.is_ascii_digit())?);
        let letter = unit.chars().next()?.to_ascii_lowercase();
        let (_, in_seconds) = units.find(|(name, _)| *name == letter)?;
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(*in_seconds)?)?;
        rest = &unit[1..];
    }
    let span = Duration::from_secs(seconds);
    (!text.is_empty() && span <= LONGEST).then_some(span)
}

/// The shortest text that parses to `span`, to the second: `1h30m`, and `0s` for zero.
pub fn show_span(span: Duration) -> String {
    let mut left = span.as_secs();
    let mut text = String::new();
    for (unit, in_seconds) in UNITS {
        if left >= in_seconds {
            text += &format!("{}{unit}", left / in_seconds);
            left %= in_seconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_as_people_type_them() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("5m", 300), ("1h30m", 5_400), ("2D1S", 172_801)] {
            assert_eq!(parse_span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        let too_long = "9".repeat(30) + "s";
        for bad in ["", "10", "m", "m10", "1m1h", "1m1m", "-5m", "5 m", "1.5h", "5é", "5µ", "99999d", &too_long] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(seconds in 0_u64..=100 * 365 * 86_400) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(parse_span(&show_span(span)), Some(span));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[0-9dhms]{0,12}") {
            let _ = parse_span(&text);
        }
    }
}
