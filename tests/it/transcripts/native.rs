//! What authors test against, the host in memory of the SDK, answers as the host does: each transcript is played on both.

use balance_module::BalanceModule;
use claims_words_guest::ClaimsWords;
use counter_guest::Counter;
use help_module::HelpModule;
use settings_module::SettingsModule;
use transfers_guest::Transfers;
use twitchy::domain::role::Role;
use twitchy::transcript::{Heard, Said, Step, Transcript};
use twitchy_sdk::testing::Host;
use twitchy_sdk::{CommandError, Module, Reply};

use crate::harness::check;

/// Plays the transcript on the host itself, and then on the one in memory.
async fn check_both<M: Module>(mut host: Host<M>, text: &str) {
    check(text).await;
    let transcript = Transcript::parse(text).unwrap();
    for turn in &transcript.turns {
        match &turn.step {
            Step::Said(said) => {
                let role = match said.role {
                    Role::Everyone => twitchy_sdk::Role::Everyone,
                    Role::Subscriber => twitchy_sdk::Role::Subscriber,
                    Role::Vip => twitchy_sdk::Role::Vip,
                    Role::Moderator => twitchy_sdk::Role::Moderator,
                    Role::Broadcaster => twitchy_sdk::Role::Broadcaster,
                };
                host = host.chatter(said.name.as_str(), role);
                let heard = Heard::Replies(hear(&host, said));
                assert_eq!(heard, turn.expected, "the host in memory, at {}", said.text);
            }
            Step::Pause(span) => host.advance(*span),
            Step::Channel(_) | Step::Nothing => {}
        }
    }
}

/// The answers as a transcript shows them. An error has the usage behind it, as in chat.
fn hear<M: Module>(host: &Host<M>, said: &Said) -> Vec<String> {
    let texts: Vec<String> = match host.call(said.name.as_str(), &said.text) {
        Ok(replies) => Vec::from(replies)
            .into_iter()
            .map(|reply| match reply {
                Reply::Answer(text) => text,
                other => panic!("no transcript here has {other:?}"),
            })
            .collect(),
        Err(CommandError::Usage(text)) => {
            let word = said.text.split_whitespace().next().unwrap_or_default();
            let command = M::info().commands.into_iter().find(|command| word.ends_with(&command.name)).unwrap();
            vec![format!("{text}; usage: {word} {}", command.usage)]
        }
        Err(CommandError::Refused(text)) => vec![text],
        Err(CommandError::Unavailable(text)) => panic!("no transcript here has an apology: {text}"),
    };
    texts.into_iter().map(|text| format!("@{} {text}", said.name.as_str())).collect()
}

#[tokio::test]
async fn payments_are_the_same_in_memory() {
    let host = Host::<Transfers>::new()
        .balance("alice", "9")
        .chatter("bob", twitchy_sdk::Role::Everyone)
        .display_name("arisu", "アリス");
    check_both(
        host,
        r#"
#shop   enabled: transfers   balances: alice 9   seen: bob, arisu アリス
alice>      !pay bob 5
bot>        @alice left: 4
alice>      !pay bob 5
bot>        @alice that is more than there is
alice>      !pay bob 0.5
bot>        @alice that amount cannot be paid; usage: !pay @chatter AMOUNT
alice>      !pay bob -1
bot>        @alice that amount cannot be paid; usage: !pay @chatter AMOUNT
alice>      !pay bob 1e3
bot>        @alice amount should be a number like 5 or 2.5, not "1e3"; usage: !pay @chatter AMOUNT
alice>      !pay nobody 1
bot>        @alice I haven't seen that chatter here yet
alice>      !pay alice 1
bot>        @alice nobody pays themselves
alice>      !pay @Bob, 1
bot>        @alice left: 3
alice>      !pay アリス 1
bot>        @alice left: 2
alice>      !pay
bot>        @alice chatter is missing; usage: !pay @chatter AMOUNT
alice>      !charge 2
bot>        @alice left: 0
bob>        !charge 007
bot>        @bob that is more than there is
bob>        !pay-out alice 3
bot>        @bob that is more than there is
bob>        !pay-out alice 2
bot>        @bob left: 2
bob>        !award "bob" 10
bot>        @bob left: 16
bob>        !award id:1 10
bot>        @bob chatter should be a name like @bob, not "id:1"; usage: !award @chatter AMOUNT
"#,
    )
    .await;
}

