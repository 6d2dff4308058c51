//! Capabilities `payments` and `treasury`: moving the channel's own currency.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chatters::Reference;
use super::{Fault, HostCallError, Transaction};
use crate::balances::payment::{CheckPaymentError, check_day_cap, check_invocation_cap, parse_payment};
use crate::domain::amount::Amount;
use crate::domain::effect::{Effect, Holder, Scope};
use crate::domain::id::ChatterId;
use crate::domain::manifest::Capability;
use crate::store::chatters::KnownChatter;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An amount that a chatter has after a payment.
type Paid = Result<Amount, HostCallError<PaymentError>>;
type Refusal = HostCallError<PaymentError>;

/// Why nothing is paid. The cases are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    #[error("unknown chatter")]
    UnknownChatter,
    #[error("not enough")]
    NotEnough,
    #[error("invalid amount")]
    InvalidAmount,
    #[error("not allowed: {0}")]
    NotAllowed(String),
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl From<PaymentError> for HostCallError<PaymentError> {
    fn from(error: PaymentError) -> Self {
        HostCallError::Told(error)
    }
}

impl From<CheckPaymentError> for HostCallError<PaymentError> {
    fn from(error: CheckPaymentError) -> Self {
        HostCallError::Told(match error {
            CheckPaymentError::InvalidAmount => PaymentError::InvalidAmount,
            CheckPaymentError::MostPerInvocation(_) | CheckPaymentError::MostPerDay(_) => {
                PaymentError::NotAllowed(error.to_string())
            }
        })
    }
}

/// A run's own payments.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// What each holder gained by this run, or lost.
    gained: BTreeMap<Holder, Amount>,
    /// All that was moved, for the cap of an invocation.
    moved: Amount,
    /// What left the till and the mint, for the cap of a day.
    paid_out: Amount,
}

impl Overlay {
    /// What a holder has whose committed amount is `amount`; None where that has no exact representation.
    pub(super) fn applied_to(&self, holder: Holder, amount: Amount) -> Option<Amount> {
        amount.checked_add(self.gained(holder))
    }

    fn gained(&self, holder: Holder) -> Amount {
        self.gained.get(&holder).copied().unwrap_or_default()
    }

    /// None, and nothing added, where a sum has no exact representation.
    fn add(&mut self, from: Holder, to: Holder, amount: Amount) -> Option<()> {
        let (lost, won) = (self.gained(from).checked_sub(amount)?, self.gained(to).checked_add(amount)?);
        let is_payout = matches!(from, Holder::Till | Holder::Mint);
        let paid_out = if is_payout { self.paid_out.checked_add(amount)? } else { self.paid_out };
        self.moved = self.moved.checked_add(amount)?;
        self.paid_out = paid_out;
        self.gained.insert(from, lost);
        self.gained.insert(to, won);
        Some(())
    }
}

impl Transaction {
    /// `payments`: from the invoking chatter to another; returns what the payer has left.
    pub fn transfer(&mut self, to: &str, amount: &str) -> Paid {
        self.require(Capability::Payments)?;
        self.check_powers()?;
        let payer = self.invocation().chatter.id;
        let payee = self.find_payee(to)?;
        if payee == payer {
            return Err(PaymentError::NotAllowed("nobody pays themselves".to_owned()).into());
        }
        let (from, to) = (Holder::Chatter(payer), Holder::Chatter(payee));
        self.pay_between(from, to, amount)?;
        self.held_by(from)
    }

    /// `payments`: from the invoking chatter to the till; returns what the payer has left.
    pub fn charge(&mut self, amount: &str) -> Paid {
        self.require(Capability::Payments)?;
        self.check_powers()?;
        let from = Holder::Chatter(self.invocation().chatter.id);
        self.pay_between(from, Holder::Till, amount)?;
        self.held_by(from)
    }

    /// `treasury`: from the till to a chatter; returns what the chatter has then.
    pub fn pay(&mut self, to: &str, amount: &str) -> Paid {
        self.pay_out(Holder::Till, to, amount)
    }

    /// `treasury`: from the mint to a chatter; returns what the chatter has then.
    pub fn award(&mut self, to: &str, amount: &str) -> Paid {
        self.pay_out(Holder::Mint, to, amount)
    }

    fn pay_out(&mut self, from: Holder, to: &str, amount: &str) -> Paid {
        self.require(Capability::Treasury)?;
        self.check_powers()?;
        let to = Holder::Chatter(self.find_payee(to)?);
        self.pay_between(from, to, amount)?;
        self.held_by(to)
    }

