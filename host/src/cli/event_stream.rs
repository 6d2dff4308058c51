//! Reads server-sent events from an answer that does not end.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::BodyExt;

use crate::net::plain::Received;

/// Timeout of a read. The host sends at least a comment every 15 seconds.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Most bytes of one event.
const LONGEST_EVENT: usize = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SentEvent {
    pub(super) name: String,
    pub(super) data: String,
}

pub(super) struct EventStream {
    body: Received,
    parser: Parser,
}

impl EventStream {
    pub(super) fn new(body: Received) -> EventStream {
        EventStream { body, parser: Parser::default() }
    }

    /// The next event; `None` once the host has ended the stream. Cancel-safe: dropping the future loses no event.
    ///
    /// # Errors
    /// If the connection breaks, or the bytes are not server-sent events.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<SentEvent>> {
        loop {
            if let Some(event) = self.parser.events.pop_front() {
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(SILENT_FOR, self.body.frame()).await;
            match frame.with_context(|| format!("the host is silent for {} s", SILENT_FOR.as_secs()))? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.context("the connection to the host broke")?.into_data() {
                        self.parser.push(&data)?;
                    }
                }
            }
        }
    }
}

/// Parses bytes, in chunks of any size, into events.
#[derive(Debug, Default)]
struct Parser {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The event that is not complete yet.
    event: SentEvent,
    events: VecDeque<SentEvent>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.event.data.len() > LONGEST_EVENT {
                bail!("the host sends an event that is longer than 1 MiB");
            }
        }
        Ok(())
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            // A block of comments alone is not an event.
            if self.event != SentEvent::default() {
                self.events.push_back(std::mem::take(&mut self.event));
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
            "data" => self.event.data += &format!("\n{value}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b": hello\n\nid: 1\nevent: invocation\ndata: {\"a\": 1}\n\n:\n\ndata: one\r\ndata:two\r\n\r\nevent: begun";

    #[test]
    fn events_are_read_however_they_are_cut() {
        let event = |name: &str, data: &str| SentEvent { name: name.to_owned(), data: data.to_owned() };
        for length in [1, 7, TEXT.len()] {
            let mut parser = Parser::default();
            TEXT.chunks(length).for_each(|part| parser.push(part).unwrap());
            assert_eq!(parser.events, [event("invocation", "{\"a\": 1}"), event("", "one\ntwo")], "{length}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_given_up() {
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(1000));
        let given_up = (0..2000).find(|_| parser.push(line.as_bytes()).is_err());
        assert!(given_up.is_some_and(|lines| lines < LONGEST_EVENT / 1000 + 1), "{given_up:?}");
    }
}
