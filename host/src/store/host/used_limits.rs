//! How much of Twitch's limits the bot accounts have used, passed from one process to the next.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::bots;
use crate::domain::account::BotAccount;
use crate::domain::id::Login;
use crate::domain::used_limits::UsedLimits;
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::{execute, find_row};

/// What is known about the usage of an account's last process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastUse {
    /// No process has used the account before.
    Never,
    /// The last process ended without saving its usage.
    Unknown,
    Known(UsedLimits),
}

pub(crate) fn save_use(
    connection: &Connection,
    account: &BotAccount,
    used: UsedLimits,
    at: SystemTime,
) -> rusqlite::Result<()> {
    let bot = bots::key_of(connection, account)?;
    let sql = "INSERT OR REPLACE INTO used_limits (bot, messages, joins, at) VALUES (?1, ?2, ?3, ?4)";
    execute(connection, sql, params![bot, used.messages, used.joins, At(at)]).map(drop)
}

pub(crate) fn begin_use(connection: &Connection, account: &Login, now: SystemTime) -> rusqlite::Result<LastUse> {
    let bot = bots::key_of_login(connection, account)?;
    let sql = "SELECT messages, joins, at FROM used_limits WHERE bot = ?1";
    let last: Option<(Option<u32>, Option<u32>, At)> =
        find_row(connection, sql, params![bot], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let sql = "INSERT OR REPLACE INTO used_limits (bot, at) VALUES (?1, ?2)";
    execute(connection, sql, params![bot, At(now)])?;
    Ok(match last {
        None => LastUse::Never,
        // If the clock went back, the age is unknown: zero is the safe value.
        Some((Some(messages), Some(joins), At(at))) => {
            LastUse::Known(UsedLimits { messages, joins, ago: now.duration_since(at).unwrap_or_default() })
        }
        Some(_) => LastUse::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::Fixture;
    use crate::testing::{bot, login};

    #[tokio::test]
    async fn what_was_used_is_known_to_the_next_process_unless_this_one_breaks() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        assert_eq!(store.host.begin_use(login("bot")).await.unwrap(), LastUse::Never);
        let used = UsedLimits { messages: 5, joins: 2, ..UsedLimits::default() };
        store.host.save_use(bot("bot"), used).await.unwrap();
        let LastUse::Known(found) = store.host.begin_use(login("bot")).await.unwrap() else { panic!("it is known") };
        assert_eq!((found.messages, found.joins), (5, 2));
        assert_eq!(store.host.begin_use(login("bot")).await.unwrap(), LastUse::Unknown);
        assert_eq!(store.host.begin_use(login("other")).await.unwrap(), LastUse::Never);
    }
}
