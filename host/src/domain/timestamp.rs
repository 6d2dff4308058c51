//! Moments: written as RFC 3339 in UTC to the second, such as `2026-11-24T12:00:00Z`, and read in any form of RFC 3339,
//! which is what `date-time` means in the OpenAPI document.

use std::time::{Duration, SystemTime};

const DAY: u64 = 24 * 3600;
/// 9999-12-31T23:59:59Z: a later year has more than four digits.
const LAST: u64 = 253_402_300_799;

/// What a text must be, for error messages.
pub const MOMENT: &str = "a moment such as 2030-01-01T00:00:00Z";

/// A moment outside the years 1970 to 9999 becomes the nearest one inside.
pub fn write_timestamp(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()).min(LAST);
    let (year, month, day) = date_of(seconds / DAY);
    let time = seconds % DAY;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

/// As [`write_timestamp`], to the millisecond: `2026-11-24T12:00:00.250Z`.
pub fn write_milliseconds(at: SystemTime) -> String {
    let whole = write_timestamp(at);
    let milliseconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
    format!("{}.{milliseconds:03}Z", whole.trim_end_matches('Z'))
}

/// Any date-time of RFC 3339, section 5.6: with or without a fraction of a second, in UTC or at another offset, in
/// upper or lower case. A moment outside the years 1970 to 9999 becomes the nearest one inside. `None` for other text.
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let (whole, rest) = text.split_at_checked(19)?;
    let is_shaped = whole.bytes().zip(*b"0000-00-00T00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        shape => byte.to_ascii_uppercase() == shape,
    });
    if !is_shaped {
        return None;
    }
    let number = |range: std::ops::Range<usize>| whole.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // A leap second is second 60; the clock counts it as the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 || !has_day(year, month, day) {
        return None;
    }
    let (nanos, zone) = split_fraction(rest)?;
    let local = days_until(year, month, day) * DAY as i64 + (hour * 3600 + minute * 60 + second) as i64;
    let seconds = u64::try_from(local - parse_offset(zone)?).unwrap_or(0);
    let nanos = if (1..LAST).contains(&seconds) { nanos } else { 0 };
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds.min(LAST), nanos))
}

/// `.25Z` -> a quarter of a second in nanoseconds, and `Z`. Finer digits are cut off.
fn split_fraction(text: &str) -> Option<(u32, &str)> {
    let Some(fraction) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = fraction.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, zone) = fraction.split_at(end);
    let nanos = format!("{:0<9.9}", digits).parse().ok()?;
    (!digits.is_empty()).then_some((nanos, zone))
}

/// Seconds east of UTC.
fn parse_offset(zone: &str) -> Option<i64> {
    let (sign, offset) = match zone.as_bytes() {
        [b'Z' | b'z'] => return Some(0),
        [b'+', offset @ ..] => (1, offset),
        [b'-', offset @ ..] => (-1, offset),
        _ => return None,
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let [hour, ten_minutes, minute] = match offset {
        [a, b, b':', c, d] => [digit(*a)? * 10 + digit(*b)?, digit(*c)?, digit(*d)?],
        _ => return None,
    };
    let is_time = hour < 24 && ten_minutes < 6;
    is_time.then_some(sign * (hour * 3600 + (ten_minutes * 10 + minute) * 60))
}

fn has_day(year: u64, month: u64, day: u64) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Days from 1970 to a date. The year begins in March here, so that the leap day is its last.
fn days_until(year: u64, month: u64, day: u64) -> i64 {
    let (year, month) = (year as i64, month as i64);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leaps + (month * 153 + 2) / 5 + day as i64 - 719_469
}

/// Year, month and day of a day since 1970.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year_in_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (year_in_era * 365 + year_in_era / 4 - year_in_era / 100);
    let month = (in_year * 5 + 2) / 153;
    let day = in_year - (month * 153 + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_in_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn moments_that_are_known_are_written_right() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_790_251_199, "2026-09-24T11:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(write_timestamp(at(seconds)), text);
            assert_eq!(parse_timestamp(text), Some(at(seconds)), "{text}");
        }
    }

    /// As the clients of several languages write them.
    #[test]
    fn one_moment_is_read_however_it_is_written() {
        let noon = at(1_790_251_200);
        for text in [
            "2026-09-24T12:00:00Z",
            "2026-09-24t12:00:00z",
            "2026-09-24T12:00:00.000Z",
            "2026-09-24T12:00:00+00:00",
            "2026-09-24T12:00:00-00:00",
            "2026-09-24T14:00:00+02:00",
            "2026-09-24T06:30:00.0-05:30",
            "2026-09-25T11:59:00+23:59",
        ] {
            assert_eq!(parse_timestamp(text), Some(noon), "{text}");
        }
        assert_eq!(parse_timestamp("2026-09-24T12:00:00.25Z"), Some(noon + Duration::from_millis(250)));
        assert_eq!(parse_timestamp("2026-09-24T12:00:00.1234567899Z"), Some(noon + Duration::from_nanos(123_456_789)));
        assert_eq!(parse_timestamp("2016-12-31T23:59:60Z"), parse_timestamp("2017-01-01T00:00:00Z"));
        for (far, nearest) in [
            ("0000-01-01T00:00:00Z", at(0)),
            ("1969-12-31T23:59:59.9Z", at(0)),
            ("1970-01-01T00:00:00+01:00", at(0)),
            ("9999-12-31T23:59:59.9-01:00", at(LAST)),
        ] {
            assert_eq!(parse_timestamp(far), Some(nearest), "{far}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24 12:00:00Z",
            "2026-11-24T12:00:00",
            "2026-11-24T12:00:00.Z",
            "2026-11-24T12:00:00,5Z",
            "2026-11-24T12:00:00.5",
            "2026-11-24T12:00:00+0100",
            "2026-11-24T12:00:00+01",
            "2026-11-24T12:00:00+24:00",
            "2026-11-24T12:00:00+01:60",
            "2026-11-24T12:00:00 01:00",
            "2026-11-24T12:00:00ZZ",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:61Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:0éZ",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST) {
            prop_assert_eq!(parse_timestamp(&write_timestamp(at(seconds))), Some(at(seconds)));
        }

        #[test]
        fn an_offset_is_taken_off(seconds in DAY..LAST - DAY, east in -1439_i64..=1439, nanos in 0_u32..1_000_000_000) {
            let local = write_timestamp(at(seconds.saturating_add_signed(east * 60)));
            let sign = if east < 0 { '-' } else { '+' };
            let (hours, minutes) = (east.abs() / 60, east.abs() % 60);
            let text = format!("{}.{nanos:09}{sign}{hours:02}:{minutes:02}", local.trim_end_matches('Z'));
            prop_assert_eq!(parse_timestamp(&text), Some(at(seconds) + Duration::new(0, nanos)));
        }

        #[test]
        fn no_text_panics(text in "[0-9T:.+Zz-]{0,30}|\\PC{0,30}") {
            let _ = parse_timestamp(&text);
        }
    }
}
