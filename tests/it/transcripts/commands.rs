//! `!balance`, `!help`, and how chat sees each kind of refusal.

use crate::harness::check;

#[tokio::test]
async fn balance_tells_what_chatters_own() {
    check(
        r#"
#shop   enabled: balance   balances: alice 120, bob 5
alice>      !balance
bot>        @alice you have 120 points
carol>      !balance
bot>        @carol you have 0 points
dan>        !balance @Bob
bot>        @dan bob has 5 points
hugo>       !balance bob
bot>        @hugo bob has 5 points
... 3s
alice>      !balance @alice
bot>        @alice you have 120 points
erin>       !balance @nobody
bot>        @erin I haven't seen nobody here yet
vip frank>  !balance @two words
bot>        @frank I don't know what to do with "words"; usage: !balance [@chatter]
vip gina>   !balance not/a/name
bot>        @gina chatter should be a name like @bob, not "not/a/name"; usage: !balance [@chatter]
"#,
    )
    .await;
}

#[tokio::test]
async fn a_display_name_finds_whoever_alone_bears_it() {
    check(
        r#"
#shop   enabled: balance   balances: arisu 7   seen: arisu アリス, hana はな, hana_two はな
alice>      !balance @アリス
bot>        @alice アリス has 7 points
bob>        !balance アリス,
bot>        @bob アリス has 7 points
carol>      !balance @はな
bot>        @carol several chatters here are called はな: type @hana or @hana_two
dan>        !balance @别名
bot>        @dan I haven't seen 别名 here yet
"#,
    )
    .await;
}

#[tokio::test]
async fn a_payment_by_a_display_name_reaches_the_one_who_bears_it() {
    check(
        r#"
#shop   enabled: transfers, balance   balances: alice 9   seen: arisu アリス, hana はな, hana_two はな
alice>      !pay @アリス 5
bot>        @alice left: 4
alice>      !pay @はな 2
bot>        @alice several chatters here are called はな: type @hana or @hana_two
bob>        !balance @arisu
bot>        @bob arisu has 5 points
"#,
    )
    .await;
}

#[tokio::test]
async fn an_amount_that_no_account_holds_is_told_as_such() {
    check(
        r#"
#shop   enabled: transfers   balances: bob 5, carol 7
alice>      !award @bob 9223372036854775807
bot>        @alice that amount cannot be paid; usage: !award @chatter AMOUNT
alice>      !award @bob 9223372036854775796
bot>        @alice left: 9223372036854775801
alice>      !award @carol 1
bot>        @alice that amount cannot be paid; usage: !award @chatter AMOUNT
carol>      !pay @bob 7
bot>        @carol that amount cannot be paid; usage: !pay @chatter AMOUNT
carol>      !pay @bob 6
bot>        @carol left: 1
"#,
    )
    .await;
}

#[tokio::test]
async fn quotes_and_marks_as_keyboards_type_them() {
    check(
        r#"
#shop   enabled: echo   seen: bob
broadcaster shop>  !settings prefix “?”
bot>        @shop prefix is now ?
broadcaster shop>  \u{200f}?settings prefix \u{2068}«!»\u{2069}
bot>        @shop prefix is now !
broadcaster shop>  @twitchy \u{200b}settings prefix “
bot>        @shop prefix is now “
"#,
    )
    .await;
}

