//! What chat sees, as chats.

use super::harness::check;

#[tokio::test]
async fn an_example() {
    check(
        "
#shop   enabled: balance, echo     time: 12:00:00
alice>      !balance
alice>      !balance
alice>      !settings
mod carol>  !settings
broadcaster shop>  !settings
broadcaster shop>  !settings mute 10m
alice>      !balance
... 10m
alice>      !balance
",
    )
    .await;
}
