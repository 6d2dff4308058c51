//! The snapshot as metrics. The parts keep the counts; none is kept twice.

use super::{AccountStatus, Observer, Status};
use crate::admission::SlotUse;
use crate::sandbox::compile::registry::counts::RegistryCounts;
use crate::telemetry::reading::Reading;
use crate::twitch::account::state::Phase;

const PHASES: [Phase; 6] =
    [Phase::Connecting, Phase::Online, Phase::NoToken, Phase::Refused, Phase::Paused, Phase::Stopped];

pub(in crate::app) fn list_readings(observer: &Observer) -> Vec<Reading> {
    let mut readings = read_status(&observer.observe());
    readings.extend(read_slots(&observer.host.sandbox.list_slots()));
    readings.extend(read_registry(&observer.host.sandbox.registry_counts()));
    readings
}

fn read_status(status: &Status) -> Vec<Reading> {
    let version = Reading::level("host_version", "The version of this host, as a label");
    let uptime = Reading::level("uptime_seconds", "Since the start of the host");
    let mut readings =
        vec![version.with(&[("version", &status.version)], 1.0), uptime.with(&[], status.uptime.as_secs_f64())];
    readings.extend(read_accounts(status));
    readings.extend(read_queues(status));
    let lost = Reading::count("log_lines_lost", "Lines of the process's log that standard error did not take");
    readings.push(lost.with(&[], status.log.lines_lost as f64));
    readings
}

fn read_accounts(status: &Status) -> Vec<Reading> {
    let phases = |account: &AccountStatus| {
        let is_in = |phase| f64::from(u8::from(account.phase == phase));
        PHASES.map(|phase| (Some(("phase", phase.as_str().to_owned())), is_in(phase))).to_vec()
    };
    let channels = |account: &AccountStatus| {
        let channels = &account.channels;
        let states = [
            ("wanted", channels.wanted),
            ("joined", channels.joined),
            ("pending", channels.pending),
            ("unreachable", channels.unreachable.len()),
            ("without_place", channels.without_slot),
        ];
        states.map(|(state, count)| (Some(("state", state.to_owned())), count as f64)).to_vec()
    };
    let dropped = |account: &AccountStatus| {
        account.dropped.iter().map(|(reason, count)| (Some(("reason", reason.clone())), *count as f64)).collect()
    };
    let level =
        |name, help, read: &dyn Fn(&AccountStatus) -> Values| read_each(status, Reading::level(name, help), read);
    let count =
        |name, help, read: &dyn Fn(&AccountStatus) -> Values| read_each(status, Reading::count(name, help), read);
    vec![
        level("account_phase", "1 for the phase that the account is in", &phases),
        level("account_channels", "Channels by how it is with them; all of them are wanted", &channels),
        level("account_replies_waiting", "Replies in the outbox", &|account| one(account.replies_waiting as f64)),
        level("account_held_seconds", "For how long Twitch wants nothing from it", &|account| {
            one(account.held_for.as_secs_f64())
        }),
        count("account_dropped", "Lines, events and replies that were lost or refused", &dropped),
        count(
            "account_replies_lost_to_limits",
            "Replies that Twitch's limits left no room for in time: make the bot a moderator there, or let another account sit there",
            &|account| one(account.lost_to_limits_in_all as f64),
        ),
        level(
            "account_slowed_for_channels",
            "Channels without privileges for which messages to privileged ones are slowed; being a moderator there ends it",
            &|account| one(account.slowed_for.len() as f64),
        ),
        count("account_replies_departed", "Replies that left", &|account| one(account.waits.count as f64)),
        count("account_reply_wait_seconds", "How long they waited for it", &|account| {
            one(account.waits.total.as_secs_f64())
        }),
        count(
            "account_deliveries",
            "Replies that Twitch acknowledged",
            &|account| one(account.deliveries.count as f64),
        ),
        count("account_delivery_seconds", "How long that took", &|account| one(account.deliveries.total.as_secs_f64())),
    ]
}

fn read_each(status: &Status, reading: Reading, read: &dyn Fn(&AccountStatus) -> Values) -> Reading {
    status.accounts.iter().fold(reading, |reading, account| {
        read(account).into_iter().fold(reading, |reading, (label, value)| {
            let label = label.as_ref().map(|(key, label)| (*key, label.as_str()));
            let labels: Vec<_> = [("account", account.login.as_str())].into_iter().chain(label).collect();
            reading.with(&labels, value)
        })
    })
}

