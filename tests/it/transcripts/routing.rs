//! Which messages are commands, and which command a word calls.

use crate::harness::check;

#[tokio::test]
async fn a_command_starts_with_the_channels_prefix() {
    check(
        r#"
#shop   enabled: echo
alice>      !echo hi
bot>        @alice hi
alice>      hello everybody             (nothing: talk)
alice>      so !echo hi                 (nothing: talk)
alice>      ! echo hi                   (nothing: talk)
alice>      !                           (nothing: talk)
alice>      !!echo hi                   (nothing: unknown word)
alice>      /me !echo hi                (nothing: talk)
bob>        !ECHO Hi
bot>        @bob Hi
carol>      !nothing                    (nothing: unknown word)
#other   enabled: echo   prefix: ~>
alice>      ~>echo hi
bot>        @alice hi
alice>      !echo hi                    (nothing: talk)
alice>      ~> echo hi                  (nothing: talk)
"#,
    )
    .await;
}

#[tokio::test]
async fn a_mention_works_whatever_the_prefix() {
    check(
        r#"
#shop   enabled: echo   prefix: ?   bot: robot
alice>      @robot echo hi
bot>        @alice hi
bob>        @Robot, echo hi
bot>        @bob hi
carol>      @ROBOT: echo hi
bot>        @carol hi
dan>        @robot ?echo hi
bot>        @dan hi
erin>       @robot                      (nothing: talk)
erin>       @robotic echo hi            (nothing: talk)
erin>       @twitchy echo hi            (nothing: talk)
erin>       robot echo hi               (nothing: talk)
broadcaster shop>  @robot settings
bot>        @shop prefix: ? | on: echo, help, settings | off: balance, join
"#,
    )
    .await;
}

#[tokio::test]
async fn a_replys_own_mention_is_skipped() {
    check(
        r#"
#shop   enabled: echo
reply alice>  @somebody !echo hi
bot>        @alice hi
reply bob>    @somebody @twitchy echo hi
bot>        @bob hi
reply carol>  !echo hi
bot>        @carol hi
reply dan>    @somebody echo hi         (nothing: talk)
erin>         @somebody !echo hi        (nothing: talk)
"#,
    )
    .await;
}

#[tokio::test]
async fn an_alias_is_the_command_itself() {
    check(
        r#"
#shop   enabled: balance   balances: alice 3
alice>      !points
bot>        @alice you have 3 points
alice>      !balance                    (nothing: cooldown)
mod carol>  !Points @alice
bot>        @carol alice has 3 points
"#,
    )
    .await;
}

#[tokio::test]
async fn arguments_arrive_whole() {
    check(
        r#"
#shop   enabled: echo
mod alice>  !echo-args "a b" c
bot>        @alice a b|c
mod alice>  !echo-args "a b
bot>        @alice "a|b
mod alice>  !echo-args it's 5" tall
bot>        @alice it's|5"|tall
mod alice>  !echo-args "" x
bot>        @alice |x
mod alice>  !echo-args 6ba7b810-9dad-11d1-80b4-00c04fd430c8 0.25
bot>        @alice 6ba7b810-9dad-11d1-80b4-00c04fd430c8|0.25
mod alice>  !echo-args Привет,  мир  日本
bot>        @alice Привет,|мир|日本
mod alice>  !echo "a  b"   c
bot>        @alice "a  b"   c
"#,
    )
    .await;
}

#[tokio::test]
async fn filler_goes_and_emoji_stay() {
    check(
        r#"
#shop   enabled: balance, echo
alice>      !balance\u{e0000}
bot>        @alice you have 0 points
bob>        !balance \u{34f}
bot>        @bob you have 0 points
carol>      !balance \u{200b}\u{2800}\u{e0000}
bot>        @carol you have 0 points
mod dan>    !echo 👩\u{200d}🚀 ❤\u{fe0f} \u{e0000}
bot>        @dan 👩‍🚀 ❤️
"#,
    )
    .await;
}

#[tokio::test]
async fn copies_and_repetitions_are_not_answered() {
    check(
        r#"
#shop   enabled: echo
copy mod alice>   !echo hi              (nothing: shared copy)
mod alice>  !echo hi
bot>        @alice hi
again mod alice>  !echo hi              (nothing: duplicate)
mod alice>  !echo hi
bot>        @alice hi
"#,
    )
    .await;
}

#[tokio::test]
async fn what_is_off_unknown_or_not_for_this_role_is_silent() {
    check(
        r#"
#shop
alice>      !balance                    (nothing: unknown word)
alice>      !unknown                    (nothing: unknown word)
vip dan>    !settings                   (nothing: role)
#elsewhere   bot: absent
alice>      !help                       (nothing: unknown channel)
"#,
    )
    .await;
}
