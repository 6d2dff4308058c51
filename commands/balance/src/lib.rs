//! `!balance [@chatter]`: shows what a chatter owns.

use twitchy_sdk::balances::{self, Balance, BalanceError};
use twitchy_sdk::{
    CommandError, CommandInfo, Invocation, Mention, Module, ModuleInfo, Replies, answer, lists::join_with_and,
};

pub struct BalanceModule;

impl Module for BalanceModule {
    fn info() -> ModuleInfo {
        ModuleInfo::new("balance", env!("CARGO_PKG_VERSION"), "shows what chatters own").command(
            CommandInfo::new("balance", "shows what you own, or what somebody else does")
                .alias("points")
                .usage("[@chatter]"),
        )
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let mut arguments = invocation.arguments();
        let other: Option<Mention> = arguments.optional("chatter")?;
        arguments.end()?;
        let other = other.filter(|mention| !mention.means(&invocation.chatter));
        let found = match &other {
            Some(mention) => balances::find(mention.as_str()),
            None => balances::find(&invocation.chatter.reference()),
        };
        tell(other.as_ref().map(Mention::as_str), found).map(answer)
    }
}

twitchy_sdk::export!(BalanceModule);

/// `other` is the login that the chatter asked for; `None` if chatters ask about themselves.
fn tell(other: Option<&str>, found: Result<Vec<Balance>, BalanceError>) -> Result<String, CommandError> {
    let who = match other {
        Some(login) => [login, " has"].concat(),
        None => "you have".to_owned(),
    };
    match (found, other) {
        (Ok(balances), _) if balances.is_empty() => Ok(who + " nothing here yet"),
        (Ok(balances), _) => {
            let amounts: Vec<String> = balances.iter().map(show).collect();
            Ok([&who, " ", &join_with_and(&amounts)].concat())
        }
        (Err(BalanceError::UnknownChatter), Some(login)) => {
            Err(CommandError::refused(["I haven't seen ", login, " here yet"].concat()))
        }
        (Err(BalanceError::UnknownChatter), None) => Ok(who + " nothing here yet"),
        (Err(error), _) => Err(error.into()),
    }
}

fn show(balance: &Balance) -> String {
    let amount = [&balance.amount, " ", &balance.currency].concat();
    match &balance.estimated_usd {
        Some(dollars) => [&amount, " (about $", dollars, ")"].concat(),
        None => amount,
    }
}

#[cfg(test)]
mod tests {
    use twitchy_sdk::Role;
    use twitchy_sdk::testing::Host;

    use super::*;

    fn bank() -> Host<BalanceModule> {
        Host::new().chatter("bob", Role::Everyone).balance("bob", "120")
    }

    #[test]
    fn own_and_others_balances_are_told() {
        let host = bank();
        assert_eq!(host.call("alice", "!balance"), Ok(answer("you have 0 points")));
        assert_eq!(host.call("alice", "!points @bob"), Ok(answer("bob has 120 points")));
        assert_eq!(host.call("bob", "!balance @Bob"), Ok(answer("you have 120 points")));
        assert!(matches!(host.call("bob", "!balance bob now"), Err(CommandError::Usage(_))));
    }

    #[test]
    fn several_currencies_are_one_sentence() {
        let balance = |amount: &str, currency: &str, dollars: Option<&str>| Balance {
            amount: amount.into(),
            currency: currency.into(),
            estimated_usd: dollars.map(Into::into),
        };
        let all = vec![balance("120", "points", None), balance("2.5", "RLY", Some("1.20")), balance("3", "ABC", None)];
        let host = bank().provider(move |login| Ok(if login == "bob" { vec![] } else { all.clone() }));
        let told = "you have 120 points, 2.5 RLY (about $1.20) and 3 ABC";
        assert_eq!(host.call("alice", "!balance"), Ok(answer(told)));
        assert_eq!(host.call("alice", "!balance bob"), Ok(answer("bob has nothing here yet")));
        assert_eq!(host.call("bob", "!balance"), Ok(answer("you have nothing here yet")));
    }

    #[test]
    fn an_unknown_chatter_is_named() {
        let unknown = CommandError::refused("I haven't seen carol here yet");
        assert_eq!(bank().call("alice", "!balance carol"), Err(unknown));
        let host = bank().provider(|_| Err(BalanceError::UnknownChatter));
        assert_eq!(host.call("alice", "!balance"), Ok(answer("you have nothing here yet")));
    }

    #[test]
    fn a_provider_that_is_down_is_no_answer() {
        let host = bank().provider(|_| Err(BalanceError::Unavailable("no route".into())));
        assert_eq!(host.call("alice", "!balance"), Err(CommandError::unavailable("no route")));
    }
}
