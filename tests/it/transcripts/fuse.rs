//! A module that keeps failing, as chat sees it.

use crate::harness::check;

#[tokio::test]
async fn who_breaks_a_module_twice_is_ignored_by_it_for_ten_minutes() {
    check(
        r#"
#shop   enabled: balance     configured: traps
alice>      !traps
bot>        @alice sorry, something went wrong with this command
alice>      !traps                      (nothing: apologised lately)
alice>      !traps                      (nothing: ignored)
alice>      !balance
bot>        @alice you have 0 points
bob>        !traps                      (nothing: apologised lately)
#other
alice>      !traps
bot>        @alice sorry, something went wrong with this command
#shop
... 599s
alice>      !traps                      (nothing: ignored)
... 1s
alice>      !traps
bot>        @alice sorry, something went wrong with this command
"#,
    )
    .await;
}

#[tokio::test]
async fn a_module_that_keeps_breaking_is_off_in_that_channel_until_somebody_restores_it() {
    check(
        r#"
#shop   enabled: balance     configured: traps
alice>      !traps
bot>        @alice sorry, something went wrong with this command
alice>      !traps                      (nothing: apologised lately)
bob>        !traps                      (nothing: apologised lately)
bob>        !traps                      (nothing: apologised lately)
carol>      !traps
bot>        @shop traps keeps failing and was switched off here; !settings enable traps brings it back
dan>        !traps                      (nothing: unknown word)
dan>        !balance
bot>        @dan you have 0 points
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: balance, help, settings | off: join, traps
#other
dan>        !traps
bot>        @dan sorry, something went wrong with this command
#shop
... 1d
dan>        !traps                      (nothing: unknown word)
broadcaster shop>  !settings enable traps
bot>        @shop traps is now on
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: balance, help, settings, traps | off: join
alice>      !traps
bot>        @alice sorry, something went wrong with this command
"#,
    )
    .await;
}

#[tokio::test]
async fn where_it_is_configured_so_it_comes_back_after_growing_pauses() {
    check(
        r#"
#shop   enabled: balance     configured: traps     fuse: restores
alice>      !traps
bot>        @alice sorry, something went wrong with this command
bob>        !traps                      (nothing: apologised lately)
carol>      !traps                      (nothing: apologised lately)
dan>        !traps                      (nothing: apologised lately)
erin>       !traps
bot>        @shop traps keeps failing and was switched off here; !settings enable traps brings it back before it comes back by itself in 10m
alice>      !traps                      (nothing: fuse)
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: balance, help, settings | off: join, traps
... 599s
alice>      !traps                      (nothing: fuse)
... 1s
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: balance, help, settings, traps | off: join
alice>      !traps
bot>        @alice sorry, something went wrong with this command
bob>        !traps                      (nothing: apologised lately)
carol>      !traps                      (nothing: apologised lately)
dan>        !traps                      (nothing: apologised lately)
// The line is said once an hour.
erin>       !traps                      (nothing: apologised lately)
... 59m
alice>      !traps                      (nothing: fuse)
... 1m
alice>      !traps
bot>        @alice sorry, something went wrong with this command
"#,
    )
    .await;
}

#[tokio::test]
async fn a_bundled_module_stays_on_and_hears_its_broadcaster() {
    check(
        r#"
#shop   enabled: balance, traps
alice>      !traps
bot>        @alice sorry, something went wrong with this command
bob>        !traps                      (nothing: apologised lately)
carol>      !traps                      (nothing: apologised lately)
dan>        !traps                      (nothing: apologised lately)
erin>       !traps                      (nothing: apologised lately)
frank>      !traps                      (nothing: apologised lately)
broadcaster shop>  !traps               (nothing: apologised lately)
broadcaster shop>  !traps               (nothing: apologised lately)
broadcaster shop>  !traps               (nothing: apologised lately)
"#,
    )
    .await;
}
