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
