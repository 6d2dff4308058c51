//! `!join` and `!leave`.

use crate::harness::check;

#[tokio::test]
async fn join_is_refused_where_the_operator_chooses_the_channels() {
    check(
        r#"
#shop   enabled: join
alice>      !join
bot>        @alice I can't come to your channel: whoever runs me chooses the channels; please ask them
broadcaster shop>  !join
bot>        @shop I'm in your channel already
"#,
    )
    .await;
}

#[tokio::test]
async fn join_calls_the_bot_into_ones_own_channel() {
    check(
        r#"
#shop   enabled: join   join: open
alice>      !join
bot>        @alice I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
#alice   bot: absent
broadcaster alice>  !help
bot>        @alice you can use !help, !settings; !help COMMAND tells more
mod bob>    !settings
bot>        @bob prefix: ! | on: help, settings | off: balance, join
#shop
... 1m
alice>      !join
bot>        @alice I'm in your channel already
alice>      !leave
bot>        @alice I'm leaving your channel; to have me back, type !join in a channel where I am
... 1m
alice>      !leave
bot>        @alice I'm not in your channel
alice>      !join
bot>        @alice I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
... 1m
alice>      !join now
bot>        @alice I don't know what to do with "now"; usage: !join
"#,
    )
    .await;
}

#[tokio::test]
async fn a_broadcaster_comes_back_where_the_operator_chooses_the_channels() {
    check(
        r#"
#cafe   enabled: join
#shop   enabled: join
broadcaster shop>  !leave
bot>        @shop I'm leaving your channel; to have me back, type !join in a channel where I am
#cafe
shop>       !join
bot>        @shop I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
alice>      !join
bot>        @alice I can't come to your channel: whoever runs me chooses the channels; please ask them
"#,
    )
    .await;
}

#[tokio::test]
async fn leave_sends_the_bot_away_from_ones_own_channel_and_no_other() {
    check(
        r#"
#shop   enabled: join   join: open
mod bob>    !leave
bot>        @bob I'm not in your channel
broadcaster shop>  !leave
bot>        @shop I'm leaving your channel; to have me back, type !join in a channel where I am
broadcaster shop>  !join
bot>        @shop I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
"#,
    )
    .await;
}

#[tokio::test]
async fn a_full_account_takes_no_more_channels() {
    check(
        r#"
#shop   enabled: join   join: open   room: 2
alice>      !join
bot>        @alice I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
bob>        !join
bot>        @bob I can't come to your channel: I sit in as many channels as I can; please try again later
alice>      !leave
bot>        @alice I'm leaving your channel; to have me back, type !join in a channel where I am
... 1m
bob>        !join
bot>        @bob I'm on my way to your channel; type /mod twitchy there, so that I can answer in time
"#,
    )
    .await;
}
