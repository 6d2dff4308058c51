//! What a chatter reads if a module gave no answer: one sentence each, the same for every module. Pure.

use std::time::Duration;

use crate::domain::id::{Login, ModuleName};
use crate::domain::manifest::Command;
use crate::domain::prefix::Prefix;
use crate::domain::span::show_span;
use crate::sandbox::call::Blame;

/// `usage: !pay @chatter AMOUNT`, after the module's own words if it has any.
pub(crate) fn describe_usage(words: &str, prefix: &Prefix, command: &Command) -> String {
    let usage = format!("usage: {prefix}{} {}", command.name, command.usage);
    match words.trim() {
        "" => usage.trim_end().to_owned(),
        words => format!("{words}; {}", usage.trim_end()),
    }
}

/// A service behind the command is down. The details are only logged.
pub(crate) fn describe_unavailable() -> String {
    "sorry, that isn't available right now; please try again later".to_owned()
}

/// For the broadcaster: a module kept breaking and was switched off. `back_in` is set if it comes back by itself.
pub(crate) fn describe_blown(
    broadcaster: &Login,
    module: &ModuleName,
    prefix: &Prefix,
    back_in: Option<Duration>,
) -> String {
    let told =
        format!("@{broadcaster} {module} keeps failing and was switched off here; {prefix}settings enable {module}");
    match back_in {
        Some(span) => format!("{told} brings it back before it comes back by itself in {}", show_span(span)),
        None => format!("{told} brings it back"),
    }
}

/// The call broke off.
pub(crate) fn apologise(blame: Blame) -> String {
    match blame {
        Blame::Guest => "sorry, something went wrong with this command",
        Blame::Host => "sorry, that didn't work; please try again in a moment",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::command;

    #[test]
    fn usage_shows_what_to_type_in_this_channel() {
        let command = |usage: &str| Command { usage: usage.into(), ..command("pay") };
        let told = |words, usage| describe_usage(words, &"?".parse().unwrap(), &command(usage));
        assert_eq!(told("", "@chatter AMOUNT"), "usage: ?pay @chatter AMOUNT");
        assert_eq!(told("AMOUNT is missing", "@chatter AMOUNT"), "AMOUNT is missing; usage: ?pay @chatter AMOUNT");
        assert_eq!(told("that is too much", ""), "that is too much; usage: ?pay");
    }
}
