//! Versions that change under load: every call gets one answer, by one of the versions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use semver::Version;
use serde_json::json;
use tests::guests;
use tokio::sync::watch;
use tokio::task::JoinSet;
use twitchy::chat::dispatch::call::HttpCall;
use twitchy::config::HttpConfig;
use twitchy::domain::id::MessageId;
use twitchy::domain::message::{ChatMessage, Reply};
use twitchy::domain::report::Outcome;
use twitchy::domain::role::Role;
use twitchy::modules::plan::Action;
use twitchy::modules::powers::Powers;
use twitchy::transcript::Heard;

use super::calls::{call, claiming};
use super::harness::{House, channel_id, header, login, message, patient};
use super::http::harness::Site;
use super::sandbox::bytes;

const MODULE: &str = "tells-version";
const CHANNELS: [&str; 3] = ["shop", "cafe", "market"];
const CALLERS_OF_CHANNEL: usize = 3;
const SWAPS: usize = 1_000;

/// A caller who calls again as soon as the answer is there.
struct Caller {
    channel: &'static str,
    name: String,
    is_in_chat: bool,
    /// The version that answered each call, and the number that it counted in the channel.
    answers: Vec<(Version, usize)>,
}

impl Caller {
    fn new(channel: &'static str, name: String, is_in_chat: bool) -> Caller {
        Caller { channel, name, is_in_chat, answers: Vec::new() }
    }

    /// Calls once, and fails unless exactly one reply comes.
    async fn ask(&mut self, house: &House) {
        let number = self.answers.len();
        let text = if self.is_in_chat {
            let id = format!("{}-{number}", self.name);
            let said = message(self.channel, Role::Everyone, &self.name, number, &format!("!{MODULE}"));
            let said = ChatMessage { id: MessageId(id.into()), ..said };
            match house.hear(said).await {
                Heard::Replies(replies) if replies.len() == 1 => replies[0].replace(&format!("@{} ", self.name), ""),
                other => panic!("call {number} of {} in chat: {other:?}", self.name),
            }
        } else {
            let call = claiming(&self.name, call(&format!("{}-{number}", self.name), MODULE, &[]));
            match house.dispatch.call(HttpCall { channel: channel_id(&login(self.channel)), ..call }).await {
                Ok(called) if called.outcome == Outcome::Answered => match &called.replies[..] {
                    [Reply::Answer(text)] => text.clone(),
                    other => panic!("call {number} of {} over HTTP: {other:?}", self.name),
                },
                other => panic!("call {number} of {} over HTTP: {other:?}", self.name),
            }
        };
        let parts = text.strip_prefix("version ").and_then(|rest| rest.split_once(" answers call "));
        let (version, count) = parts.unwrap_or_else(|| panic!("{text}"));
        self.answers.push((version.parse().unwrap(), count.parse().unwrap()));
    }
}

/// Opens a host with both versions; the module is on in each channel.
async fn open() -> Site {
    let headers = CHANNELS.map(|channel| header(channel, &[]));
    let house = House::open(&headers.each_ref(), patient()).await;
    let site = Site::of(house, HttpConfig::default()).await;
    let second = bytes::replaced(guests::TELLS_VERSION, b"0.1.0a guest", b"0.2.0a guest");
    let second = bytes::replaced(&second, b"version 0.1.0", b"version 0.2.0");
    for component in [guests::TELLS_VERSION.to_vec(), second] {
        let wasm = [("content-type", "application/wasm")];
        let pushed = site.send_body("POST /api/v1/modules", &site.operator, &wasm, Body::from(component)).await;
        assert_eq!(pushed.status, 201, "{}", pushed.show());
    }
    for channel in CHANNELS {
        let path = format!("PUT /api/v1/channels/{}/modules/{MODULE}", channel_id(&login(channel)));
        let body = json!({ "enabled": true, "grants": { "capabilities": ["storage"] } }).to_string();
        let put = site.send(&path, &site.operator, &[("if-match", "*")], &body).await;
        assert_eq!(put.status, 200, "{}", put.show());
    }
    site
}

/// Withdraws or restores the second version. Returns the version that is current afterwards.
async fn swap(house: &House, number: usize) -> Version {
    let (first, second) = (Version::new(0, 1, 0), Version::new(0, 2, 0));
    let (current, action) = match number.is_multiple_of(2) {
        true => (first, Action::Withdraw { version: second, is_forced: true }),
        false => (second.clone(), Action::Restore { version: second }),
    };
    let changed = house.versions.change(MODULE.parse().unwrap(), action, |_| true, Powers::Operator, house.stamp());
    changed.await.unwrap();
    current
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_changes_of_version_lose_no_call_and_answer_none_twice() {
    let site = Arc::new(open().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(CHANNELS.map(|_| watch::Sender::new(0_usize)));
    let mut load = JoinSet::new();
    for number in 0..CHANNELS.len() * CALLERS_OF_CHANNEL {
        let (site, is_over, answered) = (site.clone(), is_over.clone(), answered.clone());
        let channel = CHANNELS[number % CHANNELS.len()];
        load.spawn(async move {
            let mut caller = Caller::new(channel, format!("caller{number}"), number.is_multiple_of(2));
            while !is_over.load(Ordering::Relaxed) {
                caller.ask(&site.house).await;
                answered[number % CHANNELS.len()].send_modify(|count| *count += 1);
            }
            caller
        });
    }
    let mut callers = CHANNELS.map(|channel| Caller::new(channel, format!("swapper_{channel}"), true));
    for number in 0..SWAPS {
        // Even on a slow machine, two other calls are answered before the next change.
        let needed = 2 * (number / CHANNELS.len() + 1);
        let mut others = answered[number % CHANNELS.len()].subscribe();
        others.wait_for(|count| *count >= needed).await.unwrap();
        let current = swap(&site.house, number).await;
        // This call waits in the channel's queue like all others, so other callers have used each version too.
        let caller = &mut callers[number % CHANNELS.len()];
        caller.ask(&site.house).await;
        assert_eq!(caller.answers.last().unwrap().0, current, "after change {number} the next call is its version's");
    }
    is_over.store(true, Ordering::Relaxed);
    let callers: Vec<Caller> = load.join_all().await.into_iter().chain(callers).collect();

    for channel in CHANNELS {
        let answers = callers.iter().filter(|caller| caller.channel == channel).flat_map(|caller| &caller.answers);
        let mut counts: Vec<usize> = answers.clone().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        assert!(counts.iter().copied().eq(1..=counts.len()), "in {channel} each call counts once: {counts:?}");
        assert!(counts.len() > SWAPS / CHANNELS.len() * 2, "there was load: {} calls in {channel}", counts.len());
        let versions: BTreeSet<String> = answers.map(|(version, _)| version.to_string()).collect();
        assert!(versions.into_iter().eq(["0.1.0", "0.2.0"]));
    }
    let site = Arc::into_inner(site).expect("every caller has ended");
    site.close().await;
}
