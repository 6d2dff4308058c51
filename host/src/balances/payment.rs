//! Whether a payment may be made: pure checks.

use crate::domain::amount::Amount;
use crate::domain::manifest::Grants;
use crate::store::accounts::Currency;

/// Why a payment is refused before anybody's balance was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckPaymentError {
    #[error("an amount is a positive number, and not finer than the currency")]
    InvalidAmount,
    #[error("one call may move at most {0}")]
    MostPerInvocation(Amount),
    #[error("this module may pay out at most {0} a day")]
    MostPerDay(Amount),
}

/// A positive amount, not finer than `currency`, that an account can hold.
pub fn parse_payment(text: &str, currency: &Currency) -> Result<Amount, CheckPaymentError> {
    let amount: Amount = text.parse().map_err(|_| CheckPaymentError::InvalidAmount)?;
    let is_payable = amount.is_positive() && amount.units(currency.decimals).is_some();
    is_payable.then_some(amount).ok_or(CheckPaymentError::InvalidAmount)
}

/// Checks the cap of one invocation: `moved` is what it moved before.
pub fn check_invocation_cap(grants: &Grants, moved: Amount, amount: Amount) -> Result<(), CheckPaymentError> {
    check_cap(grants.most_per_invocation, moved, amount, CheckPaymentError::MostPerInvocation)
}

/// Checks the cap of a day: `paid_out` is what the till and the mint paid within it, this invocation included.
pub fn check_day_cap(grants: &Grants, paid_out: Amount, amount: Amount) -> Result<(), CheckPaymentError> {
    check_cap(grants.most_per_day, paid_out, amount, CheckPaymentError::MostPerDay)
}

fn check_cap(
    most: Option<Amount>,
    before: Amount,
    amount: Amount,
    error: fn(Amount) -> CheckPaymentError,
) -> Result<(), CheckPaymentError> {
    let Some(most) = most else { return Ok(()) };
    // A sum that has no exact representation is past every cap.
    let is_within = before.checked_add(amount).is_some_and(|sum| sum <= most);
    is_within.then_some(()).ok_or(error(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn a_payment_is_positive_and_not_finer_than_the_currency() {
        let cents = Currency { name: "coins".into(), decimals: 2 };
        assert_eq!(parse_payment("2.50", &cents), Ok(amount("2.5")));
        assert_eq!(parse_payment("0.01", &cents), Ok(amount("0.01")));
        for bad in ["0", "-1", "0.001", "1e3", "+1", "", "all", "NaN", "92233720368547758.08"] {
            assert_eq!(parse_payment(bad, &cents), Err(CheckPaymentError::InvalidAmount), "{bad:?}");
        }
        assert_eq!(parse_payment("2.50", &Currency::default()), Err(CheckPaymentError::InvalidAmount));
        assert_eq!(parse_payment("2.0", &Currency::default()), Ok(amount("2")));
    }

    #[test]
    fn a_cap_counts_what_was_moved_before() {
        let most = amount("10");
        let grants = Grants { most_per_invocation: Some(most), most_per_day: Some(most), ..Grants::default() };
        for (before, now, is_within) in [("0", "10", true), ("6", "4", true), ("6", "4.01", false), ("0", "11", false)]
        {
            let (before, now) = (amount(before), amount(now));
            let expected = |error| if is_within { Ok(()) } else { Err(error) };
            let call = check_invocation_cap(&grants, before, now);
            assert_eq!(call, expected(CheckPaymentError::MostPerInvocation(most)));
            assert_eq!(check_day_cap(&grants, before, now), expected(CheckPaymentError::MostPerDay(most)));
        }
        assert_eq!(
            check_day_cap(&grants, most, most).unwrap_err().to_string(),
            "this module may pay out at most 10 a day"
        );
    }

    #[test]
    fn without_a_cap_every_amount_may_move_and_with_one_no_sum_escapes_it() {
        let largest = amount("79228162514264337593543950335");
        assert_eq!(check_day_cap(&Grants::default(), largest, largest), Ok(()));
        let grants = Grants { most_per_day: Some(largest), ..Grants::default() };
        assert!(check_day_cap(&grants, largest, largest).is_err());
    }
}
