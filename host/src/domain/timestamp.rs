//! Moments: written as RFC 3339 in UTC to the second, such as `2026-11-24T12:00:00Z`, and read in any form of RFC 3339,
//! which is what `date-time` means in the OpenAPI document.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

/// 9999-12-31T23:59:59Z: a later year has more than four digits.
const LAST: u64 = 253_402_300_799;

/// What a text must be, for error messages.
pub const MOMENT: &str = "a moment such as 2030-01-01T00:00:00Z";

/// A moment outside the years 1970 to 9999 becomes the nearest one inside.
pub fn write_timestamp(at: SystemTime) -> String {
    write(at, SecondsFormat::Secs)
}

/// As [`write_timestamp`], to the millisecond: `2026-11-24T12:00:00.250Z`.
pub fn write_milliseconds(at: SystemTime) -> String {
    write(at, SecondsFormat::Millis)
}

fn write(at: SystemTime, precision: SecondsFormat) -> String {
    DateTime::<Utc>::from(clamp(at)).to_rfc3339_opts(precision, true)
}

/// Any date-time of RFC 3339, section 5.6: with or without a fraction of a second, in UTC or at another offset, in
/// upper or lower case. A moment outside the years 1970 to 9999 becomes the nearest one inside. `None` for other text.
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    // The library would also read a space in place of the T, and a minus sign that is not ASCII.
    let is_strict = text.is_ascii() && !text.contains(' ');
    let at = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_strict)?;
    // A leap second is second 60; the clock counts it as the first second of the next minute.
    Some(clamp(at.into()))
}

fn clamp(at: SystemTime) -> SystemTime {
    at.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(LAST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 3600;

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
            "2026-11-24T12:00:00\u{2212}01:00",
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
