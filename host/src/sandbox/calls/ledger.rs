//! Movements of the channel's own currency: the rules that `payments` and `treasury` share.

pub(super) mod overlay;

use std::time::Duration;

use super::chatters::{Reference, resolve};
use super::error::{ContractError, EndRun, HostCallError};
use super::transaction::Transaction;
use crate::balances::payment::{CheckPaymentError, Moved, check_caps, parse_payment};
use crate::domain::amount::Amount;
use crate::domain::effect::{Effect, Holder, LedgerEffect, Scope};
use crate::domain::id::ChatterId;
use crate::domain::manifest::Budget;
use crate::domain::message::KnownChatter;
use crate::sandbox::bindings::twitchy::command::types::PaymentError;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The balance of a chatter after a payment.
pub(super) type Paid = Result<Amount, Refusal>;
pub(super) type Refusal = HostCallError<PaymentError>;

impl ContractError for PaymentError {}

impl From<CheckPaymentError> for Refusal {
    fn from(error: CheckPaymentError) -> Self {
        HostCallError::Returned(match error {
            CheckPaymentError::InvalidAmount => PaymentError::InvalidAmount,
            CheckPaymentError::Nothing(_)
            | CheckPaymentError::MostPerInvocation(..)
            | CheckPaymentError::MostPerChatter(..)
            | CheckPaymentError::MostPerDay(..) => PaymentError::NotAllowed(error.to_string()),
        })
    }
}

/// Checks that this invocation may move currency at all: the host keeps the channel's ledger, a person called, and that
/// chatter may still use the command under the current set-up.
pub(super) fn check_powers(run: &mut Transaction) -> Result<(), Refusal> {
    if !run.world().balances.is_ledger(run.channel()) {
        return Err(PaymentError::Unavailable("an outside provider keeps this channel's balances".to_owned()).into());
    }
    if !run.has_caller() {
        return Err(PaymentError::NotAllowed("nobody asked for this payment".to_owned()).into());
    }
    let setup = run.setup()?;
    let target = setup.find_word(&run.invocation().command);
    let may_use =
        target.is_some_and(|target| target.module.manifest.name == *run.module() && run.role() >= target.command.role);
    may_use.then_some(()).ok_or_else(|| PaymentError::NotAllowed("this command is not yours to use".to_owned()).into())
}

/// Moves an amount within the caps of the grant, if the payer has enough.
pub(super) async fn pay_between(run: &mut Transaction, from: Holder, to: Holder, amount: &str) -> Result<(), Refusal> {
    let currency = run.world().store.load_currency(run.channel()).await?;
    let amount = parse_payment(amount, &currency)?;
    let budget = from.budget();
    let moved = moved(run, budget).await?;
    check_caps(run.call().grants.caps(budget), budget, &moved, amount)?;
    let left =
        held_by(run, from).await?.checked_sub(amount).filter(|left| from == Holder::Mint || *left >= Amount::ZERO);
    let left = left.ok_or(PaymentError::NotEnough)?;
    // The payee's account is not noted: an addition conflicts with no other write, and the commit checks the sum again.
    let (_, held) = run.world().store.load_account(run.channel(), to).await?;
    let has = run.ledger().applied_to(to, held).and_then(|held| held.checked_add(amount));
    let fits = |amount: Amount| amount.units(currency.decimals).is_some();
    if !fits(left) || !has.is_some_and(fits) {
        return Err(PaymentError::InvalidAmount.into());
    }
    run.ledger().add(from, to, amount).ok_or(PaymentError::InvalidAmount)?;
    run.add_effect(Effect::Ledger(run.module().clone(), LedgerEffect::Transfer { from, to, amount }));
    Ok(())
}

/// What counts against a budget's caps so far. Each payment writes its budget's scope, so noting the scope makes
/// concurrent payments conflict; otherwise two of them could pass a cap together. Without a cap over several
/// invocations, no scope is noted and no conflict arises.
async fn moved(run: &mut Transaction, budget: Budget) -> Result<Moved, Refusal> {
    let own = run.ledger().moved(budget);
    let caps = run.call().grants.caps(budget);
    if caps.per_chatter.is_none() && caps.per_day.is_none() {
        return Ok(Moved { by_invocation: own, by_caller: own, by_all: own });
    }
    let (channel, module) = (run.channel(), run.module().clone());
    let (caller, since) = (run.invocation().chatter.id, run.invocation().now - DAY);
    let before = run.world().store.load_spending(channel, &module, budget, caller, since).await?;
    run.note(Scope::Budget { channel, module, budget }, before.revision)?;
    let with_own = |before: Amount| before.checked_add(own).ok_or(PaymentError::InvalidAmount);
    Ok(Moved { by_invocation: own, by_caller: with_own(before.by_caller)?, by_all: with_own(before.by_all)? })
}

