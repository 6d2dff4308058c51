//! Reports the parsed lines to the account.

use std::borrow::Cow;

use tokio::time::Instant;

use super::answers::Answers;
use super::command::Command;
use super::event::{self, ParsedLine};
use super::line::{Filter, Talk};
use crate::domain::account::BotAccount;
use crate::domain::ports::Prefixes;
use crate::domain::tally::Tally;
use crate::twitch::account::Account;

/// Processes the lines of one connection.
pub(super) struct LineHandler<'s> {
    filter: Filter<'s>,
    /// Counts the messages that call no command.
    tally: &'s Tally,
}

/// The server asked for a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MustReconnect;

impl<'s> LineHandler<'s> {
    pub(super) fn new(bot: BotAccount, prefixes: &'s dyn Prefixes, tally: &'s Tally) -> LineHandler<'s> {
        LineHandler { filter: Filter::new(bot, prefixes), tally }
    }

    /// Processes a line and returns the command to answer with, if any. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn report_line(
        &self,
        line: &[u8],
        account: &mut Account,
        answers: &mut Answers,
        now: Instant,
    ) -> Result<Option<Command>, MustReconnect> {
        let text = std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
        if let Some(talk) = self.filter.find_talk(&text) {
            self.count_talk(talk);
            return Ok(None);
        }
        let Ok(heard) = event::parse_line(&text, &self.filter.account) else {
            account.counts().malformed_lines += 1;
            return Ok(None);
        };
        match heard {
            ParsedLine::Message(message) => account.receive_message(message, now),
            ParsedLine::Ping(text) => return Ok(Some(Command::Pong(text))),
            ParsedLine::Reconnect => return Err(MustReconnect),
            ParsedLine::Room { channel, id, change } => account.report_room(&channel, id, change, now),
            // A refused JOIN has the same msg-ids; no message of ours is in flight to that room then.
            ParsedLine::Refused { channel, refusal } => {
                account.report_refused(&channel, answers.take(&channel), refusal, now);
            }
            ParsedLine::Standing { channel, standing, is_receipt } => {
                account.report_standing(&channel, standing, now);
                if let Some(ticket) = is_receipt.then(|| answers.take(&channel)).flatten() {
                    account.report_delivered(ticket, now);
                }
            }
            ParsedLine::Left { channel } => account.report_left(&channel, now),
            ParsedLine::Welcome(_)
            | ParsedLine::Identity(_)
            | ParsedLine::LoginRefused
            | ParsedLine::CapabilityRefused
            | ParsedLine::Other => {}
        }
        Ok(None)
    }

    fn count_talk(&self, talk: Talk<'_>) {
        if !talk.is_shared_copy {
            let display_name = || if talk.display_name.trim().is_empty() { talk.login } else { talk.display_name };
            self.tally.lock().note(talk.channel, talk.chatter, talk.login, || display_name().into());
        }
    }
}
