//! The status line: in the log, each time that an account comes into another state.
//!
//! What happens to a single channel or message is none. A thousand channels that are entered are one line when the last
//! of them is, and one that was lost is one when that is known.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{AccountStatus, ChannelsStatus};
use crate::domain::id::Login;
use crate::twitch::account::{AccountState, Phase};

/// The state moves with every line from Twitch. Nobody reads so fast, and what happens in one moment is one line.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);

/// Names that a line has room for, of the channels that cannot be joined for one reason.
const NAMES: usize = 5;

/// Until `stop`; then tells how it ended.
pub(in crate::app) async fn run_status_line(
    login: Login,
    mut states: watch::Receiver<AccountState>,
    stop: CancellationToken,
) {
    let mut told = Told::default();
    loop {
        tokio::select! {
            Ok(()) = states.changed() => {}
            () = stop.cancelled() => {}
        }
        let status = AccountStatus::of(&login, &states.borrow_and_update());
        match told.find_news(&status) {
            Some(News::Good) => info!(account = %login, "{}", describe(&status)),
            Some(News::Bad) => warn!(account = %login, "{}", describe(&status)),
            None => {}
        }
        tokio::select! {
            () = sleep(LOOKED_AT_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What the last lines said.
#[derive(Debug, Default)]
struct Told {
    phase: Phase,
    trouble: Option<String>,
    /// When nothing was pending.
    channels: ChannelsStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Good,
    /// It got worse.
    Bad,
}

impl Told {
    /// Whether there is something to tell; it counts as told.
    fn find_news(&mut self, status: &AccountStatus) -> Option<News> {
        let is_new_phase = self.phase != status.phase || self.trouble != status.trouble;
        self.phase = status.phase;
        self.trouble.clone_from(&status.trouble);
        let is_settled = status.phase == Phase::Online && status.channels.pending == 0;
        let before = match is_settled {
            true => std::mem::replace(&mut self.channels, status.channels.clone()),
            false => self.channels.clone(),
        };
        let is_new_place = is_settled && before != status.channels;
        let is_worse = match status.phase {
            Phase::Connecting => status.trouble.is_some(),
            Phase::NoToken | Phase::Refused => true,
            Phase::Online => is_settled && missing(&status.channels) > missing(&before),
            Phase::Stopped => false,
        };
        (is_new_phase || is_new_place).then_some(if is_worse { News::Bad } else { News::Good })
    }
}

fn missing(channels: &ChannelsStatus) -> usize {
    channels.wanted.saturating_sub(channels.joined)
}

/// An account in one line: `online, 37 of 40 channels, 2 replies waiting, dropped: 3 stale`.
fn describe(status: &AccountStatus) -> String {
    let mut parts = vec![status.describe_phase()];
    if status.phase != Phase::Stopped {
        parts.push(describe_joined(&status.channels));
    }
    // Without a connection it sits nowhere, and no more is known.
    if status.phase == Phase::Online {
        parts.extend(describe_missing(&status.channels));
    }
    if status.replies_waiting > 0 {
        let replies = count(status.replies_waiting, "reply", "replies");
        parts.push(if status.phase == Phase::Stopped {
            format!("{replies} unsent")
        } else {
            format!("{replies} waiting")
        });
    }
    if let Some(dropped) = status.describe_dropped() {
        parts.push(format!("dropped: {dropped}"));
    }
    parts.join(", ")
}

impl AccountStatus {
    pub fn name_phase(&self) -> &'static str {
        match self.phase {
            Phase::Connecting if self.trouble.is_some() => "no connection",
            Phase::Connecting => "connecting",
            Phase::Online => "online",
            Phase::NoToken | Phase::Refused => "cannot log in",
            Phase::Stopped => "stopped",
        }
    }

    pub(super) fn describe_phase(&self) -> String {
        let name = self.name_phase();
        self.trouble.as_ref().map_or(name.to_owned(), |trouble| format!("{name}: {trouble}"))
    }

    /// `3 stale, 1 no room`; none where nothing was dropped.
    pub fn describe_dropped(&self) -> Option<String> {
        let counted = self.dropped.iter().filter(|(_, count)| **count > 0);
        let counted: Vec<_> = counted.map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
        (!counted.is_empty()).then(|| counted.join(", "))
    }
}

fn describe_joined(status: &ChannelsStatus) -> String {
    match status.wanted {
        0 => "no channel yet".to_owned(),
        wanted => format!("{} of {}", status.joined, channels(wanted)),
    }
}

fn describe_missing(status: &ChannelsStatus) -> Vec<String> {
    let mut parts = Vec::new();
    if status.pending > 0 {
        parts.push(format!("{} to go", status.pending));
    }
    if !status.unreachable.is_empty() {
        parts.push(format!("{} cannot be joined ({})", status.unreachable.len(), describe_unreachable(status)));
    }
    if status.without_place > 0 {
        parts.push(format!("no place for {}", status.without_place));
    }
    parts
}

/// Each reason once, with the first of the channels' names.
fn describe_unreachable(status: &ChannelsStatus) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for channel in &status.unreachable {
        by_reason.entry(&channel.reason).or_default().push(&channel.login);
    }
    let describe = |(reason, names): (&str, Vec<&str>)| {
        let more = names.len().saturating_sub(NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{reason}: {}{more}", names[..names.len().min(NAMES)].join(", "))
    };
    by_reason.into_iter().map(describe).collect::<Vec<_>>().join("; ")
}

pub(super) fn channels(number: usize) -> String {
    count(number, "channel", "channels")
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::message::JoinFailure;

    fn online(wanted: usize, joined: usize, pending: usize, unreachable: &[(&str, JoinFailure)]) -> AccountState {
        let unreachable = unreachable.iter().map(|(login, reason)| (login.parse().unwrap(), *reason)).collect();
        AccountState { phase: Phase::Online, wanted, joined, pending, unreachable, ..AccountState::default() }
    }

    fn bad(phase: Phase, trouble: &str) -> AccountState {
        AccountState { phase, trouble: Some(trouble.into()), wanted: 3, ..AccountState::default() }
    }

    fn status(state: &AccountState) -> AccountStatus {
        AccountStatus::of(&"mybot".parse().unwrap(), state)
    }

    /// The lines that a life leads to; those of bad news begin with `!`.
    fn lines(states: &[AccountState]) -> Vec<String> {
        let mut told = Told::default();
        let line = |state: &AccountState| {
            let status = status(state);
            let mark = if told.find_news(&status)? == News::Bad { "!" } else { "" };
            Some(format!("{mark}{}", describe(&status)))
        };
        states.iter().filter_map(line).collect()
    }

    #[test]
    fn many_channels_are_told_of_once_when_nothing_more_is_pending() {
        let states = [
            AccountState { wanted: 40, ..AccountState::default() },
            online(40, 0, 40, &[]),
            online(40, 20, 20, &[]),
            online(40, 39, 1, &[]),
            online(40, 40, 0, &[]),
            online(41, 40, 1, &[]),
            online(41, 41, 0, &[]),
        ];
        let expected = ["online, 0 of 40 channels, 40 to go", "online, 40 of 40 channels", "online, 41 of 41 channels"];
        assert_eq!(lines(&states), expected);
    }

    #[test]
    fn what_goes_on_in_a_state_is_no_news() {
        let state = online(1, 1, 0, &[]);
        let busy = AccountState { waiting: 7, events: 1_000, settled: 30, ..state.clone() };
        assert_eq!(lines(&[state.clone(), busy.clone(), state]), ["online, 1 of 1 channel"]);
    }

    #[test]
    fn a_channel_that_cannot_be_joined_is_bad_news_once_and_a_pardon_is_good_news() {
        let (banned, gone) = (("cafe", JoinFailure::Banned), ("gone", JoinFailure::Unconfirmed));
        let states = [
            online(3, 2, 1, &[]),
            online(3, 1, 0, &[gone, banned]),
            bad(Phase::Connecting, "the server closed the connection"),
            online(3, 1, 0, &[banned, gone]),
            online(3, 2, 0, &[gone]),
        ];
        let expected = [
            "online, 2 of 3 channels, 1 to go",
            "!online, 1 of 3 channels, 2 cannot be joined (banned there: cafe; never confirmed by Twitch: gone)",
            "!no connection: the server closed the connection, 0 of 3 channels",
            "online, 1 of 3 channels, 2 cannot be joined (banned there: cafe; never confirmed by Twitch: gone)",
            "online, 2 of 3 channels, 1 cannot be joined (never confirmed by Twitch: gone)",
        ];
        assert_eq!(lines(&states), expected);
    }

    #[test]
    fn a_thousand_channels_that_cannot_be_joined_are_one_short_line() {
        let logins: Vec<String> = (0..1_000).map(|n| format!("channel_{n:03}")).collect();
        let unreachable: Vec<_> = logins.iter().map(|login| (login.as_str(), JoinFailure::Suspended)).collect();
        let expected = "!online, 0 of 1000 channels, 1000 cannot be joined (suspended: channel_000, channel_001, channel_002, \
                        channel_003, channel_004 and 995 more)";
        assert_eq!(lines(&[online(1_000, 0, 0, &unreachable)]), [expected]);
    }

    #[test]
    fn a_reason_is_told_once_however_often_it_is_met() {
        let (lost, dark) = ("the server closed the connection", "connection refused");
        let states = [
            bad(Phase::Connecting, lost),
            bad(Phase::Connecting, lost),
            bad(Phase::Connecting, dark),
            bad(Phase::NoToken, "no token: TOKEN is not set"),
            bad(Phase::NoToken, "no token: TOKEN is not set"),
            AccountState { wanted: 3, ..AccountState::default() },
        ];
        let expected = [
            "!no connection: the server closed the connection, 0 of 3 channels",
            "!no connection: connection refused, 0 of 3 channels",
            "!cannot log in: no token: TOKEN is not set, 0 of 3 channels",
            "connecting, 0 of 3 channels",
        ];
        assert_eq!(lines(&states), expected);
    }

    #[test]
    fn a_line_is_whole() {
        let mut state = online(120, 100, 0, &[]);
        (state.waiting, state.counts.stale, state.counts.no_room) = (1, 3, 1);
        let expected = "online, 100 of 120 channels, no place for 20, 1 reply waiting, dropped: 1 no room, 3 stale";
        assert_eq!(describe(&status(&state)), expected);
        (state.phase, state.waiting) = (Phase::Stopped, 2);
        assert_eq!(describe(&status(&state)), "stopped, 2 replies unsent, dropped: 1 no room, 3 stale");
        assert_eq!(describe(&status(&online(0, 0, 0, &[]))), "online, no channel yet");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_state_is_told_before_the_end() {
        let (state, states) = watch::channel(AccountState::default());
        let stop = CancellationToken::new();
        let line = tokio::spawn(run_status_line("mybot".parse().unwrap(), states, stop.clone()));
        state.send_replace(AccountState { trouble: Some(Arc::from("none")), ..AccountState::default() });
        drop(state);
        tokio::task::yield_now().await;
        assert!(!line.is_finished(), "a task that ends unasked would stop the host");
        stop.cancel();
        line.await.unwrap();
    }
}
