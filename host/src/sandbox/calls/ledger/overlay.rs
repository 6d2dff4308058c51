//! A run's own payments, applied over the committed accounts.

use std::collections::BTreeMap;

use crate::domain::amount::Amount;
use crate::domain::effect::Holder;
use crate::domain::manifest::Budget;

#[derive(Debug, Default)]
pub(crate) struct LedgerOverlay {
    /// Each holder's net gain in this run; negative for a loss.
    gained: BTreeMap<Holder, Amount>,
    /// The sum that this run has moved, by the budget whose caps it counts against.
    moved: BTreeMap<Budget, Amount>,
}

impl LedgerOverlay {
    /// The balance of a holder whose committed balance is `amount`; `None` if the sum has no exact representation.
    pub(crate) fn applied_to(&self, holder: Holder, amount: Amount) -> Option<Amount> {
        amount.checked_add(self.gained(holder))
    }

    fn gained(&self, holder: Holder) -> Amount {
        self.gained.get(&holder).copied().unwrap_or_default()
    }

    pub(crate) fn moved(&self, budget: Budget) -> Amount {
        self.moved.get(&budget).copied().unwrap_or_default()
    }

    /// Records a payment. Returns `None` and records nothing if a sum has no exact representation.
    pub(crate) fn add(&mut self, from: Holder, to: Holder, amount: Amount) -> Option<()> {
        let (lost, won) = (self.gained(from).checked_sub(amount)?, self.gained(to).checked_add(amount)?);
        let moved = self.moved(from.budget()).checked_add(amount)?;
        self.moved.insert(from.budget(), moved);
        self.gained.insert(from, lost);
        self.gained.insert(to, won);
        Some(())
    }
}