/// A holder's balance, including this run's own payments.
pub(super) async fn held_by(run: &mut Transaction, holder: Holder) -> Paid {
    let channel = run.channel();
    let (revision, committed) = run.world().store.load_account(channel, holder).await?;
    run.note(Scope::Account { channel, holder }, revision)?;
    Ok(run.ledger().applied_to(holder, committed).ok_or(PaymentError::InvalidAmount)?)
}

/// Finds a payee. Allowed are chatters whom the invocation's text names, the author of the message that it replies to,
/// and the caller: a module cannot pick a payee by itself.
pub(super) async fn find_payee(run: &Transaction, to: &str) -> Result<ChatterId, Refusal> {
    let payee = resolve(run, to).await?.ok_or(PaymentError::UnknownChatter)?;
    let invocation = run.invocation();
    let is_shown = payee.id == invocation.chatter.id
        || invocation.reply_to.as_ref().is_some_and(|quoted| quoted.chatter_id == payee.id);
    if is_shown || is_named(run, &payee, to).await? {
        return Ok(payee.id);
    }
    Err(PaymentError::NotAllowed(format!("{} is not named in the message", payee.login)).into())
}

/// Whether a word of the text means this chatter. Ids are compared because Twitch recycles logins: the payee's last
/// known login, and the one that the module passed, may belong to another chatter by now.
async fn is_named(run: &Transaction, payee: &KnownChatter, given: &str) -> Result<bool, EndRun> {
    let given = Reference::parse(given);
    // "@bob!" and "@bobさん" both mean bob; a display name in other letters ends at the first punctuation mark.
    let is_mark = |character: char| !character.is_alphanumeric() && character != '_';
    let is_no_login = |character: char| !character.is_ascii_alphanumeric() && character != '_';
    let words = run.invocation().text.split_whitespace();
    for name in words.flat_map(|word| [word.trim_matches(is_no_login), word.trim_matches(is_mark)]) {
        let Some(reference) = Reference::parse(name) else { continue };
        let may_mean = reference.means(payee) || Some(&reference) == given.as_ref();
        if may_mean && resolve(run, &reference.to_string()).await?.is_some_and(|chatter| chatter.id == payee.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::super::error::NOT_PROVEN;
    use super::super::fixture::{Fixture, SHOP, bank, error_of, now};
    use super::super::payments::{charge, transfer};
    use super::super::{settings, treasury};
    use super::*;
    use crate::balances::provider::BalanceProvider;
    use crate::bench::BenchOptions;
    use crate::bench::provider::FailingProvider;
    use crate::domain::effect::Committed;
    use crate::domain::id::{MessageId, Origin};
    use crate::domain::manifest::{Capability, Caps, Grants};
    use crate::domain::message::QuotedMessage;
    use crate::testing::at_once;

    fn bench() -> Fixture {
        Fixture::new(BenchOptions::default())
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// The cap that a test sets and that its error names.
    #[derive(Clone, Copy, Debug)]
    enum Cap {
        Invocation,
        Chatter,
        Day,
    }

    /// Every grant, with a cap of 10 of one kind on one budget.
    fn capped(budget: Budget, cap: Cap) -> Grants {
        let ten = Some(amount("10"));
        let caps = match cap {
            Cap::Invocation => Caps { per_invocation: ten, ..Caps::unlimited() },
            Cap::Chatter => Caps { per_chatter: ten, ..Caps::unlimited() },
            Cap::Day => Caps { per_day: ten, ..Caps::unlimited() },
        };
        match budget {
            Budget::Payments => Grants { payments: caps, ..Grants::all(&bank()) },
            Budget::Treasury => Grants { treasury: caps, ..Grants::all(&bank()) },
        }
    }

    /// Moves an amount that counts against `budget`.
    fn spend(run: &mut Transaction, budget: Budget, text: &str) -> Paid {
        match budget {
            Budget::Payments => at_once(transfer(run, "carol", text)),
            Budget::Treasury => at_once(treasury::pay_out(run, Holder::Mint, "carol", text)),
        }
    }

    fn why_not(answer: Paid) -> String {
        match error_of(answer) {
            PaymentError::NotAllowed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn payments_move_what_the_payer_has() {
        let bench = bench();
        let mut run = bench.run("alice", "give @bob and @carol");
        assert_eq!(at_once(transfer(&mut run, "@bob", "60")).unwrap(), amount("40"));
        assert_eq!(error_of(at_once(transfer(&mut run, "carol", "41"))), PaymentError::NotEnough);
        assert_eq!(at_once(charge(&mut run, "40")).unwrap(), Amount::ZERO);
        // Carol is paid from the charge of 40 just now; then the till is empty.
        assert_eq!(at_once(treasury::pay_out(&mut run, Holder::Till, "carol", "40")).unwrap(), amount("140"));
        assert_eq!(error_of(at_once(treasury::pay_out(&mut run, Holder::Till, "carol", "1"))), PaymentError::NotEnough);
        assert_eq!(at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "5")).unwrap(), amount("165"));
        assert_eq!(bench.commit(run), Committed::Done);
        assert_eq!([bench.balance(1), bench.balance(2), bench.balance(3)], ["0", "165", "140"]);
        assert_eq!([bench.held_by(Holder::Till), bench.held_by(Holder::Mint)], ["0", "-305"]);
    }

    #[test]
    fn only_a_positive_amount_of_the_currency_is_paid() {
        let bench = bench();
        let mut run = bench.run("alice", "@bob");
        for text in ["", "0", "-1", "0.5", "1e2", "ten", "99999999999999999999"] {
            assert_eq!(error_of(at_once(transfer(&mut run, "bob", text))), PaymentError::InvalidAmount, "{text:?}");
            assert_eq!(error_of(at_once(charge(&mut run, text))), PaymentError::InvalidAmount, "{text:?}");
            assert_eq!(
                error_of(at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", text))),
                PaymentError::InvalidAmount,
                "{text:?}"
            );
        }
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn a_payee_is_named_by_the_caller() {
        let bench = bench();
        for text in ["bob", "@bob", "@BOB,", "5 to (@bob)!", "\"@bob\" please", "id:2"] {
            for to in ["bob", "@Bob", "id:2"] {
                assert!(at_once(transfer(&mut bench.run("alice", text), to, "1")).is_ok(), "{text} {to}");
            }
        }
        for text in ["@bobさん", "「@bob」", "“@bob”"] {
            assert!(at_once(transfer(&mut bench.run("alice", text), "bob", "1")).is_ok(), "{text}");
        }
        for text in ["", "@carol", "bobby", "bob's", "@bob_", "2", "id:22"] {
            let why = why_not(at_once(transfer(&mut bench.run("alice", text), "bob", "1")));
            assert_eq!(why, "bob is not named in the message", "{text}");
        }
        assert_eq!(
            error_of(at_once(transfer(&mut bench.run("alice", "@nobody"), "nobody", "1"))),
            PaymentError::UnknownChatter
        );
        assert_eq!(
            why_not(at_once(transfer(&mut bench.run("alice", "@alice"), "alice", "1"))),
            "nobody pays themselves"
        );
    }

    #[test]
    fn a_payee_may_be_named_by_a_display_name_that_one_chatter_bears() {
        let bench = bench();
        let see = |id, login: &str| {
            let chatter =
                KnownChatter { id: ChatterId(id), login: login.parse().unwrap(), display_name: "アリス".into() };
            bench.wait(bench.world.store.save_seen(SHOP, vec![chatter], now())).unwrap();
        };
        see(21, "arisu");
        for (text, to) in
            [("@アリス 1", "アリス"), ("（アリス）", "@アリス"), ("アリス, 1", "arisu"), ("@arisu", "アリス")]
        {
            assert!(at_once(transfer(&mut bench.run("alice", text), to, "1")).is_ok(), "{text} {to}");
        }
        assert_eq!(
            why_not(at_once(transfer(&mut bench.run("alice", "@bob"), "アリス", "1"))),
            "arisu is not named in the message"
        );
        assert_eq!(
            error_of(at_once(transfer(&mut bench.run("alice", "@別名"), "別名", "1"))),
            PaymentError::UnknownChatter
        );
        // Once two chatters have the name, nobody is paid, whichever name the module passes.
        see(22, "alice_22");
        for to in ["アリス", "arisu"] {
            let error = at_once(transfer(&mut bench.run("alice", "@アリス 1"), to, "1")).unwrap_err();
            assert!(matches!(&error, HostCallError::EndsRun(EndRun::Refused(_))), "{to}: {error:?}");
        }
        assert!(at_once(transfer(&mut bench.run("alice", "@arisu 1"), "arisu", "1")).is_ok());
    }

    #[test]
    fn what_an_account_cannot_hold_is_an_invalid_amount() {
        let bench = bench();
        let mut run = bench.run("alice", "@bob @carol");
        assert_eq!(
            error_of(at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", &i64::MAX.to_string()))),
            PaymentError::InvalidAmount
        );
        // Three chatters have 100 each, and the mint can owe 2^63 in all.
        at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", &(i64::MAX - 299).to_string())).unwrap();
        assert_eq!(
            error_of(at_once(treasury::pay_out(&mut run, Holder::Mint, "carol", "1"))),
            PaymentError::InvalidAmount
        );
        at_once(transfer(&mut run, "bob", "100")).unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        let mut run = bench.run("carol", "@bob");
        assert_eq!(
            error_of(at_once(transfer(&mut run, "bob", "100"))),
            PaymentError::InvalidAmount,
            "one more than bob can have"
        );
        at_once(transfer(&mut run, "bob", "99")).unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        assert_eq!(bench.balance(2), i64::MAX.to_string());
    }

    #[test]
    fn what_was_moved_in_a_day_may_be_more_than_an_account_holds() {
        let bench = bench();
        let grants = Grants {
            treasury: Caps { per_day: Some(amount("60000000000000000000")), ..Caps::unlimited() },
            ..Grants::all(&bank())
        };
        let most = (i64::MAX - 1000).to_string();
        let begin = || bench.begin_with(bench.invocation("alice", "@alice"), grants.clone());
        let mut first = begin();
        at_once(treasury::pay_out(&mut first, Holder::Mint, "alice", &most)).unwrap();
        assert_eq!(bench.commit(first), Committed::Done);
        for _ in 0..3 {
            let mut round = begin();
            at_once(charge(&mut round, &most)).unwrap();
            at_once(treasury::pay_out(&mut round, Holder::Till, "alice", &most)).unwrap();
            assert_eq!(bench.commit(round), Committed::Done);
        }
        assert!(at_once(treasury::pay_out(&mut begin(), Holder::Mint, "alice", "1")).is_ok());
    }

    #[test]
    fn a_payee_may_be_the_chatter_replied_to() {
        let bench = bench();
        let mut invocation = bench.invocation("alice", "thanks");
        invocation.reply_to = Some(QuotedMessage {
            id: MessageId("m".into()),
            chatter_id: ChatterId(2),
            chatter_login: "bob".parse().unwrap(),
            text: "hello".into(),
        });
        assert!(at_once(transfer(&mut bench.begin(invocation.clone()), "id:2", "1")).is_ok());
        assert_eq!(
            why_not(at_once(transfer(&mut bench.begin(invocation), "carol", "1"))),
            "carol is not named in the message"
        );
    }

    #[test]
    fn a_recycled_login_names_only_its_present_bearer() {
        let bench = bench();
        let heir = KnownChatter { id: ChatterId(9), login: "bob".parse().unwrap(), display_name: "Bob".into() };
        bench.wait(bench.world.store.save_seen(SHOP, vec![heir], now() + DAY)).unwrap();
        // Chatter 2 had the login bob before.
        let why = why_not(at_once(transfer(&mut bench.run("alice", "@bob"), "id:2", "1")));
        assert_eq!(why, "bob is not named in the message");
        assert!(at_once(transfer(&mut bench.run("alice", "@bob"), "id:9", "1")).is_ok());
    }

    #[test]
    fn a_treasury_pays_the_caller() {
        let bench = bench();
        assert_eq!(
            at_once(treasury::pay_out(&mut bench.run("alice", ""), Holder::Mint, "alice", "1")).unwrap(),
            amount("101")
        );
        assert_eq!(
            why_not(at_once(treasury::pay_out(&mut bench.run("alice", ""), Holder::Mint, "bob", "1"))),
            "bob is not named in the message"
        );
    }

    #[test]
    fn timers_and_events_pay_nobody() {
        let bench = bench();
        for origin in [Origin::Timer, Origin::Event, Origin::Host] {
            let mut invocation = bench.invocation("alice", "@bob");
            invocation.id.origin = origin;
            let mut run = bench.begin(invocation);
            for answer in [
                at_once(transfer(&mut run, "bob", "1")),
                at_once(charge(&mut run, "1")),
                at_once(treasury::pay_out(&mut run, Holder::Till, "bob", "1")),
                at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "1")),
            ] {
                assert_eq!(why_not(answer), "nobody asked for this payment");
            }
        }
    }

    #[test]
    fn a_claim_to_be_a_chatter_spends_nothing_and_a_role_pays_out() {
        let bench = Fixture::new(BenchOptions::default());
        let mut invocation = bench.invocation("shop", "@bob");
        invocation.is_proven = false;
        let mut run = bench.begin(invocation);
        let refused = || PaymentError::NotAllowed(NOT_PROVEN.to_owned());
        assert_eq!(
            [error_of(at_once(transfer(&mut run, "bob", "1"))), error_of(at_once(charge(&mut run, "1")))],
            [refused(), refused()]
        );
        assert!(
            at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "5")).is_ok(),
            "what the channel pays out is its roles' to decide"
        );
        assert_eq!(bench.commit(run), Committed::Done);
        assert_eq!(bench.balance(2), "105");
    }

    #[test]
    fn a_role_that_was_taken_meanwhile_moves_nothing() {
        let bench = bench();
        let mut late = bench.run("alice", "@bob");
        let mut change = bench.run("shop", "");
        at_once(settings::change_setting(&mut change, "bank", "bank.role", "vip")).unwrap();
        assert_eq!(bench.commit(change), Committed::Done);
        assert_eq!(why_not(at_once(transfer(&mut late, "bob", "1"))), "this command is not yours to use");
        assert!(at_once(treasury::pay_out(&mut bench.run("shop", "@bob"), Holder::Mint, "bob", "1")).is_ok());
    }

    #[test]
    fn one_call_moves_no_more_than_its_cap() {
        let bench = bench();
        let mut run = bench.begin_with(bench.invocation("alice", "@bob"), capped(Budget::Payments, Cap::Invocation));
        assert!(at_once(transfer(&mut run, "bob", "6")).is_ok() && at_once(charge(&mut run, "3")).is_ok());
        assert_eq!(why_not(at_once(charge(&mut run, "2"))), "one call may move at most 10");
        assert!(
            at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "11")).is_ok(),
            "the treasury has caps of its own"
        );
        assert!(at_once(charge(&mut run, "1")).is_ok());
        let mut run = bench.begin_with(bench.invocation("alice", "@bob"), capped(Budget::Treasury, Cap::Invocation));
        assert!(
            at_once(transfer(&mut run, "bob", "11")).is_ok()
                && at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "6")).is_ok()
                && at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "3")).is_ok()
        );
        assert_eq!(
            why_not(at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "2"))),
            "one call may pay out at most 10"
        );
    }

    #[test]
    fn what_was_granted_without_caps_moves_nothing() {
        let bench = bench();
        let grants = Grants { capabilities: Capability::ALL.to_vec(), ..Grants::default() };
        let mut run = bench.begin_with(bench.invocation("alice", "@bob"), grants);
        for answer in [at_once(transfer(&mut run, "bob", "1")), at_once(charge(&mut run, "1"))] {
            assert_eq!(why_not(answer), "this module was granted no amount to move here");
        }
        for answer in [
            at_once(treasury::pay_out(&mut run, Holder::Till, "bob", "1")),
            at_once(treasury::pay_out(&mut run, Holder::Mint, "bob", "1")),
        ] {
            assert_eq!(why_not(answer), "this module was granted no amount to pay out here");
        }
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn the_cap_of_a_day_counts_all_calls_of_a_day() {
        let bench = bench();
        for (budget, verb) in [(Budget::Payments, "move"), (Budget::Treasury, "pay out")] {
            let begin = |caller, at| {
                let mut invocation = bench.invocation(caller, "@carol");
                invocation.now = at;
                bench.begin_with(invocation, capped(budget, Cap::Day))
            };
            let why = format!("this module may {verb} at most 10 a day");
            let mut run = begin("alice", now());
            assert!(spend(&mut run, budget, "4").is_ok() && spend(&mut run, budget, "4").is_ok());
            assert_eq!(why_not(spend(&mut run, budget, "3")), why);
            assert_eq!(bench.commit(run), Committed::Done);
            assert_eq!(why_not(spend(&mut begin("bob", now()), budget, "3")), why);
            assert!(spend(&mut begin("bob", now()), budget, "2").is_ok());
            assert!(spend(&mut begin("bob", now() + DAY + Duration::from_secs(1)), budget, "10").is_ok());
        }
    }

    #[test]
    fn the_cap_of_a_chatter_counts_the_calls_of_that_chatter() {
        let bench = bench();
        for (budget, verb) in [(Budget::Payments, "move"), (Budget::Treasury, "pay out")] {
            let begin = |caller, at| {
                let mut invocation = bench.invocation(caller, "@carol");
                invocation.now = at;
                bench.begin_with(invocation, capped(budget, Cap::Chatter))
            };
            let why = format!("for one chatter this module may {verb} at most 10 a day");
            let mut run = begin("alice", now());
            assert!(spend(&mut run, budget, "8").is_ok());
            assert_eq!(why_not(spend(&mut run, budget, "3")), why);
            assert_eq!(bench.commit(run), Committed::Done);
            assert_eq!(why_not(spend(&mut begin("alice", now()), budget, "3")), why);
            assert!(spend(&mut begin("alice", now()), budget, "2").is_ok());
            assert!(spend(&mut begin("bob", now()), budget, "10").is_ok(), "bob has used nothing of his");
            assert!(spend(&mut begin("alice", now() + DAY + Duration::from_secs(1)), budget, "10").is_ok());
        }
    }

    #[test]
    fn two_payments_at_once_do_not_pass_a_cap_together() {
        for budget in [Budget::Payments, Budget::Treasury] {
            for (cap, second) in [(Cap::Day, "bob"), (Cap::Chatter, "alice")] {
                let bench = bench();
                let begin = |caller| bench.begin_with(bench.invocation(caller, "@carol"), capped(budget, cap));
                let (mut first, mut second) = (begin("alice"), begin(second));
                assert!(spend(&mut first, budget, "6").is_ok() && spend(&mut second, budget, "6").is_ok());
                assert_eq!(bench.commit(first), Committed::Done);
                assert_eq!(bench.commit(second), Committed::Conflict, "{budget:?} {cap:?}");
            }
        }
    }

    #[test]
    fn the_same_points_are_not_spent_twice() {
        let bench = bench();
        let [mut first, mut second] = ["bob", "carol"].map(|to| {
            let mut run = bench.run("alice", "@bob @carol");
            at_once(transfer(&mut run, to, "100")).unwrap();
            run
        });
        assert_eq!(
            [error_of(at_once(charge(&mut first, "1"))), error_of(at_once(charge(&mut second, "1")))],
            [PaymentError::NotEnough, PaymentError::NotEnough]
        );
        assert_eq!(bench.commit(first), Committed::Done);
        assert_eq!(bench.commit(second), Committed::Conflict);
        assert_eq!(
            error_of(at_once(transfer(&mut bench.run("alice", "@carol"), "carol", "100"))),
            PaymentError::NotEnough
        );
    }

    #[test]
    fn two_payers_of_one_payee_do_not_conflict() {
        let bench = bench();
        let (mut first, mut second) = (bench.run("alice", "@carol"), bench.run("bob", "@carol"));
        assert!(
            at_once(transfer(&mut first, "carol", "1")).is_ok() && at_once(transfer(&mut second, "carol", "1")).is_ok()
        );
        assert_eq!([bench.commit(first), bench.commit(second)], [Committed::Done, Committed::Done]);
        assert_eq!(bench.balance(3), "102");
    }

    #[test]
    fn an_outside_currency_is_not_paid_with() {
        let outside: Arc<dyn BalanceProvider> = Arc::new(FailingProvider);
        let bench = Fixture::new(BenchOptions { outside: HashMap::from([(SHOP, outside)]), ..BenchOptions::default() });
        assert!(matches!(
            error_of(at_once(transfer(&mut bench.run("alice", "@bob"), "bob", "1"))),
            PaymentError::Unavailable(_)
        ));
        assert!(matches!(
            error_of(at_once(treasury::pay_out(&mut bench.run("alice", "@bob"), Holder::Mint, "bob", "1"))),
            PaymentError::Unavailable(_)
        ));
    }
}
