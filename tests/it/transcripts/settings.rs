//! `!settings`, and the effects of its changes.

use crate::harness::check;

#[tokio::test]
async fn a_new_channel_has_settings_and_help() {
    check(
        r#"
#shop
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: help, settings | off: balance, join
alice>      !help
bot>        @alice you can use !help; !help COMMAND tells more
alice>      !balance                    (nothing: unknown word)
alice>      !join                       (nothing: unknown word)
"#,
    )
    .await;
}

#[tokio::test]
async fn the_broadcaster_changes_everything() {
    check(
        r#"
#shop   enabled: balance
broadcaster shop>  !settings disable balance
bot>        @shop balance is now off
alice>      !balance                    (nothing: unknown word)
broadcaster shop>  !settings enable Balance
bot>        @shop balance is now on
alice>      !balance
bot>        @alice you have 0 points
broadcaster shop>  !settings prefix ?
bot>        @shop prefix is now ?
broadcaster shop>  !settings            (nothing: talk)
broadcaster shop>  ?settings show balance
bot>        @shop balance: balance.role=everyone, balance.cooldown=0s, balance.chatter-cooldown=3s
broadcaster shop>  ?settings set balance balance.chatter-cooldown 0s
bot>        @shop balance.chatter-cooldown is now 0s
alice>      ?balance
bot>        @alice you have 0 points
alice>      ?balance
bot>        @alice you have 0 points
broadcaster shop>  ?settings set Balance BALANCE.cooldown 90s
bot>        @shop balance.cooldown is now 1m30s
broadcaster shop>  ?settings show settings
bot>        @shop settings: moderators=off, settings.role=moderator, settings.cooldown=0s, settings.chatter-cooldown=3s
broadcaster shop>  ?settings show help
bot>        @shop help: help.role=everyone, help.cooldown=0s, help.chatter-cooldown=3s
"#,
    )
    .await;
}

#[tokio::test]
async fn moderators_change_settings_where_they_are_allowed_to() {
    check(
        r#"
#shop   enabled: balance
mod carol>  !settings
bot>        @carol prefix: ! | on: balance, help, settings | off: join
mod carol>  !settings disable balance
bot>        @carol you can't change that here: only the broadcaster can
mod carol>  !settings mute 1m
bot>        @carol you can't change that here: only the broadcaster can
mod carol>  !settings set settings moderators on
bot>        @carol you can't change that here: only the broadcaster can
broadcaster shop>  !settings set settings moderators on
bot>        @shop moderators is now on
mod carol>  !settings disable balance
bot>        @carol balance is now off
mod carol>  !settings enable balance
bot>        @carol balance is now on
mod carol>  !settings set settings moderators off
bot>        @carol you can't change that here: only the broadcaster can
mod carol>  !settings set settings settings.role moderator
bot>        @carol settings.role is now moderator
vip dan>    !settings                   (nothing: role)
broadcaster shop>  !settings set settings moderators No
bot>        @shop moderators is now off
mod carol>  !settings disable balance
bot>        @carol you can't change that here: only the broadcaster can
"#,
    )
    .await;
}

#[tokio::test]
async fn wrong_values_are_explained() {
    check(
        r#"
#shop   enabled: balance   uploaded: counter
broadcaster shop>  !settings foo
bot>        @shop I don't know "foo"; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings prefix
bot>        @shop the prefix is missing; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings prefix abc
bot>        @shop it should be 1 to 5 visible characters without letters, digits, @, / or .
broadcaster shop>  !settings prefix /
bot>        @shop it should be 1 to 5 visible characters without letters, digits, @, / or .
broadcaster shop>  !settings enable
bot>        @shop MODULE is missing; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings enable nothing
bot>        @shop there is no such module; !settings lists them
broadcaster shop>  !settings enable "two words"
bot>        @shop there is no such module; !settings lists them
broadcaster shop>  !settings enable counter
bot>        @shop it needs to be allowed first: in the portal
broadcaster shop>  !settings disable settings
bot>        @shop you can't change that here: settings is always on
broadcaster shop>  !settings disable help
bot>        @shop you can't change that here: help is always on
broadcaster shop>  !settings show nothing
bot>        @shop there is no such module; !settings lists them
broadcaster shop>  !settings set balance colour red
bot>        @shop there is no such setting; !settings show MODULE lists them
broadcaster shop>  !settings set balance balance.role king
bot>        @shop it should be everyone, subscriber, vip, moderator or broadcaster
broadcaster shop>  !settings set balance balance.chatter-cooldown soon
bot>        @shop it should be a time such as 30s or 5m, at most a day
broadcaster shop>  !settings set settings moderators perhaps
bot>        @shop it should be on or off
broadcaster shop>  !settings set balance
bot>        @shop KEY is missing; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings mute
bot>        @shop the time is missing; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings mute forever
bot>        @shop the time should be like 90s, 10m or 1h, or off, not "forever"; usage: !settings [prefix X | enable MODULE | disable MODULE | show MODULE | set MODULE KEY VALUE | mute 10m | mute off]
broadcaster shop>  !settings mute 2d
bot>        @shop it should be at most a day
broadcaster shop>  !settings set settings settings.role broadcaster
bot>        @shop settings.role is now broadcaster
mod carol>  !settings                   (nothing: role)
"#,
    )
    .await;
}

