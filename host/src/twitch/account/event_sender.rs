//! Passes events to dispatch, and bounds the wait when its queue is full.
//!
//! A full queue stops the reading of the socket, which passes the pressure on to Twitch, but for a second at most: a
//! connection that is not read is soon lost. Then the newest events are dropped and counted until the queue moves
//! again.

use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, timeout_at};

use crate::domain::message::Event;

const STALLED_FOR: Duration = Duration::from_secs(1);

/// The sending side of the event queue.
#[derive(Debug)]
pub(crate) struct EventSender {
    events: mpsc::Sender<Event>,
    /// The event that found the queue full, and until when it may wait for room.
    held: Option<(Event, Instant)>,
    /// The last held event was dropped, and no event has been queued since.
    is_stalled: bool,
    /// Events are no longer wanted.
    is_closed: bool,
    pub(crate) dropped: u64,
    /// Events queued so far.
    pub(crate) passed: u64,
}

impl EventSender {
    pub(crate) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, held: None, is_stalled: false, is_closed: false, dropped: 0, passed: 0 }
    }

    /// Queues an event, holds it, or drops it. Only one event can be held: the session reads nothing meanwhile.
    pub(crate) fn offer(&mut self, event: Event, now: Instant) {
        if self.is_closed {
            return;
        }
        match self.events.try_send(event) {
            Ok(()) => {
                self.passed += 1;
                self.is_stalled = false;
            }
            Err(TrySendError::Full(event)) if !self.is_stalled && self.held.is_none() => {
                self.held = Some((event, now + STALLED_FOR));
            }
            Err(TrySendError::Full(_)) => self.dropped += 1,
            // Dispatch has ended, so the host is about to stop.
            Err(TrySendError::Closed(_)) => self.is_closed = true,
        }
    }

    /// Whether an event is held, so that nothing may be read.
    pub(crate) fn is_full(&self) -> bool {
        self.held.is_some()
    }

    /// Discards events from now on, without counting them as dropped.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.held = None;
    }

    /// Waits until no event is held. Cancel safe.
    pub(crate) async fn settle(&mut self) {
        let Some(&(_, until)) = self.held.as_ref() else { return };
        let permit = timeout_at(until, self.events.reserve()).await;
        let Some((event, _)) = self.held.take() else { return };
        match permit {
            Ok(Ok(permit)) => {
                self.passed += 1;
                permit.send(event);
            }
            Ok(Err(_)) => self.is_closed = true,
            Err(_) => {
                self.is_stalled = true;
                self.dropped += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::BotAccount;
    use crate::domain::message::JoinFailure;

    fn event(n: u64) -> Event {
        Event::JoinFailed {
            account: BotAccount { login: "twitchy".parse().unwrap(), id: None },
            channel_login: format!("channel_{n}").parse().unwrap(),
            reason: JoinFailure::Banned,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_holds_for_a_second_and_then_drops_until_the_queue_moves() {
        let (sender, mut receiver) = mpsc::channel(1);
        let (mut events, start) = (EventSender::new(sender), Instant::now());
        events.offer(event(1), start);
        events.offer(event(2), start);
        assert!(events.is_full());
        events.settle().await;
        assert_eq!((start.elapsed(), events.dropped, events.is_full()), (STALLED_FOR, 1, false));
        events.offer(event(3), Instant::now());
        assert_eq!((events.dropped, events.is_full()), (2, false), "a stalled queue holds nobody up a second time");
        assert_eq!(receiver.recv().await, Some(event(1)));
        events.offer(event(4), Instant::now());
        events.offer(event(5), Instant::now());
        assert!(events.is_full(), "it moved, and the next stall is a new one");
        assert_eq!(receiver.recv().await, Some(event(4)));
        events.settle().await;
        assert_eq!(receiver.recv().await, Some(event(5)));
        assert_eq!(events.dropped, 2);
    }
}
