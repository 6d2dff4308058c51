//! Spans of time as people type and read them: "90s", "1h30m".

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Parses one or more numbers, each with its unit (`d`, `h`, `m`, `s`), greater units first. `None` for any other text,
/// and for a span of more than a hundred years.
///
/// ```
/// use std::time::Duration;
/// use twitchy_sdk::spans::parse_span;
///
/// assert_eq!(parse_span("1h30m"), Some(Duration::from_secs(5_400)));
/// assert_eq!(parse_span("soon"), None);
/// ```
pub fn parse_span(text: &str) -> Option<Duration> {
    const LONGEST: u64 = 100 * 365 * 86_400;
    let mut rest = text;
    let mut seconds = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?.to_ascii_lowercase();
        let (_, in_seconds) = units.find(|(name, _)| *name == unit)?;
        seconds = seconds.checked_add(number.checked_mul(*in_seconds)?)?;
        // The unit is one byte: it is one of `UNITS`, which are ASCII.
        rest = &rest[end + 1..];
    }
    (!text.is_empty() && seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}

/// The shortest text for a span in whole seconds: "1h30m". A span below a second is "0s".
///
/// ```
/// use std::time::Duration;
/// use twitchy_sdk::spans::show_span;
///
/// assert_eq!(show_span(Duration::from_secs(90)), "1m30s");
/// ```
pub fn show_span(span: Duration) -> String {
    let mut left = span.as_secs();
    let mut text = String::new();
    for (unit, in_seconds) in UNITS {
        let number = left / in_seconds;
        left %= in_seconds;
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_they_are_shown() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("1h30m", 5_400), ("2d1s", 172_801), ("5M", 300)]
        {
            let span = parse_span(text).unwrap();
            assert_eq!(span, Duration::from_secs(seconds));
            assert_eq!(parse_span(&show_span(span)), Some(span));
        }
        assert_eq!(show_span(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(show_span(Duration::from_millis(900)), "0s");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for bad in
            ["", "10", "m", "m10", "10x", "1m1h", "1m1m", "-5m", "5 m", "1.5h", "5é", "99999999999999999999s", "99999d"]
        {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }
}