fn read_queues(status: &Status) -> Vec<Reading> {
    let queues = &status.queues;
    let level = |name, help, value: u64| Reading::level(name, help).with(&[], value as f64);
    let count = |name, help, value: u64| Reading::count(name, help).with(&[], value as f64);
    vec![
        level("events_waiting", "Events that wait for dispatch", queues.events_waiting),
        level("events_capacity", "Events that may wait for dispatch", queues.events_capacity as u64),
        level("calls_under_way", "Events from which something may follow yet", queues.calls_outstanding),
        count("calls_dropped", "Calls not made, as there were too many", queues.calls_dropped),
        level("replies_waiting", "Replies on their way to an outbox, or in one", queues.replies_waiting),
        count("replies_dropped", "Replies that found no room on their way to an outbox", queues.replies_dropped),
    ]
}

/// The values, each with or without a label besides the account's.
type Values = Vec<(Option<(&'static str, String)>, f64)>;

fn one(value: f64) -> Values {
    vec![(None, value)]
}

fn read_slots(slots: &[SlotUse]) -> [Reading; 2] {
    let read = |reading, value: fn(&SlotUse) -> usize| {
        slots.iter().fold(reading, |reading: Reading, slots| {
            reading.with(&[("size", slots.size.as_str())], value(slots) as f64)
        })
    };
    [
        read(Reading::level("sandbox_slots", "Calls that may run at once"), |slots| slots.total),
        read(Reading::level("sandbox_slots_used", "Calls that run"), |slots| slots.used),
    ]
}

fn read_registry(counts: &RegistryCounts) -> [Reading; 6] {
    let refused = Reading::count("modules_refused", "Bytes that did not become a module, by the code of their refusal");
    let refused =
        counts.refused.iter().fold(refused, |refused, (code, times)| refused.with(&[("code", code)], *times as f64));
    [
        Reading::level("modules_offered", "Versions of modules that can be called").with(&[], counts.offered as f64),
        Reading::level("modules_loaded", "Uploaded ones whose machine code is in memory")
            .with(&[], counts.loaded as f64),
        Reading::count("module_hits", "Calls of uploaded modules that found it there").with(&[], counts.hits as f64),
        Reading::count("module_misses", "Calls of uploaded modules that waited for it").with(&[], counts.misses as f64),
        Reading::count("module_evictions", "Uploaded modules that made room").with(&[], counts.evictions as f64),
        refused,
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::manifest::SizeClass;
    use crate::telemetry::Telemetry;
    use crate::twitch::account::state::AccountState;

    #[test]
    fn an_account_is_read_with_its_phase_its_channels_and_what_it_lost() {
        let mut state =
            AccountState { phase: Phase::Online, wanted: 3, joined: 2, pending: 1, ..AccountState::default() };
        state.counts.stale = 4;
        state.shortage.lost_total = 3;
        state.shortage.slowed_for = ["cafe".parse().unwrap()].into();
        state.waits.note(Duration::from_millis(1_500));
        let status = Status {
            version: "1.2.3".to_owned(),
            uptime: Duration::from_secs(90),
            accounts: vec![AccountStatus::of(&"mybot".parse().unwrap(), &state)],
            queues: super::super::QueueStatus { events_waiting: 5, ..Default::default() },
            log: super::super::LogStatus { lines_lost: 6 },
            modules: Vec::new(),
            unloadable: Vec::new(),
            storage: super::super::StorageStatus::default(),
        };
        let mut readings = read_status(&status);
        let refused = [("module_invalid", 2)].into();
        readings.extend(read_registry(&RegistryCounts { offered: 7, misses: 8, refused, ..RegistryCounts::default() }));
        readings.extend(read_slots(&[SlotUse { size: SizeClass::Small, used: 3, total: 200 }]));
        let text = Telemetry::default().metrics.render(readings);
        for line in [
            "twitchy_host_version{version=\"1.2.3\"} 1.0",
            "twitchy_uptime_seconds 90.0",
            "twitchy_account_phase{account=\"mybot\",phase=\"online\"} 1.0",
            "twitchy_account_phase{account=\"mybot\",phase=\"connecting\"} 0.0",
            "twitchy_account_channels{account=\"mybot\",state=\"pending\"} 1.0",
            "twitchy_account_dropped_total{account=\"mybot\",reason=\"stale\"} 4.0",
            "twitchy_account_replies_lost_to_limits_total{account=\"mybot\"} 3.0",
            "twitchy_account_slowed_for_channels{account=\"mybot\"} 1.0",
            "twitchy_account_replies_departed_total{account=\"mybot\"} 1.0",
            "twitchy_account_reply_wait_seconds_total{account=\"mybot\"} 1.5",
            "twitchy_events_waiting 5.0",
            "twitchy_log_lines_lost_total 6.0",
            "twitchy_modules_offered 7.0",
            "twitchy_module_misses_total 8.0",
            "twitchy_modules_refused_total{code=\"module_invalid\"} 2.0",
            "twitchy_sandbox_slots_used{size=\"small\"} 3.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
