//! Exact decimal amounts, kept as whole numbers of a currency's smallest unit.

/// Parses `-?digits(.digits)?`. `None` for any other text, and for an amount that is finer than `decimals` digits or
/// that an account cannot hold.
pub(super) fn parse_units(text: &str, decimals: u32) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_digits = fraction.trim_end_matches('0');
    let missing = (decimals as usize).checked_sub(fraction_digits.len())?;
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let units: i128 = [whole, fraction_digits, &"0".repeat(missing)].concat().parse().ok()?;
    i64::try_from(sign * units).ok()
}

/// The shortest text: "2.5", never "2.50".
pub(super) fn show_units(units: i64, decimals: u32) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = decimals as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
    let fraction = fraction.trim_end_matches('0');
    let (sign, point) = (if units < 0 { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
    [sign, whole, point, fraction].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_no_finer_than_the_currency() {
        for (text, decimals, units, shown) in [
            ("5", 0, 5, "5"),
            ("2.50", 2, 250, "2.5"),
            ("2.0", 0, 2, "2"),
            ("-0.05", 2, -5, "-0.05"),
            ("0", 2, 0, "0"),
            ("9223372036854775807", 0, i64::MAX, "9223372036854775807"),
        ] {
            assert_eq!(parse_units(text, decimals), Some(units), "{text}");
            assert_eq!(show_units(units, decimals), shown);
        }
        for bad in ["", "-", ".5", "5.", "1e3", "+1", "0.001", "92233720368547758.08", "all"] {
            assert_eq!(parse_units(bad, 2), None, "{bad}");
        }
    }
}
