//! The worker loop: reads events from a queue and passes them to dispatch.
//!
//! The steps before a call run in this loop, in the order of arrival. The call itself runs beside the loop, so a slow
//! module delays no other one. While there are too many calls the loop waits, and its full queue slows connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dispatch::outgoing::Outboxes;
use super::dispatch::{DROP_LATE_EVERY, Dispatch};
use crate::domain::message::Event;

/// How often the tally of chatters is saved.
const KEEP_UP_EVERY: Duration = Duration::from_secs(10);

/// Answers messages until `shutdown` or the end of the queue, then waits for calls in flight. Skips queued messages.
///
/// `learn` gets every event that is not a message. The loop awaits it before it takes the next event, so that the
/// set-up of a channel just joined is loaded before its first message.
pub async fn run_dispatch<L, F>(
    dispatch: Arc<Dispatch>,
    mut events: mpsc::Receiver<Event>,
    outboxes: Arc<dyn Outboxes>,
    mut learn: L,
    shutdown: CancellationToken,
) where
    L: FnMut(Event) -> F,
    F: Future<Output = ()>,
{
    dispatch.open(outboxes);
    let (mut due, mut late, keeping_up) = (interval(KEEP_UP_EVERY), interval(DROP_LATE_EVERY), TaskTracker::new());
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    late.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = due.tick() => {
                let dispatch = dispatch.clone();
                keeping_up.spawn(async move { dispatch.keep_up().await });
                continue;
            }
            _ = late.tick() => {
                dispatch.drop_late();
                continue;
            }
            event = events.recv() => event,
        };
        let Some(event) = event else { break };
        let unsettled = dispatch.take_event();
        match event {
            Event::Message(message) => {
                let heard = dispatch.hear(*message, unsettled);
                tokio::select! { () = heard => {}, () = shutdown.cancelled() => break }
            }
            other => learn(other).await,
        }
    }
    keeping_up.close();
    keeping_up.wait().await;
    dispatch.close().await;
}