#[tokio::test]
async fn a_store_is_the_same_in_memory() {
    check_both(
        Host::<Counter>::new(),
        r#"
#shop   enabled: counter
alice>      !count
bot>        @alice count is 1
alice>      !count
bot>        @alice count is 2
bob>        !count "my key"
bot>        @bob my key is 1
bob>        !count-get my
bot>        @bob my is 0
bob>        !count-get "my key"
bot>        @bob my key is 1
bob>        !COUNT-GET
bot>        @bob count is 2
"#,
    )
    .await;
}

#[tokio::test]
async fn claimed_words_are_the_same_in_memory() {
    check_both(
        Host::<ClaimsWords>::new().other_module(BalanceModule::info()),
        r#"
#shop   enabled: claims-words, balance
broadcaster shop>  !addword Hello
bot>        @shop Hello is claimed
alice>      !HELLO
bot>        @alice this is hello
alice>      !addword hi
bot>        @alice only the broadcaster can
broadcaster shop>  !addword balance
bot>        @shop the module balance answers to that already
broadcaster shop>  !addword points
bot>        @shop the module balance answers to that already
broadcaster shop>  !addword addword
bot>        @shop the module claims-words answers to that already
broadcaster shop>  !addword "two words"
bot>        @shop a command word is 1 to 32 visible characters without spaces; usage: !addword WORD
broadcaster shop>  !addword hello
bot>        @shop hello is claimed
alice>      !dropword hello
bot>        @alice it was not there
broadcaster shop>  !dropword HELLO
bot>        @shop released
broadcaster shop>  !dropword hello
bot>        @shop it was not there
"#,
    )
    .await;
}

#[tokio::test]
async fn balances_and_help_are_the_same_in_memory() {
    check_both(
        Host::<BalanceModule>::new().balance("alice", "120").balance("bob", "5"),
        r#"
#shop   enabled: balance   balances: alice 120, bob 5
alice>      !balance
bot>        @alice you have 120 points
carol>      !points @Bob,
bot>        @carol bob has 5 points
erin>       !balance @nobody
bot>        @erin I haven't seen nobody here yet
dan>        !balance two words
bot>        @dan I don't know what to do with "words"; usage: !balance [@chatter]
"#,
    )
    .await;
    check_both(
        Host::<HelpModule>::new().other_module(BalanceModule::info()).other_module(SettingsModule::info()),
        r#"
#shop   enabled: balance
alice>      !help
bot>        @alice you can use !balance, !help; !help COMMAND tells more
mod carol>  !help
bot>        @carol you can use !balance, !help, !settings; !help COMMAND tells more
bob>        !help POINTS
bot>        @bob usage: !balance [@chatter] - shows what you own, or what somebody else does (also !points)
dan>        !help settings
bot>        @dan there is no !settings that you can use here; !help lists what there is
mod frank>  !help !settings
bot>        @frank usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off] - shows and changes how I am set up here
"#,
    )
    .await;
}

#[tokio::test]
async fn settings_are_the_same_in_memory() {
    check_both(
        Host::<SettingsModule>::new().other_module(BalanceModule::info()),
        r#"
#shop   enabled: balance
broadcaster shop>  !settings prefix a
bot>        @shop it should be 1 to 5 visible characters without letters, digits, @, / or .
broadcaster shop>  !settings prefix ?
bot>        @shop prefix is now ?
broadcaster shop>  ?settings set settings settings.chatter-cooldown 0s
bot>        @shop settings.chatter-cooldown is now 0s
mod carol>  ?settings set balance balance.role vip
bot>        @carol you can't change that here: only the broadcaster can
broadcaster shop>  ?settings set settings moderators on
bot>        @shop moderators is now on
mod carol>  ?settings set balance balance.role vip
bot>        @carol balance.role is now vip
mod carol>  ?settings set balance balance.role broadcaster
bot>        @carol you can't change that here: only the broadcaster can
mod carol>  ?settings set balance balance.cooldown 2d
bot>        @carol it should be a time such as 30s or 5m, at most a day
mod carol>  ?settings set settings moderators off
bot>        @carol you can't change that here: only the broadcaster can
mod carol>  ?settings set balance sides 3
bot>        @carol there is no such setting; ?settings show MODULE lists them
mod carol>  ?settings set dice sides 3
bot>        @carol there is no such module; ?settings lists them
mod carol>  ?settings show balance
bot>        @carol balance: balance.role=vip, balance.cooldown=0s, balance.chatter-cooldown=3s
mod carol>  ?settings disable settings
bot>        @carol you can't change that here: settings is always on
mod carol>  ?settings mute 2d
bot>        @carol it should be at most a day
mod carol>  ?settings mute 10m
bot>        @carol silent for 10m; ?settings mute off ends it
mod carol>  ?settings mute off
bot>        @carol no longer silent
"#,
    )
    .await;
}
