//! Checks whether a payment may be made. Pure.

use crate::domain::amount::Amount;
use crate::domain::manifest::{Budget, Caps};
use crate::store::channel::accounts::Currency;

/// Why a payment is refused before any balance is read. The texts are for the chatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckPaymentError {
    #[error("an amount is a positive number, and not finer than the currency")]
    InvalidAmount,
    /// A cap is zero: it was never set, or was set to zero.
    #[error("this module was granted no amount to {verb} here", verb = verb(*.0))]
    Nothing(Budget),
    #[error("one call may {verb} at most {1}", verb = verb(*.0))]
    MostPerInvocation(Budget, Amount),
    #[error("for one chatter this module may {verb} at most {1} a day", verb = verb(*.0))]
    MostPerChatter(Budget, Amount),
    #[error("this module may {verb} at most {1} a day", verb = verb(*.0))]
    MostPerDay(Budget, Amount),
}

fn verb(budget: Budget) -> &'static str {
    match budget {
        Budget::Payments => "move",
        Budget::Treasury => "pay out",
    }
}

/// The amounts already counted against a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// By this run.
    pub by_invocation: Amount,
    /// Within a day by the calls of the same chatter, this run included.
    pub by_caller: Amount,
    /// Within a day by all calls, this run included.
    pub by_all: Amount,
}

/// A positive amount, not finer than `currency`, that an account can hold.
pub fn parse_payment(text: &str, currency: &Currency) -> Result<Amount, CheckPaymentError> {
    let amount: Amount = text.parse().map_err(|_| CheckPaymentError::InvalidAmount)?;
    let is_payable = amount.is_positive() && amount.units(currency.decimals).is_some();
    is_payable.then_some(amount).ok_or(CheckPaymentError::InvalidAmount)
}

/// Checks each cap of a budget, the narrowest first.
pub fn check_caps(caps: &Caps, budget: Budget, moved: &Moved, amount: Amount) -> Result<(), CheckPaymentError> {
    if [caps.per_invocation, caps.per_chatter, caps.per_day].into_iter().flatten().any(|most| !most.is_positive()) {
        return Err(CheckPaymentError::Nothing(budget));
    }
    // A sum without an exact representation exceeds every cap.
    let is_past = |before: Amount, most: Amount| before.checked_add(amount).is_none_or(|sum| sum > most);
    if let Some(most) = caps.per_invocation.filter(|most| is_past(moved.by_invocation, *most)) {
        return Err(CheckPaymentError::MostPerInvocation(budget, most));
    }
    if let Some(most) = caps.per_chatter.filter(|most| is_past(moved.by_caller, *most)) {
        return Err(CheckPaymentError::MostPerChatter(budget, most));
    }
    if let Some(most) = caps.per_day.filter(|most| is_past(moved.by_all, *most)) {
        return Err(CheckPaymentError::MostPerDay(budget, most));
    }
    Ok(())
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
    fn each_cap_counts_what_was_moved_before_and_tells_itself() {
        let most = Some(amount("10"));
        let caps = |at: usize| match at {
            0 => Caps { per_invocation: most, ..Caps::unlimited() },
            1 => Caps { per_chatter: most, ..Caps::unlimited() },
            _ => Caps { per_day: most, ..Caps::unlimited() },
        };
        let texts = [
            "one call may pay out at most 10",
            "for one chatter this module may pay out at most 10 a day",
            "this module may pay out at most 10 a day",
        ];
        for (before, now, is_within) in [("0", "10", true), ("6", "4", true), ("6", "4.01", false), ("0", "11", false)]
        {
            for (at, text) in texts.into_iter().enumerate() {
                // The counts of the other caps exceed this cap, which must not matter.
                let mut counts = [amount("100"); 3];
                counts[at] = amount(before);
                let [by_invocation, by_caller, by_all] = counts;
                let moved = Moved { by_invocation, by_caller, by_all };
                let answer = check_caps(&caps(at), Budget::Treasury, &moved, amount(now));
                let told = answer.map_err(|error| error.to_string());
                assert_eq!(told, if is_within { Ok(()) } else { Err(text.to_owned()) }, "{before} and {now}");
            }
        }
    }

    #[test]
    fn where_no_cap_was_set_nothing_moves() {
        let check = |caps: &Caps| check_caps(caps, Budget::Payments, &Moved::default(), amount("0.01"));
        let told = check(&Caps::default()).unwrap_err();
        assert_eq!(told.to_string(), "this module was granted no amount to move here");
        let zero = Some(Amount::ZERO);
        for caps in [
            Caps { per_invocation: zero, ..Caps::unlimited() },
            Caps { per_chatter: zero, ..Caps::unlimited() },
            Caps { per_day: zero, ..Caps::unlimited() },
            Caps { per_invocation: Some(amount("-1")), ..Caps::unlimited() },
        ] {
            assert_eq!(check(&caps), Err(CheckPaymentError::Nothing(Budget::Payments)), "{caps:?}");
        }
    }

    #[test]
    fn without_a_cap_every_amount_may_move_and_with_one_no_sum_escapes_it() {
        let largest = amount("79228162514264337593543950335");
        let moved = Moved { by_invocation: largest, by_caller: largest, by_all: largest };
        assert_eq!(check_caps(&Caps::unlimited(), Budget::Payments, &moved, largest), Ok(()));
        let caps = Caps { per_day: Some(largest), ..Caps::unlimited() };
        assert!(check_caps(&caps, Budget::Payments, &moved, largest).is_err());
    }
}
