//! Exact decimal amounts of a currency.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// An exact decimal number. Written `-?digits(.digits)?`, never with an exponent, a plus sign or a separator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub Decimal);

impl Amount {
    pub const ZERO: Amount = Amount(Decimal::ZERO);

    /// `None` if the sum has no exact representation.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// `None` if the difference has no exact representation.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }

    /// The amount as a whole number of the currency's smallest unit; `None` if it is finer than that, or too large.
    pub fn units(self, decimals: u8) -> Option<i64> {
        let scaled = self.0.checked_mul(Decimal::from(10_u64.checked_pow(decimals.into())?))?;
        if !scaled.fract().is_zero() {
            return None;
        }
        i64::try_from(scaled.trunc().mantissa() / 10_i128.pow(scaled.trunc().scale())).ok()
    }

    /// The inverse of [`Amount::units`], also for sums. A sum that a decimal cannot hold becomes the greatest decimal.
    pub fn from_units(units: impl Into<i128>, decimals: u8) -> Amount {
        Amount(Decimal::try_from_i128_with_scale(units.into(), decimals.into()).unwrap_or(Decimal::MAX).normalize())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

/// The text is not a plain decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a plain decimal number such as 5 or 2.50")]
pub struct ParseAmountError;

impl FromStr for Amount {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, ParseAmountError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(ParseAmountError);
        }
        // Exact or an error: a 29th significant digit must not be rounded away.
        Decimal::from_str_exact(text).map(Amount).map_err(|_| ParseAmountError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn an_amount_is_a_plain_decimal() {
        assert_eq!(amount("2.50").to_string(), "2.5");
        assert_eq!(amount("-0").to_string(), "0");
        for bad in ["", "-", ".5", "5.", "1e3", "+1", "1_000", "1,5", "0x10", " 1", "٣", "1.2.3", "nan"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad:?}");
        }
        assert!("9".repeat(40).parse::<Amount>().is_err());
    }

    #[test]
    fn units_refuse_what_is_finer_than_the_currency() {
        assert_eq!(amount("2.50").units(1), Some(25));
        assert_eq!(amount("2.55").units(1), None);
        assert_eq!(amount("9223372036854775808").units(0), None);
    }

    #[test]
    fn a_sum_may_be_more_than_an_account_holds() {
        let sum = 4 * i128::from(i64::MAX);
        assert_eq!(Amount::from_units(sum, 2).to_string(), "368934881474191032.28");
        assert_eq!(Amount::from_units(i128::MAX, 0), Amount(Decimal::MAX));
    }

    proptest! {
        #[test]
        fn units_and_amounts_are_inverse(units in any::<i64>(), decimals in 0_u8..=6) {
            prop_assert_eq!(Amount::from_units(units, decimals).units(decimals), Some(units));
        }

        #[test]
        fn what_is_written_is_read_back(units in any::<i64>(), decimals in 0_u8..=18) {
            let amount = Amount::from_units(units, decimals);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