#[tokio::test]
async fn a_chatter_who_has_just_spoken_is_known() {
    check(
        r#"
#shop   enabled: balance   seen: bob
alice>      !balance @bob
bot>        @alice bob has 0 points
carol>      !balance @dan
bot>        @carol I haven't seen dan here yet
dan>        hello there                 (nothing: talk)
erin>       !balance @dan
bot>        @erin dan has 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn several_currencies_are_one_answer() {
    check(
        r#"
#shop   enabled: balance   provider: rich   seen: bob
alice>      !balance
bot>        @alice you have 120 points, 2.5 RLY (about $1.25) and 3 ABC
carol>      !balance @bob
bot>        @carol bob has 120 points, 2.5 RLY (about $1.25) and 3 ABC
"#,
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_is_down_is_an_apology() {
    check(
        r#"
#shop   enabled: balance, transfers   provider: down   balances: alice 5
alice>      !balance
bot>        @alice sorry, that isn't available right now; please try again later
mod carol>  !pay @alice 1
bot>        @carol sorry, that isn't available right now; please try again later
#till   enabled: balance   balances: alice 5
alice>      !balance
bot>        @alice you have 5 points
"#,
    )
    .await;
}

#[tokio::test]
async fn payments_move_currency_and_say_why_not() {
    check(
        r#"
#shop   enabled: balance, transfers   balances: alice 5   seen: bob
mod alice>  !pay @bob 2
bot>        @alice left: 3
mod alice>  !pay @bob 2.5
bot>        @alice that amount cannot be paid; usage: !pay @chatter AMOUNT
mod alice>  !pay @bob 4
bot>        @alice that is more than there is
mod alice>  !pay @bob -1
bot>        @alice that amount cannot be paid; usage: !pay @chatter AMOUNT
mod alice>  !pay @nobody 1
bot>        @alice I haven't seen that chatter here yet
mod alice>  !pay
bot>        @alice chatter is missing; usage: !pay @chatter AMOUNT
mod alice>  !balance
bot>        @alice you have 3 points
mod bob>    !balance
bot>        @bob you have 2 points
"#,
    )
    .await;
}

#[tokio::test]
async fn help_lists_what_this_chatter_may_use_here() {
    check(
        r#"
#shop   enabled: balance, join   prefix: ?
alice>      ?help
bot>        @alice you can use ?balance, ?help, ?join, ?leave; ?help COMMAND tells more
mod carol>  ?help
bot>        @carol you can use ?balance, ?help, ?join, ?leave, ?settings; ?help COMMAND tells more
... 3s
alice>      ?help balance
bot>        @alice usage: ?balance [@chatter] - shows what you own, or what somebody else does (also ?points)
bob>        ?help ?POINTS
bot>        @bob usage: ?balance [@chatter] - shows what you own, or what somebody else does (also ?points)
... 3s
alice>      ?help settings
bot>        @alice there is no ?settings that you can use here; ?help lists what there is
mod carol>  ?help settings
bot>        @carol usage: ?settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off] - shows and changes how I am set up here
... 3s
alice>      ?commands
bot>        @alice you can use ?balance, ?help, ?join, ?leave; ?help COMMAND tells more
... 3s
alice>      ?help a b
bot>        @alice I don't know what to do with "b"; usage: ?help [COMMAND]
#other
alice>      !help
bot>        @alice you can use !help; !help COMMAND tells more
mod carol>  !help
bot>        @carol you can use !help, !settings; !help COMMAND tells more
"#,
    )
    .await;
}

#[tokio::test]
async fn each_kind_of_no_is_one_sentence() {
    check(
        r#"
#shop   enabled: refuses
alice>      !refuse
bot>        @alice not today
bob>        !usage
bot>        @bob that is not how it is typed; usage: !usage SOMETHING ELSE
carol>      !unavailable
bot>        @carol sorry, that isn't available right now; please try again later
"#,
    )
    .await;
}

#[tokio::test]
async fn claimed_words_are_words_like_any_other() {
    check(
        r#"
#shop   enabled: claims-words
broadcaster shop>  !hello               (nothing: unknown word)
broadcaster shop>  !addword hello
bot>        @shop hello is claimed
broadcaster shop>  !addword help
bot>        @shop the module help answers to that already
broadcaster shop>  !addword balance
bot>        @shop balance is claimed
alice>      !hello
bot>        @alice this is hello
bob>        !HELLO
bot>        @bob this is hello
alice>      !help hello
bot>        @alice usage: !hello - a claimed word
broadcaster shop>  !settings enable balance
bot>        @shop it would answer to a word that is taken by claims-words
broadcaster shop>  !dropword balance
bot>        @shop released
broadcaster shop>  !settings enable balance
bot>        @shop balance is now on
broadcaster shop>  !dropword hello
bot>        @shop released
carol>      !hello                      (nothing: unknown word)
alice>      !addword mine
bot>        @alice only the broadcaster can
#other   enabled: claims-words
alice>      !hello                      (nothing: unknown word)
"#,
    )
    .await;
}