    /// Whether this invocation may move anything at all: the currency is ours, somebody asked, and that chatter may still
    /// use the command that was called, as the channel is set up now.
    fn check_powers(&mut self) -> Result<(), Refusal> {
        if !self.world.balances.is_ledger(self.channel()) {
            return Err(
                PaymentError::Unavailable("an outside provider keeps this channel's balances".to_owned()).into()
            );
        }
        if !self.has_caller() {
            return Err(PaymentError::NotAllowed("nobody asked for this payment".to_owned()).into());
        }
        let setup = self.setup()?;
        let target = setup.find_word(&self.invocation().command);
        let may_use = target
            .is_some_and(|target| target.module.manifest.name == *self.module() && self.role() >= target.command.role);
        may_use
            .then_some(())
            .ok_or_else(|| PaymentError::NotAllowed("this command is not yours to use".to_owned()).into())
    }

    /// Moves an amount within the caps of the grant, where the payer has enough.
    fn pay_between(&mut self, from: Holder, to: Holder, amount: &str) -> Result<(), Refusal> {
        let currency = self.world.store.load_currency(self.channel())?;
        let amount = parse_payment(amount, &currency)?;
        check_invocation_cap(&self.call.grants, self.ledger.moved, amount)?;
        if from == Holder::Till || from == Holder::Mint {
            self.check_day(amount)?;
        }
        let left = self.held_by(from)?.checked_sub(amount).filter(|left| from == Holder::Mint || *left >= Amount::ZERO);
        left.ok_or(PaymentError::NotEnough)?;
        self.ledger.add(from, to, amount).ok_or(PaymentError::InvalidAmount)?;
        self.effects.push(Effect::Transfer { module: self.module().clone(), from, to, amount });
        Ok(())
    }

    /// The cap of a day. What was paid out is no scope, but both accounts that pay out are: noting them first makes a
    /// payment at the same time a conflict, so that two together cannot pass the cap.
    fn check_day(&mut self, amount: Amount) -> Result<(), Refusal> {
        if self.call.grants.most_per_day.is_none() {
            return Ok(());
        }
        self.held_by(Holder::Till)?;
        self.held_by(Holder::Mint)?;
        let since = self.invocation().now - DAY;
        let before = self.world.store.load_paid_out(self.channel(), self.module(), since)?;
        let paid_out = before.checked_add(self.ledger.paid_out).ok_or(PaymentError::InvalidAmount)?;
        Ok(check_day_cap(&self.call.grants, paid_out, amount)?)
    }

    /// What a holder has, this run's own payments included.
    fn held_by(&mut self, holder: Holder) -> Paid {
        let channel = self.channel();
        let (revision, committed) = self.world.store.load_account(channel, holder)?;
        self.note(Scope::Account { channel, holder }, revision)?;
        Ok(self.ledger.applied_to(holder, committed).ok_or(PaymentError::InvalidAmount)?)
    }

    /// A chatter whom the invocation's own text names, who wrote the message that it replies to, or who called: a module
    /// cannot choose by itself whom to enrich.
    fn find_payee(&self, to: &str) -> Result<ChatterId, Refusal> {
        let payee = self.resolve(to)?.ok_or(PaymentError::UnknownChatter)?;
        let invocation = self.invocation();
        let is_shown = payee.id == invocation.chatter.id
            || invocation.reply_to.as_ref().is_some_and(|quoted| quoted.chatter_id == payee.id);
        if is_shown || self.is_named(&payee, to)? {
            return Ok(payee.id);
        }
        Err(PaymentError::NotAllowed(format!("{} is not named in the message", payee.login)).into())
    }

    /// Whether a word of the text means this chatter. Ids are compared, because logins get recycled: the payee's last known
    /// login, and the one that the module gave, may be somebody else's by now.
    fn is_named(&self, payee: &KnownChatter, given: &str) -> Result<bool, Fault> {
        let given = Reference::parse(given);
        let is_mark = |character: char| !character.is_ascii_alphanumeric() && character != '_';
        for word in self.invocation().text.split_whitespace() {
            let Some(reference) = Reference::parse(word.trim_matches(is_mark)) else { continue };
            let may_mean = reference.means(payee) || Some(&reference) == given.as_ref();
            if may_mean && self.resolve(&reference.to_string())?.is_some_and(|chatter| chatter.id == payee.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
