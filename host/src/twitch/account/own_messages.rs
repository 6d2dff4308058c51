//! What our own accounts sent lately, so that none of them answers another one or itself.
//!
//! Not every message of a bot account comes from our outbox: a creator may use their own account as the bot and type
//! commands with it. A message from the outbox comes back without its id, with changed spaces and, if it was a reply,
//! with a mention in front. So it is recognised by its sender, its channel and its visible text.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::{AccountId, ChannelId, ChatterId};
use crate::domain::message::ChatMessage;
use crate::domain::prefix::is_invisible;

/// Far longer than Twitch takes to deliver a message.
const REMEMBERED_FOR: Duration = Duration::from_secs(120);
/// Enough for ten accounts that send as much as they may.
const REMEMBERED: usize = 4_096;

/// Shared by all accounts of a host. Bounded: old messages are forgotten.
#[derive(Debug, Default)]
pub struct OwnMessages {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    accounts: HashSet<ChatterId>,
    /// Time and fingerprint of each message, the oldest first.
    sent: VecDeque<(Instant, u64)>,
    /// When each fingerprint was sent last.
    last: HashMap<u64, Instant>,
}

impl OwnMessages {
    /// Remembers that `account` sends `text`. Must be called before it is sent, because the echo may arrive at once.
    pub(super) fn note(&self, account: AccountId, channel: ChannelId, text: &str, now: Instant) {
        let print = self.fingerprint(account.chatter(), channel, text);
        let mut memory = self.lock();
        memory.accounts.insert(account.chatter());
        memory.forget(now);
        memory.sent.push_back((now, print));
        memory.last.insert(print, now);
    }

    /// Whether one of our outboxes sent this message.
    pub(super) fn is_own(&self, message: &ChatMessage, now: Instant) -> bool {
        let memory = self.lock();
        if !memory.accounts.contains(&message.chatter.id) {
            return false;
        }
        let is_reply = message.reply_to.is_some();
        let text = if is_reply { without_mention(&message.text) } else { &message.text };
        let print = self.fingerprint(message.chatter.id, message.channel_id, text);
        memory.last.get(&print).is_some_and(|at| now <= *at + REMEMBERED_FOR)
    }

    /// Texts that look the same have the same fingerprint.
    fn fingerprint(&self, account: ChatterId, channel: ChannelId, text: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (account, channel).hash(&mut hasher);
        text.chars().filter(|&c| !c.is_whitespace() && !is_invisible(c)).for_each(|c| c.hash(&mut hasher));
        hasher.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // No code panics while it holds the lock, so the data is whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Makes room for one more message, and forgets those that are too old.
    fn forget(&mut self, now: Instant) {
        while let Some(&(at, print)) = self.sent.front() {
            if self.sent.len() < REMEMBERED && now <= at + REMEMBERED_FOR {
                break;
            }
            self.sent.pop_front();
            // Kept if the same message was sent again later.
            if self.last.get(&print) == Some(&at) {
                self.last.remove(&print);
            }
        }
    }
}

/// Removes the `@Name ` that Twitch puts before the text of a reply.
fn without_mention(text: &str) -> &str {
    let rest = text.strip_prefix('@').and_then(|text| text.split_once(' '));
    rest.map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::domain::id::MessageId;
    use crate::domain::message::QuotedMessage;
    use crate::domain::role::Role;
    use crate::testing::{self, channel, chatter};

    const BOT: AccountId = AccountId(1);
    const SHOP: ChannelId = ChannelId(10);

    fn heard(from: ChatterId, text: &str, is_reply: bool) -> ChatMessage {
        let quoted = QuotedMessage {
            id: MessageId("a".into()),
            chatter_id: ChatterId(7),
            chatter_login: "alice".parse().unwrap(),
            text: "!balance".into(),
        };
        let twitchy = chatter(from, "twitchy", Role::Everyone);
        let message = testing::message("b", channel(SHOP, "shop"), twitchy, text);
        ChatMessage { account: AccountId(2), reply_to: is_reply.then_some(quoted), ..message }
    }

    #[test]
    fn what_we_sent_is_ours_and_what_the_account_types_is_not() {
        let (own, now) = (OwnMessages::default(), Instant::now());
        own.note(BOT, SHOP, "you have  5 points \u{34f}", now);
        assert!(own.is_own(&heard(BOT.chatter(), "you have 5 points", false), now));
        assert!(own.is_own(&heard(BOT.chatter(), "you have 5\u{a0}points \u{2800}", false), now));
        assert!(own.is_own(&heard(BOT.chatter(), "@Alice you have 5 points \u{34f}", true), now));
        assert!(!own.is_own(&heard(BOT.chatter(), "@Alice you have 5 points", false), now));
        assert!(!own.is_own(&heard(BOT.chatter(), "!balance", false), now));
        assert!(!own.is_own(&heard(ChatterId(2), "you have 5 points", false), now));
    }

    #[test]
    fn it_forgets_after_a_while_and_never_remembers_too_much() {
        let (own, now) = (OwnMessages::default(), Instant::now());
        own.note(BOT, SHOP, "old", now);
        assert!(!own.is_own(&heard(BOT.chatter(), "old", false), now + REMEMBERED_FOR * 2));
        for n in 0..2 * REMEMBERED {
            own.note(BOT, SHOP, &n.to_string(), now);
        }
        assert_eq!(own.lock().sent.len(), REMEMBERED);
        assert!(
            !own.is_own(&heard(BOT.chatter(), "0", false), now)
                && own.is_own(&heard(BOT.chatter(), "5000", false), now)
        );
    }
}
