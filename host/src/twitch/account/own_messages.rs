//! What our own accounts said lately, so that no account of ours answers another one, or itself.
//!
//! Not everything that a bot account says is ours: a creator may use the own login as bot and type commands with it.
//! Ours is what our outbox sent. It comes back without its id, changed in its spaces and, where it was a reply, with a
//! mention in front; it is known again by who sent it, where, and what can be seen of its text.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::{AccountId, ChannelId, ChatterId};
use crate::domain::message::ChatMessage;
use crate::domain::prefix::is_invisible;

/// Far longer than Twitch takes to deliver.
const REMEMBERED_FOR: Duration = Duration::from_secs(120);
/// Ten accounts that send all that they may.
const REMEMBERED: usize = 4_096;

/// Shared by all accounts of a host. Bounded, and forgets.
#[derive(Debug, Default)]
pub struct OwnMessages {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    accounts: HashSet<ChatterId>,
    /// The oldest first.
    sent: VecDeque<(Instant, u64)>,
    /// When each of them was sent last.
    last: HashMap<u64, Instant>,
}

impl OwnMessages {
    /// Remembers that `account` sends `text`. To be called before it is sent: the echo is fast.
    pub(super) fn note(&self, account: AccountId, channel: ChannelId, text: &str, now: Instant) {
        let print = self.fingerprint(account.chatter(), channel, text);
        let mut memory = self.lock();
        memory.accounts.insert(account.chatter());
        memory.forget(now);
        memory.sent.push_back((now, print));
        memory.last.insert(print, now);
    }

    /// Whether an outbox of ours sent this message.
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

    /// Two texts that look the same have one fingerprint.
    fn fingerprint(&self, account: ChatterId, channel: ChannelId, text: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (account, channel).hash(&mut hasher);
        text.chars().filter(|&c| !c.is_whitespace() && !is_invisible(c)).for_each(|c| c.hash(&mut hasher));
        hasher.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // Nothing that runs under the lock leaves it half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Makes room for one more, and lets go of what is old.
    fn forget(&mut self, now: Instant) {
        while let Some(&(at, print)) = self.sent.front() {
            if self.sent.len() < REMEMBERED && now <= at + REMEMBERED_FOR {
                break;
            }
            self.sent.pop_front();
            // Unless it was sent again since.
            if self.last.get(&print) == Some(&at) {
                self.last.remove(&print);
            }
        }
    }
}

/// Twitch puts `@Name ` before the text of a reply.
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
