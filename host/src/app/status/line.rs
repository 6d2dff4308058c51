//! The status line: logs each change of an account's state.
//!
//! Events of single channels or messages are not logged. If an account joins a thousand channels, one line follows when
//! the last join is decided. A lost channel is logged as soon as no other join is pending. A join that stays pending
//! delays the news of other channels only for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::shortage::{self, describe_slowing};
use super::{AccountStatus, ChannelsStatus};
use crate::domain::id::Login;
use crate::telemetry::{HostEvent, Telemetry};
use crate::twitch::account::state::{AccountState, Phase};

/// The state changes with every line from Twitch. Nobody reads faster than this, and one moment's changes are one line.
const CHECKED_EVERY: Duration = Duration::from_millis(250);

/// If joins stay pending and no channel's state has changed for this long, the channels are logged as they are. Joins
/// that Twitch's limits hold apart follow each other faster.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// Runs until `stop` or until the account is gone, then logs a last line. Also reports each phase to event listeners.
pub(in crate::app) async fn run_status_line(
    login: Login,
    mut states: watch::Receiver<AccountState>,
    telemetry: Arc<Telemetry>,
    stop: CancellationToken,
) {
    let mut told = Reported::new(Instant::now());
    let mut noted = None;
    loop {
        tokio::select! {
            Ok(()) = states.changed() => {}
            () = sleep(SETTLED_AFTER) => {}
            () = stop.cancelled() => {}
        }
        // Checked before the state is read, so that the state read afterwards is the last one.
        let is_last = stop.is_cancelled() || states.has_changed().is_err();
        let status = AccountStatus::of(&login, &states.borrow_and_update());
        if noted.replace(status.phase) != Some(status.phase) {
            telemetry.note(HostEvent::Connection { account: login.as_str().into(), state: status.phase.as_str() });
        }
        match told.find_news(&status, Instant::now()) {
            Some(News::Good) => info!(account = %login, "{}", describe(&status)),
            Some(News::Bad) => warn!(account = %login, "{}", describe(&status)),
            None => {}
        }
        if is_last {
            return;
        }
        tokio::select! {
            () = sleep(CHECKED_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The content of the last lines, and what has changed since.
#[derive(Debug)]
struct Reported {
    phase: Phase,
    trouble: Option<String>,
    /// The channels in the last line.
    channels: ChannelsStatus,
    /// The channels when they last were settled. Fewer joined ones than then are bad news.
    settled: ChannelsStatus,
    seen: ChannelsStatus,
    moved_at: Instant,
    /// The channels that were losing replies to the limits.
    lost_by: Vec<String>,
    is_slowed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Good,
    /// The state got worse.
    Bad,
}

impl Reported {
    fn new(now: Instant) -> Reported {
        let channels = ChannelsStatus::default();
        Reported {
            phase: Phase::default(),
            trouble: None,
            settled: channels.clone(),
            seen: channels.clone(),
            channels,
            moved_at: now,
            lost_by: Vec::new(),
            is_slowed: false,
        }
    }

    /// Returns whether there is news, which then counts as logged.
    fn find_news(&mut self, status: &AccountStatus, now: Instant) -> Option<News> {
        let channels = &status.channels;
        let is_new_phase = self.phase != status.phase || self.trouble != status.trouble;
        if is_new_phase || self.seen != *channels {
            self.seen.clone_from(channels);
            self.moved_at = now;
        }
        let has_settled = channels.pending == 0 || self.moved_at + SETTLED_AFTER <= now;
        let is_settled = status.phase == Phase::Online && has_settled;
        let (loses_more, is_short_news) = self.find_shortage(status);
        let is_news = is_new_phase || is_settled && self.channels != *channels || is_short_news;
        let is_worse = match status.phase {
            Phase::Connecting => status.trouble.is_some(),
            Phase::NoToken | Phase::Refused => true,
            Phase::Online => loses_more || is_settled && missing(channels) > missing(&self.settled),
            Phase::Paused | Phase::Stopped => false,
        };
        self.phase = status.phase;
        self.trouble.clone_from(&status.trouble);
        if is_settled {
            self.settled.clone_from(channels);
        }
        if is_news {
            self.channels.clone_from(channels);
        }
        is_news.then_some(if is_worse { News::Bad } else { News::Good })
    }

    /// Returns whether another channel loses replies to the limits, and whether that or a change of the slowing is
    /// news. Channels that lose no more replies are news when none of them loses any.
    fn find_shortage(&mut self, status: &AccountStatus) -> (bool, bool) {
        // Without a connection the limits cost nothing, and a line would only repeat that the account is offline.
        if status.phase != Phase::Online {
            return (false, false);
        }
        let lost_by: Vec<String> = status.lost_to_limits.iter().map(|lost| lost.channel.clone()).collect();
        let loses_more = lost_by.iter().any(|channel| !self.lost_by.contains(channel));
        let is_over = lost_by.is_empty() && !self.lost_by.is_empty();
        let is_slowed = !status.slowed_for.is_empty();
        let is_slowing_news = std::mem::replace(&mut self.is_slowed, is_slowed) != is_slowed;
        if loses_more || is_over {
            self.lost_by = lost_by;
        }
        (loses_more, loses_more || is_over || is_slowing_news)
    }
}

fn missing(channels: &ChannelsStatus) -> usize {
    channels.wanted.saturating_sub(channels.joined)
}

/// An account in one line: `online, 37 of 40 channels, 2 replies waiting, dropped: 3 stale`.
fn describe(status: &AccountStatus) -> String {
    let mut parts = vec![describe_phase(status)];
    if status.phase != Phase::Stopped {
        parts.push(describe_joined(&status.channels));
    }
    // Without a connection no channel is joined, and nothing more is known.
    if status.phase == Phase::Online {
        if status.channels.pending > 0 {
            parts.push(format!("{} to go{}", status.channels.pending, describe_joins_hold(status)));
        }
        parts.extend(describe_missing(&status.channels));
    }
    if status.replies_waiting > 0 {
        let replies = count(status.replies_waiting, "reply", "replies");
        let fate = if status.phase == Phase::Stopped { "unsent" } else { "waiting" };
        parts.push(format!("{replies} {fate}"));
    }
    parts.extend(describe_hold(status));
    if status.phase == Phase::Online {
        parts.extend(describe_slowing(status));
        parts.extend(shortage::describe_lost(&status.lost_to_limits));
    }
    if let Some(dropped) = describe_dropped(status) {
        parts.push(format!("dropped: {dropped}"));
    }
    parts.join(", ")
}

pub fn name_phase(account: &AccountStatus) -> &'static str {
    match account.phase {
        Phase::Connecting if account.trouble.is_some() => "no connection",
        Phase::Connecting => "connecting",
        Phase::Online => "online",
        Phase::NoToken | Phase::Refused => "cannot log in",
        Phase::Paused => "paused",
        Phase::Stopped => "stopped",
    }
}

pub(super) fn describe_phase(account: &AccountStatus) -> String {
    let name = name_phase(account);
    let Some(trouble) = &account.trouble else { return name.to_owned() };
    match account.retry_in.as_secs_f64().ceil() {
        0.0 => format!("{name}: {trouble}"),
        seconds => format!("{name}: {trouble}; the next try is in {seconds}s"),
    }
}

/// ` (in 10s: ...)` if Twitch's limit keeps channels waiting; else empty.
pub(super) fn describe_joins_hold(account: &AccountStatus) -> String {
    if account.joins_held_for.is_zero() {
        return String::new();
    }
    let seconds = account.joins_held_for.as_secs_f64().ceil();
    format!(" (in {seconds}s: Twitch limits how fast channels are joined, and counts an earlier run too)")
}

pub(super) fn describe_hold(account: &AccountStatus) -> Option<String> {
    let is_held = !account.held_for.is_zero();
    is_held.then(|| format!("held by Twitch for {}s as it sent too much", account.held_for.as_secs_f64().ceil()))
}

/// `3 stale, 1 no room`; `None` if nothing was dropped.
pub fn describe_dropped(account: &AccountStatus) -> Option<String> {
    let counted = account.dropped.iter().filter(|(_, count)| **count > 0);
    let counted: Vec<_> = counted.map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    (!counted.is_empty()).then(|| counted.join(", "))
}

fn describe_joined(status: &ChannelsStatus) -> String {
    match status.wanted {
        0 => "no channel yet".to_owned(),
        wanted => format!("{} of {}", status.joined, channels(wanted)),
    }
}

fn describe_missing(status: &ChannelsStatus) -> Vec<String> {
    let mut parts = Vec::new();
    if !status.unreachable.is_empty() {
        parts.push(format!("{} cannot be joined ({})", status.unreachable.len(), describe_unreachable(status)));
    }
    if status.without_slot > 0 {
        parts.push(format!("no place for {}", status.without_slot));
    }
    parts
}

/// Each reason once, with the first of its channels' names.
fn describe_unreachable(status: &ChannelsStatus) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for channel in &status.unreachable {
        by_reason.entry(&channel.reason).or_default().push(&channel.login);
    }
    let describe =
        |(reason, names): (&str, Vec<&str>)| format!("{reason}: {}", shortage::list_names(names.into_iter()));
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
    use tracing_subscriber::fmt;

    use super::*;
    use crate::domain::message::JoinFailure;
    use crate::telemetry::listening::Received;
    use crate::testing::log::TestLog;
    use crate::twitch::account::shortage::{LostReplies, Shortage};

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

    /// The lines logged for these states, one state a second. Bad news begins with `!`.
    fn lines(states: &[AccountState]) -> Vec<String> {
        let mut now = Instant::now();
        let mut told = Reported::new(now);
        let line = |state: &AccountState| {
            let status = status(state);
            now += Duration::from_secs(1);
            let mark = if told.find_news(&status, now)? == News::Bad { "!" } else { "" };
            Some(format!("{mark}{}", describe(&status)))
        };
        states.iter().filter_map(line).collect()
    }

    #[test]
    fn many_channels_are_reported_once_when_nothing_more_is_pending() {
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

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_says_when_the_next_one_is_tried() {
        let lost = |seconds| {
            let retry_at = Some(Instant::now() + Duration::from_secs(seconds));
            describe(&status(&AccountState { retry_at, ..bad(Phase::Connecting, "irc.example:6697: gone") }))
        };
        assert_eq!(lost(3), "no connection: irc.example:6697: gone; the next try is in 3s, 0 of 3 channels");
        assert_eq!(lost(0), "no connection: irc.example:6697: gone, 0 of 3 channels");
    }

    #[test]
    fn a_reconnect_ends_with_what_is_so_in_the_end() {
        let lost = bad(Phase::Connecting, "the server asked for a new connection");
        let states = [
            online(2, 0, 2, &[]),
            online(2, 2, 0, &[]),
            AccountState { wanted: 2, ..lost.clone() },
            online(2, 0, 2, &[]),
            online(2, 1, 1, &[]),
            online(2, 2, 0, &[]),
            online(2, 2, 0, &[]),
        ];
        let expected = [
            "online, 0 of 2 channels, 2 to go",
            "online, 2 of 2 channels",
            "!no connection: the server asked for a new connection, 0 of 2 channels",
            "online, 0 of 2 channels, 2 to go",
            "online, 2 of 2 channels",
        ];
        assert_eq!(lines(&states), expected);
        // The same if one of them cannot be joined, before and after.
        let barred = online(2, 1, 0, &[("cafe", JoinFailure::Banned)]);
        let joining = online(2, 0, 1, &[("cafe", JoinFailure::Banned)]);
        let lines = lines(&[barred.clone(), AccountState { wanted: 2, ..lost }, joining, barred]);
        assert_eq!(lines.last().unwrap(), "online, 1 of 2 channels, 1 cannot be joined (banned there: cafe)");
    }

    #[tokio::test(start_paused = true)]
    async fn channels_that_wait_for_twitchs_limit_say_so_and_for_how_long() {
        let held = |seconds| Some(Instant::now() + Duration::from_secs(seconds));
        let state = AccountState { joins_held_until: held(10), ..online(3, 0, 3, &[]) };
        let expected = "online, 0 of 3 channels, 3 to go (in 10s: Twitch limits how fast channels are joined, and counts an \
                        earlier run too)";
        assert_eq!(describe(&status(&state)), expected);
        let state = AccountState { joins_held_until: held(0), ..state };
        assert_eq!(describe(&status(&state)), "online, 0 of 3 channels, 3 to go");
    }

    #[test]
    fn what_goes_on_in_a_state_is_no_news() {
        let state = online(1, 1, 0, &[]);
        let busy = AccountState { waiting: 7, events: 1_000, settled: 30, ..state.clone() };
        assert_eq!(lines(&[state.clone(), busy, state]), ["online, 1 of 1 channel"]);
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
    fn a_channel_that_stays_pending_does_not_hide_another_that_cannot_be_joined() {
        let offline = AccountState { phase: Phase::Connecting, ..online(3, 0, 3, &[]) };
        let states = [
            vec![offline; 60],
            vec![online(3, 0, 3, &[])],
            vec![online(3, 1, 1, &[("cafe", JoinFailure::Banned)]); 60],
        ]
        .concat();
        let expected = [
            "online, 0 of 3 channels, 3 to go",
            "!online, 1 of 3 channels, 1 to go, 1 cannot be joined (banned there: cafe)",
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
    fn a_reason_is_reported_once_however_often_it_is_met() {
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

    #[tokio::test(start_paused = true)]
    async fn channels_that_lose_replies_to_the_limits_are_reported_once_and_so_is_the_end() {
        let lost = |replies: u64, channels: &[&str]| {
            let lost = channels.iter().map(|channel| LostReplies {
                channel: channel.parse().unwrap(),
                is_privileged: false,
                replies,
                last_at: Instant::now(),
            });
            let shortage = Shortage { lost: lost.collect(), lost_total: 9, slowed_for: Arc::default() };
            AccountState { shortage, ..online(2, 2, 0, &[]) }
        };
        let slowed_for = ["cafe".parse().unwrap()].into();
        let slowed = AccountState { shortage: Shortage { slowed_for, ..Shortage::default() }, ..online(2, 2, 0, &[]) };
        let states = [
            online(2, 2, 0, &[]),
            slowed.clone(),
            slowed,
            lost(1, &["cafe"]),
            lost(7, &["cafe"]),
            lost(8, &["cafe", "shop"]),
            lost(8, &["shop"]),
            online(2, 2, 0, &[]),
        ];
        let cure = "make the bot a moderator there, or let another bot account sit there";
        let told = |replies: &str, channels: &str| {
            format!(
                "!online, 2 of 2 channels, {replies} lost to Twitch's limits, the last one within 5 minutes, in {channels}: {cure}"
            )
        };
        let expected = [
            "online, 2 of 2 channels".to_owned(),
            "online, 2 of 2 channels, channels where the bot is moderator or VIP are slowed, as it is neither in cafe"
                .to_owned(),
            told("1 reply was", "cafe"),
            told("16 replies were", "cafe, shop"),
            "online, 2 of 2 channels".to_owned(),
        ];
        assert_eq!(lines(&states), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_reported_once_whatever_the_limits_cost_before() {
        let lost = |channels: &[&str]| {
            let lost = channels.iter().map(|channel| LostReplies {
                channel: channel.parse().unwrap(),
                is_privileged: false,
                replies: 1,
                last_at: Instant::now(),
            });
            let shortage = Shortage { lost: lost.collect(), ..Shortage::default() };
            AccountState { shortage, ..bad(Phase::Connecting, "connection refused") }
        };
        let states = [lost(&["cafe"]), lost(&["cafe", "shop"]), lost(&[])];
        assert_eq!(lines(&states), ["!no connection: connection refused, 0 of 3 channels"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_whole() {
        let mut state = online(120, 100, 0, &[]);
        (state.waiting, state.counts.stale, state.counts.no_room) = (1, 3, 1);
        state.held_until = Some(Instant::now() + Duration::from_secs(1_500));
        let expected = "online, 100 of 120 channels, no place for 20, 1 reply waiting, held by Twitch for 1500s \
                        as it sent too much, dropped: 1 no room, 3 stale";
        assert_eq!(describe(&status(&state)), expected);
        (state.phase, state.waiting, state.held_until) = (Phase::Stopped, 2, None);
        assert_eq!(describe(&status(&state)), "stopped, 2 replies unsent, dropped: 1 no room, 3 stale");
        assert_eq!(describe(&status(&online(0, 0, 0, &[]))), "online, no channel yet");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_state_is_reported_before_the_end() {
        let log = TestLog::start(|file| fmt().with_ansi(false).with_writer(file).finish());
        let (state, states) = watch::channel(AccountState::default());
        let stop = CancellationToken::new();
        let telemetry = Arc::new(Telemetry::default());
        let mut listening = telemetry.listen();
        let line = tokio::spawn(run_status_line("mybot".parse().unwrap(), states, telemetry, stop.clone()));
        state.send_replace(bad(Phase::Connecting, "connection refused"));
        tokio::task::yield_now().await;
        state.send_replace(AccountState { phase: Phase::Stopped, ..AccountState::default() });
        drop(state);
        tokio::task::yield_now().await;
        assert!(!line.is_finished(), "a task that ends unasked would stop the host");
        stop.cancel();
        line.await.unwrap();
        for state in ["connecting", "stopped"] {
            let event = HostEvent::Connection { account: "mybot".into(), state };
            assert_eq!(listening.next().await, Some(Received::Event(Arc::new(event))));
        }
        assert_eq!(listening.next().await, None);
        let log = log.text();
        let lines: Vec<&str> = log.lines().collect();
        assert!(
            lines[0].contains("WARN") && lines[0].contains("no connection: connection refused, 0 of 3 channels"),
            "{log}"
        );
        assert!(lines[1].contains("INFO") && lines[1].ends_with("stopped account=mybot"), "{log}");
    }
}
