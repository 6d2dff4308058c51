//! Whose turn it is: calls that may write in a channel run one after another, in the order in which they were typed.
//!
//! The sandbox gives such calls their turns in the order of asking, but each is a task of its own and may come to ask
//! in any order; what chat reads should follow what chat wrote, up to its place in the outbox.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::domain::id::ChannelId;

/// The end of each channel's line. Bounded by the channels that the bot sits in.
#[derive(Debug, Default)]
pub struct Turns {
    last: HashMap<ChannelId, oneshot::Receiver<()>>,
}

/// One call's place in its channel's line; the next one's turn comes when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    previous: Option<oneshot::Receiver<()>>,
    _over: oneshot::Sender<()>,
}

impl Turns {
    pub fn stand_in_line(&mut self, channel: ChannelId) -> Turn {
        let (over, is_over) = oneshot::channel();
        Turn { previous: self.last.insert(channel, is_over), _over: over }
    }
}

impl Turn {
    /// Waits until it comes.
    pub async fn come(&mut self) {
        if let Some(previous) = self.previous.as_mut() {
            // Nothing is ever sent: that the sender is gone is the sign.
            previous.await.unwrap_or_default();
            self.previous = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn turns_come_in_order_in_a_channel_and_at_once_in_another() {
        let mut turns = Turns::default();
        let (told, mut heard) = mpsc::unbounded_channel();
        let first = turns.stand_in_line(ChannelId(1));
        for number in 0..20 {
            let (mut turn, told) = (turns.stand_in_line(ChannelId(1)), told.clone());
            tokio::spawn(async move {
                turn.come().await;
                told.send(number).unwrap();
            });
        }
        turns.stand_in_line(ChannelId(2)).come().await;
        assert!(heard.try_recv().is_err());
        drop(first);
        for number in 0..20 {
            assert_eq!(heard.recv().await, Some(number));
        }
    }
}
