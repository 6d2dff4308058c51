//! Moves currency in every possible way; answers with the balance that the host returns.

use twitchy_sdk::{
    Amount, CommandError, CommandInfo, Invocation, Mention, Module, ModuleInfo, Replies, answer, payments, treasury,
};

pub struct Transfers;

impl Module for Transfers {
    fn info() -> ModuleInfo {
        ModuleInfo::new("transfers", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("pay", "from the caller to another").usage("@chatter AMOUNT").without_cooldown())
            .command(CommandInfo::new("charge", "from the caller to the channel").usage("AMOUNT").without_cooldown())
            .command(
                CommandInfo::new("pay-out", "from the channel to a chatter")
                    .usage("@chatter AMOUNT")
                    .without_cooldown(),
            )
            .command(CommandInfo::new("award", "from nowhere to a chatter").usage("@chatter AMOUNT").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let mut arguments = invocation.arguments();
        let left = if invocation.command == "charge" {
            payments::charge(&arguments.required("amount")?)?
        } else {
            let chatter: Mention = arguments.required("chatter")?;
            let amount: Amount = arguments.required("amount")?;
            match invocation.command.as_str() {
                "pay" => payments::transfer(&chatter, &amount)?,
                "pay-out" => treasury::pay(&chatter, &amount)?,
                _ => treasury::award(&chatter, &amount)?,
            }
        };
        Ok(answer(format!("left: {left}")))
    }
}

twitchy_sdk::export!(Transfers);
