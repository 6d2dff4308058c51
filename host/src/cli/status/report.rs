//! Formats a status for people: plain text, in columns.

use std::time::Duration;

use crate::app::status::line::{describe_dropped, name_phase};
use crate::app::status::problems::Problem;
use crate::app::status::shortage::describe_slowing;
use crate::app::status::{AccountStatus, ModuleStatus, SpanStatus, Status};
use crate::cli::table::{Row, section};
use crate::domain::span::show_span;

pub(super) fn write_report(status: &Status, problems: &[Problem]) -> String {
    let mut report = format!("twitchy {}, up for {}\n", status.version, show_uptime(status.uptime));
    let accounts = || status.accounts.iter();
    report += &section(&["account", "state", "for", "channels", "replies waiting"], accounts().map(account_row));
    report += &section(&["cannot be joined", "account", "reason"], accounts().flat_map(unreachable_rows));
    report += &section(&["slowed by Twitch's limits", "why"], accounts().filter_map(slowed_row));
    report += &section(&["queue", "now", "dropped"], queue_rows(status));
    report += &section(&["dropped", "since the start"], accounts().filter_map(dropped_row));
    report += &section(&["time taken", "count", "p50", "p99", "longest"], accounts().flat_map(span_rows));
    report += &section(&["module", "version", "broke"], status.modules.iter().map(module_row));
    let unreachable = accounts().map(|account| account.channels.unreachable.len()).sum();
    report + &write_verdict(problems, unreachable)
}

fn account_row(account: &AccountStatus) -> Row {
    vec![
        account.login.clone(),
        name_phase(account).to_owned(),
        show_uptime(account.phase_for),
        format!("{} of {}", account.channels.joined, account.channels.wanted),
        account.replies_waiting.to_string(),
    ]
}

fn unreachable_rows(account: &AccountStatus) -> impl Iterator<Item = Row> {
    let channels = account.channels.unreachable.iter();
    channels.map(|channel| vec![channel.login.clone(), account.login.clone(), channel.reason.clone()])
}

fn slowed_row(account: &AccountStatus) -> Option<Row> {
    Some(vec![account.login.clone(), describe_slowing(account)?])
}

fn queue_rows(status: &Status) -> Vec<Row> {
    let queues = &status.queues;
    let row = |name: &str, now: String, dropped: Option<u64>| {
        vec![name.to_owned(), now, dropped.map(|count| count.to_string()).unwrap_or_default()]
    };
    let log = &status.log;
    let lost = (log.lines_lost > 0).then(|| row("log lines", String::new(), Some(log.lines_lost)));
    let rows = vec![
        row("events waiting", format!("{} of {}", queues.events_waiting, queues.events_capacity), None),
        row("calls under way", queues.calls_outstanding.to_string(), Some(queues.calls_dropped)),
        row("replies waiting", queues.replies_waiting.to_string(), Some(queues.replies_dropped)),
    ];
    rows.into_iter().chain(lost).collect()
}

fn dropped_row(account: &AccountStatus) -> Option<Row> {
    Some(vec![format!("by {}", account.login), describe_dropped(account)?])
}

fn span_rows(account: &AccountStatus) -> impl Iterator<Item = Row> {
    let named = [("until a reply leaves", &account.waits), ("from there to Twitch's receipt", &account.deliveries)];
    let timed = named.into_iter().filter(|(_, spans)| spans.count > 0);
    timed.map(|(name, spans)| span_row(format!("{}: {name}", account.login), spans))
}

fn span_row(name: String, spans: &SpanStatus) -> Row {
    vec![name, spans.count.to_string(), show_latency(spans.p50), show_latency(spans.p99), show_latency(spans.max)]
}

fn module_row(module: &ModuleStatus) -> Row {
    let faults = match module.faults {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        faults => format!("{faults} times"),
    };
    vec![module.name.clone(), module.version.clone(), faults]
}

/// The verdict. Channels that cannot be joined are only counted: it is up to their broadcasters to change that.
fn write_verdict(problems: &[Problem], unreachable: usize) -> String {
    match (problems.is_empty(), unreachable) {
        (true, 0) => return "\nall is well\n".to_owned(),
        (true, 1) => return "\nall is well, but 1 channel cannot be joined\n".to_owned(),
        (true, _) => return format!("\nall is well, but {unreachable} channels cannot be joined\n"),
        (false, _) => {}
    }
    let lines: String = problems.iter().map(|problem| format!("  {problem}\n")).collect();
    format!("\nnot well:\n{lines}")
}

