//! Cooldowns, and modules that fail or never end, as chat sees them.

use crate::harness::check;

#[tokio::test]
async fn a_chatter_waits_for_a_cooldown_and_moderators_do_not() {
    check(
        r#"
#shop   enabled: balance
alice>      !balance
bot>        @alice you have 0 points
alice>      !points                     (nothing: cooldown)
bob>        !balance
bot>        @bob you have 0 points
alice>      !help
bot>        @alice you can use !balance, !help; !help COMMAND tells more
... 2s
alice>      !balance                    (nothing: cooldown)
... 1s
alice>      !balance
bot>        @alice you have 0 points
sub dan>    !balance
bot>        @dan you have 0 points
sub dan>    !balance                    (nothing: cooldown)
vip erin>   !balance
bot>        @erin you have 0 points
vip erin>   !balance                    (nothing: cooldown)
mod carol>  !balance
bot>        @carol you have 0 points
mod carol>  !balance
bot>        @carol you have 0 points
broadcaster shop>  !balance
bot>        @shop you have 0 points
broadcaster shop>  !balance
bot>        @shop you have 0 points
#other   enabled: balance
bob>        !balance
bot>        @bob you have 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn a_channels_cooldown_is_everybodys() {
    check(
        r#"
#shop   enabled: balance
broadcaster shop>  !settings set balance balance.cooldown 1m
bot>        @shop balance.cooldown is now 1m
mod carol>  !balance
bot>        @carol you have 0 points
alice>      !balance
bot>        @alice you have 0 points
bob>        !balance                    (nothing: cooldown)
... 1m
bob>        !balance
bot>        @bob you have 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn a_chatter_who_mistyped_may_try_again_at_once() {
    check(
        r#"
#shop   enabled: balance, refuses
alice>      !balance a b
bot>        @alice I don't know what to do with "b"; usage: !balance [@chatter]
alice>      !balance
bot>        @alice you have 0 points
bob>        !balance @nobody
bot>        @bob I haven't seen nobody here yet
bob>        !balance                    (nothing: cooldown)
"#,
    )
    .await;
}

#[tokio::test]
async fn a_module_that_breaks_apologises_once_a_minute() {
    check(
        r#"
#shop   enabled: balance, traps
mod alice>  !traps
bot>        @alice sorry, something went wrong with this command
mod bob>    !traps                      (nothing: apologised lately)
mod carol>  !traps                      (nothing: apologised lately)
mod alice>  !balance
bot>        @alice you have 0 points
... 59s
mod dan>    !traps                      (nothing: apologised lately)
... 1s
mod erin>   !traps
bot>        @erin sorry, something went wrong with this command
#other   enabled: traps
mod alice>  !traps
bot>        @alice sorry, something went wrong with this command
"#,
    )
    .await;
}

#[tokio::test]
async fn a_module_that_breaks_keeps_the_cooldown() {
    check(
        r#"
#shop   enabled: traps
broadcaster shop>  !settings set traps traps.chatter-cooldown 5m
bot>        @shop traps.chatter-cooldown is now 5m
alice>      !traps
bot>        @alice sorry, something went wrong with this command
... 2m
alice>      !traps                      (nothing: cooldown)
bob>        !traps
bot>        @bob sorry, something went wrong with this command
"#,
    )
    .await;
}

#[tokio::test]
async fn a_module_that_never_ends_is_ended() {
    check(
        r#"
#shop   enabled: balance, loops-forever
alice>      !loops-forever
bot>        @alice sorry, something went wrong with this command
alice>      !balance
bot>        @alice you have 0 points
"#,
    )
    .await;
}