#[tokio::test]
async fn no_setting_locks_the_broadcaster_out() {
    check(
        r#"
#shop   enabled: balance
broadcaster shop>  !settings set settings settings.role broadcaster
bot>        @shop settings.role is now broadcaster
broadcaster shop>  !settings set settings settings.cooldown 1d
bot>        @shop settings.cooldown is now 1d
broadcaster shop>  !settings set settings settings.chatter-cooldown 1d
bot>        @shop settings.chatter-cooldown is now 1d
broadcaster shop>  !settings mute 1d
bot>        @shop silent for 1d; !settings mute off ends it
broadcaster shop>  !settings prefix \u{301}
bot>        @shop it should be 1 to 5 visible characters without letters, digits, @, / or .
broadcaster shop>  !settings prefix 🎲🎲🎲🎲🎲
bot>        @shop prefix is now 🎲🎲🎲🎲🎲
broadcaster shop>  @twitchy settings
bot>        @shop prefix: 🎲🎲🎲🎲🎲 | on: balance, help, settings | off: join | silent for 1d
broadcaster shop>  @twitchy settings mute off
bot>        @shop no longer silent
broadcaster shop>  @twitchy settings prefix !
bot>        @shop prefix is now !
mod carol>  !settings                   (nothing: role)
alice>      !balance
bot>        @alice you have 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn a_muted_bot_answers_settings_and_nothing_else() {
    check(
        r#"
#shop   enabled: balance
broadcaster shop>  !settings mute 10m
bot>        @shop silent for 10m; !settings mute off ends it
alice>      !balance                    (nothing: muted)
broadcaster shop>  !help                (nothing: muted)
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: balance, help, settings | off: join | silent for 10m
... 9m
alice>      !balance                    (nothing: muted)
... 1m
alice>      !balance
bot>        @alice you have 0 points
broadcaster shop>  !settings mute 1h
bot>        @shop silent for 1h; !settings mute off ends it
broadcaster shop>  !settings mute off
bot>        @shop no longer silent
bob>        !balance
bot>        @bob you have 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn a_commands_role_is_the_channels_to_choose() {
    check(
        r#"
#shop   enabled: balance
broadcaster shop>  !settings set balance balance.role vip
bot>        @shop balance.role is now vip
alice>      !balance                    (nothing: role)
sub erin>   !balance                    (nothing: role)
vip dan>    !balance
bot>        @dan you have 0 points
mod carol>  !balance
bot>        @carol you have 0 points
alice>      !help balance
bot>        @alice there is no !balance that you can use here; !help lists what there is
#other   enabled: balance
alice>      !balance
bot>        @alice you have 0 points
"#,
    )
    .await;
}

#[tokio::test]
async fn an_upload_is_off_until_somebody_enables_it() {
    check(
        r#"
#shop   uploaded: echo, counter
broadcaster shop>  !settings
bot>        @shop prefix: ! | on: help, settings | off: balance, counter, echo, join
alice>      !echo hello                 (nothing: unknown word)
broadcaster shop>  !settings enable echo
bot>        @shop echo is now on
alice>      !echo hello
bot>        @alice hello
broadcaster shop>  !settings enable counter
bot>        @shop it needs to be allowed first: in the portal
broadcaster shop>  !settings disable echo
bot>        @shop echo is now off
alice>      !echo hello                 (nothing: unknown word)
"#,
    )
    .await;
}

#[tokio::test]
async fn a_command_gets_words_of_the_channels_own() {
    check(
        r#"
#shop   enabled: echo
broadcaster shop>  !settings set echo echo.aliases Say parrot
bot>        @shop echo.aliases is now say parrot
alice>      !echo hello                 (nothing: unknown word)
alice>      !say hello
bot>        @alice hello
alice>      !help parrot
bot>        @alice usage: !say - answers the text (also !parrot)
broadcaster shop>  !settings set echo echo-args.aliases parrot
bot>        @shop it would answer to a word that is taken by echo
broadcaster shop>  !settings set echo echo-args.aliases help
bot>        @shop it would answer to a word that is taken by help
"#,
    )
    .await;
}
