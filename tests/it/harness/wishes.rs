//! The requirements of a transcript's headers on the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use twitchy::balances::provider::BalanceProvider;
use twitchy::bench::provider::FailingProvider;
use twitchy::config::FuseConfig;
use twitchy::domain::id::ChannelId;
use twitchy::transcript::ChannelHeader;

use super::rich_provider::RichProvider;
use super::{channel_id, list};

/// The configuration and modules that a transcript's headers ask for.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) time_of_day: Duration,
    pub(super) is_join_open: bool,
    /// The most channels that an account may join.
    pub(super) room: Option<usize>,
    pub(super) enabled: Vec<String>,
    /// Uploaded guests without grants.
    pub(super) uploaded: Vec<String>,
    /// Guests that the operator's configuration loads; they are on everywhere.
    pub(super) configured: Vec<String>,
    pub(super) fuse: FuseConfig,
    pub(super) outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>,
}

impl Wishes {
    pub(super) fn of(headers: &[&ChannelHeader]) -> Wishes {
        let mut wishes = Wishes { time_of_day: Duration::from_secs(12 * 3600), ..Wishes::default() };
        for header in headers {
            let id = channel_id(&header.login);
            for (key, value) in &header.pairs {
                match (key.as_str(), value.as_str()) {
                    ("time", time) => wishes.time_of_day = parse_time_of_day(time),
                    ("join", policy) => wishes.is_join_open = policy == "open",
                    ("room", room) => wishes.room = Some(room.parse().expect("room: a number of channels")),
                    ("enabled", names) => wishes.enabled.extend(list(names)),
                    ("uploaded", names) => wishes.uploaded.extend(list(names)),
                    ("configured", names) => wishes.configured.extend(list(names)),
                    ("fuse", restores) => wishes.fuse.restore = restores == "restores",
                    ("provider", "down") => drop(wishes.outside.insert(id, Arc::new(FailingProvider))),
                    ("provider", "rich") => drop(wishes.outside.insert(id, Arc::new(RichProvider))),
                    ("prefix" | "bot" | "balances" | "seen", _) => {}
                    _ => panic!("no such key in a header: `{key}: {value}`"),
                }
            }
        }
        wishes
    }
}

fn parse_time_of_day(text: &str) -> Duration {
    let seconds = text.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<u64>().expect("time: 12:00:00"));
    Duration::from_secs(seconds)
}