/// Shows at most the two greatest units: `3d4h`, `3h12m`, `12s`.
fn show_uptime(span: Duration) -> String {
    let seconds = span.as_secs();
    let unit = match seconds {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    show_span(Duration::from_secs(seconds - seconds % unit))
}

fn show_latency(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        0.0..0.001 => format!("{:.0} us", seconds * 1e6),
        0.001..0.01 => format!("{:.1} ms", seconds * 1e3),
        0.01..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::status::problems::list_problems;
    use crate::app::status::{
        ChannelsStatus, LogStatus, LostStatus, QueueStatus, StorageStatus, UnloadableStatus, UnreachableChannel,
    };
    use crate::twitch::account::state::Phase;

    fn account(login: &str) -> AccountStatus {
        AccountStatus {
            login: login.to_owned(),
            id: Some("1000".to_owned()),
            former: None,
            phase: Phase::Online,
            phase_for: Duration::from_secs(3 * 3_600 + 12 * 60 + 5),
            trouble: None,
            retry_in: Duration::ZERO,
            channels: ChannelsStatus { wanted: 1, joined: 1, ..ChannelsStatus::default() },
            joins_held_for: Duration::ZERO,
            replies_waiting: 0,
            held_for: Duration::ZERO,
            lost_to_limits: Vec::new(),
            lost_to_limits_in_all: 0,
            slowed_for: Vec::new(),
            dropped: BTreeMap::from([("stale".to_owned(), 0)]),
            waits: SpanStatus::default(),
            deliveries: SpanStatus::default(),
        }
    }

    fn module(name: &str, faults: u64) -> ModuleStatus {
        ModuleStatus { name: name.to_owned(), version: "0.1.0".to_owned(), faults, trouble: None }
    }

    fn status(accounts: Vec<AccountStatus>) -> Status {
        Status {
            version: "1.2.3".to_owned(),
            uptime: Duration::from_secs(3 * 86_400 + 4 * 3_600 + 100),
            accounts,
            queues: QueueStatus { events_capacity: 4096, ..QueueStatus::default() },
            log: LogStatus::default(),
            modules: vec![module("help", 0)],
            unloadable: Vec::new(),
            storage: StorageStatus::default(),
        }
    }

    fn report(status: &Status) -> String {
        write_report(status, &list_problems(status))
    }

    #[test]
    fn a_host_that_is_well_has_a_short_report() {
        let expected = "\
twitchy 1.2.3, up for 3d4h

account  state   for    channels  replies waiting
mybot    online  3h12m  1 of 1    0

queue            now        dropped
events waiting   0 of 4096
calls under way  0          0
replies waiting  0          0

module  version  broke
help    0.1.0    never

all is well
";
        assert_eq!(report(&status(vec![account("mybot")])), expected);
    }

    #[test]
    fn what_is_not_well_is_all_there() {
        let ms = Duration::from_millis;
        let gone = UnreachableChannel { login: "gone".to_owned(), reason: "never confirmed by Twitch".to_owned() };
        let channels = ChannelsStatus { wanted: 40, joined: 37, pending: 2, unreachable: vec![gone], without_slot: 0 };
        let dropped = [("stale", 3), ("no_room", 1), ("empty", 0)].map(|(reason, count)| (reason.to_owned(), count));
        let total = ms(10_000);
        let waits = SpanStatus { count: 20, total, p50: Duration::from_micros(50), p99: ms(820), max: ms(2_540) };
        let mybot = AccountStatus {
            channels,
            dropped: dropped.into(),
            replies_waiting: 2,
            held_for: ms(30_000),
            waits,
            ..account("mybot")
        };
        let trouble = Some("no token: the environment variable TOKEN is not set".to_owned());
        let otherbot = AccountStatus { phase: Phase::NoToken, trouble, phase_for: ms(12_000), ..account("otherbot") };
        let mut status = status(vec![mybot, otherbot]);
        (status.modules[0].faults, status.queues.replies_waiting, status.log.lines_lost) = (4, 2, 5);
        status.modules[0].trouble = Some("it does not run".to_owned());
        status.modules.push(module("join", 1));
        let expected = "\
twitchy 1.2.3, up for 3d4h

account   state          for    channels  replies waiting
mybot     online         3h12m  37 of 40  2
otherbot  cannot log in  12s    1 of 1    0

cannot be joined  account  reason
gone              mybot    never confirmed by Twitch

queue            now        dropped
events waiting   0 of 4096
calls under way  0          0
replies waiting  2          0
log lines                   5

dropped   since the start
by mybot  1 no room, 3 stale

time taken                   count  p50    p99     longest
mybot: until a reply leaves  20     50 us  820 ms  2.5 s

module  version  broke
help    0.1.0    4 times
join    0.1.0    once

not well:
  account mybot: still joining 2 channels
  account mybot: held by Twitch for 30s as it sent too much
  account otherbot: cannot log in: no token: the environment variable TOKEN is not set
  module help: it does not run
";
        assert_eq!(report(&status), expected);
    }

    #[test]
    fn a_channel_that_cannot_be_joined_is_named_and_no_problem() {
        let unreachable = |names: &[&str]| {
            let channel =
                |name: &&str| UnreachableChannel { login: (*name).to_owned(), reason: "suspended".to_owned() };
            let unreachable = names.iter().map(channel).collect();
            let channels =
                ChannelsStatus { wanted: 3, joined: 3 - names.len(), unreachable, ..ChannelsStatus::default() };
            status(vec![AccountStatus { channels, ..account("mybot") }])
        };
        let one = unreachable(&["cafe"]);
        assert!(report(&one).ends_with("\nall is well, but 1 channel cannot be joined\n"), "{}", report(&one));
        let two = unreachable(&["cafe", "den"]);
        assert!(report(&two).ends_with("\nall is well, but 2 channels cannot be joined\n"), "{}", report(&two));
        assert_eq!(list_problems(&two), []);
    }

    #[test]
    fn what_cannot_be_written_or_loaded_is_a_problem_and_says_so_to_probes() {
        let mut status = status(vec![account("mybot")]);
        let reason = |text: &str| Some(text.to_owned());
        status.storage = StorageStatus {
            database: reason("database or disk is full"),
            components: reason("Read-only file system (os error 30)"),
            artefacts: reason("No space left on device (os error 28)"),
        };
        let unloadable = |name: &str, reason: &str, is_hosts_fault| UnloadableStatus {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            reason: reason.to_owned(),
            is_hosts_fault,
        };
        status.unloadable = vec![
            unloadable("dice", "component 0a is not there", true),
            unloadable("slow", "compiling the module takes too long", false),
        ];
        let problems = list_problems(&status);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let advice = "make room on the disk of data_dir, or make it writable: the host tries again by itself";
        let expected = [
            format!("database: changes cannot be written: database or disk is full; {advice}"),
            format!("modules: uploads cannot be kept: Read-only file system (os error 30); {advice}"),
            "compiled modules: they cannot be kept: No space left on device (os error 28); modules run all the same, and \
             are compiled anew by the next start"
                .to_owned(),
            "module dice 1.0.0: cannot be loaded: component 0a is not there; upload this version again, or withdraw it"
                .to_owned(),
            "module slow 1.0.0: cannot be loaded: compiling the module takes too long; upload this version again, or \
             withdraw it"
                .to_owned(),
        ];
        assert_eq!(shown, expected);
        let unready: Vec<_> = problems.iter().map(|problem| problem.unready.as_deref()).collect();
        let sentences = [
            Some("Changes cannot be written."),
            Some("Uploads cannot be kept."),
            None,
            Some("It cannot be loaded."),
            None,
        ];
        assert_eq!(unready, sentences);
        assert!(report(&status).contains("\nnot well:\n  database: changes cannot be written"), "{}", report(&status));
    }

    #[test]
    fn what_was_lost_to_the_limits_is_not_well_and_the_cure_is_named() {
        let lost =
            |channel: &str, is_privileged, replies| LostStatus { channel: channel.to_owned(), is_privileged, replies };
        let mybot = AccountStatus {
            lost_to_limits: vec![lost("cafe", false, 3), lost("shop", true, 60), lost("bakery", false, 1)],
            lost_to_limits_in_all: 64,
            slowed_for: vec!["cafe".to_owned(), "bakery".to_owned()],
            ..account("mybot")
        };
        let report = report(&status(vec![mybot]));
        for line in [
            "mybot                      channels where the bot is moderator or VIP are slowed, as it is neither in cafe, bakery",
            "  account mybot: 4 replies were lost to Twitch's limits, the last one within 5 minutes, in cafe, bakery: make the bot a \
             moderator there, or let another bot account sit there",
            "  account mybot: 60 replies were lost to Twitch's limits, the last one within 5 minutes, in shop: let another bot account \
             sit there",
        ] {
            assert!(report.lines().any(|found| found == line), "{line} is not in\n{report}");
        }
        assert!(!report.contains("all is well"));
    }

    #[test]
    fn what_is_asked_for_as_json_reads_back() {
        let status = status(vec![account("mybot")]);
        let json = serde_json::to_string(&status).unwrap();
        assert!(json.contains(r#""phase":"online","phase_seconds":11525.0,"trouble":null"#), "{json}");
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }
}
