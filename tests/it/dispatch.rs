//! The worker loop around dispatch: order of replies, full queues, and shutdown.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twitchy::chat::dispatch::call::{CallError, HttpCall};
use twitchy::chat::dispatch::outgoing::Progress;
use twitchy::chat::worker::run_dispatch;
use twitchy::domain::message::{ChatMessage, Event, OutgoingMessage, Reply};
use twitchy::domain::report::Outcome;
use twitchy::domain::role::Role;
use twitchy::sandbox::call::InvokeError;
use twitchy::transcript::Heard;

use super::calls::{call, claiming};
use super::harness::bots::bot;
use super::harness::{House, channel_id, login, message, patient};

/// A house whose worker loop runs.
struct Running {
    house: House,
    events: mpsc::Sender<Event>,
    outbox: mpsc::Receiver<OutgoingMessage>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(house: House, room: usize) -> Running {
        let (events, taken) = mpsc::channel(1024);
        let (outgoing, outbox) = mpsc::channel(room);
        let shutdown = CancellationToken::new();
        let setup = house.setup.clone();
        let learn = move |event| {
            let setup = setup.clone();
            async move {
                let Event::Joined { channel_id, channel_login, .. } = event else { return };
                setup.learn_channel(channel_id, &channel_login).await.expect("the store is sound");
            }
        };
        let outboxes = Arc::new(HashMap::from([(bot("twitchy").id.unwrap(), outgoing)]));
        let task = tokio::spawn(run_dispatch(house.dispatch.clone(), taken, outboxes, learn, shutdown.clone()));
        Running { house, events, outbox, shutdown, task }
    }

    async fn say(&self, message: ChatMessage) {
        self.events.send(Event::Message(Box::new(message))).await.expect("the loop runs");
    }

    /// Waits until `events` events are taken and their calls have ended.
    async fn settle(&self, events: u64) -> Progress {
        let mut progress = self.house.dispatch.progress();
        *progress.wait_for(|progress| progress.settled >= events).await.expect("the house stands")
    }

    /// Stops the loop, and returns all messages in the outbox.
    async fn stop(mut self) -> Vec<OutgoingMessage> {
        self.shutdown.cancel();
        self.task.await.expect("the loop ends in peace");
        self.house.close().await;
        let mut sent = Vec::new();
        while let Ok(message) = self.outbox.try_recv() {
            sent.push(message);
        }
        sent
    }
}

fn texts(sent: &[OutgoingMessage]) -> Vec<&str> {
    let replies = sent.iter().map(|message| &message.reply);
    replies.map(|(Reply::Say(text) | Reply::Answer(text) | Reply::Action(text))| text.as_str()).collect()
}

/// A message by a moderator, for whom no cooldown holds.
fn moderator(id: usize, text: &str) -> ChatMessage {
    message("shop", Role::Moderator, "carol", id, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channels_writing_calls_are_answered_in_the_order_of_arrival() {
    let running = Running::start(House::with_guests(&["counter"]).await, 100);
    for id in 1..=50 {
        running.say(moderator(id, "!count")).await;
    }
    let progress = running.settle(50).await;
    assert_eq!((progress.taken, progress.replies, progress.is_idle()), (50, 50, true));

    let sent = running.stop().await;

    let expected: Vec<String> = (1..=50).map(|count| format!("count is {count}")).collect();
    assert_eq!(texts(&sent), expected);
    let threads: Vec<String> = sent.iter().filter_map(|message| Some(message.reply_to.as_ref()?.to_string())).collect();
    assert_eq!(threads, (1..=50).map(|id| format!("message-{id}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_process_that_may_not_act_neither_commits_nor_answers() {
    let house = House::with_guests(&["counter"]).await;
    let silence = Heard::Nothing(Some("another process".to_owned()));
    // The tenure ends before the call, before its commit is requested, and before the commit is made.
    for questions in 0..3 {
        house.tenure.end_after(questions);
        assert_eq!(house.hear(moderator(questions, "!count")).await, silence, "after {questions} questions");
    }
    // A call that only reads gets no reply either.
    assert_eq!(house.hear(moderator(3, "!help")).await, silence);
    house.tenure.renew();
    assert_eq!(house.hear(moderator(4, "!count")).await, Heard::Replies(vec!["@carol count is 1".to_owned()]));
    house.close().await;
}

#[tokio::test]
async fn calls_under_way_are_answered_before_the_end() {
    let running = Running::start(House::with_guests(&["counter"]).await, 100);
    for id in 1..=20 {
        running.say(moderator(id, "!count")).await;
    }
    let mut progress = running.house.dispatch.progress();
    let taken = progress.wait_for(|progress| progress.taken >= 20).await.expect("the house stands").taken;
    assert_eq!(taken, 20);
    assert_eq!(running.stop().await.len(), 20);
}

#[tokio::test]
async fn a_channel_just_entered_is_known_to_its_first_message() {
    let running = Running::start(House::with_guests(&[]).await, 100);
    running.house.store.host.save_seed(login("newcomer"), login("twitchy")).await.expect("the store is open");
    let joined = Event::Joined {
        account: bot("twitchy"),
        channel_id: channel_id(&login("newcomer")),
        channel_login: login("newcomer"),
    };
    running.events.send(joined).await.expect("the loop runs");
    running.say(message("newcomer", Role::Everyone, "alice", 1, "!help")).await;
    running.settle(2).await;
    assert_eq!(texts(&running.stop().await), ["you can use !help; !help COMMAND tells more"]);
}

#[tokio::test]
async fn a_full_outbox_drops_the_newest_and_counts_it() {
    let running = Running::start(House::with_guests(&["echo"]).await, 1);
    running.say(moderator(1, "!echo one")).await;
    running.settle(1).await;
    running.say(moderator(2, "!echo two")).await;
    let progress = running.settle(2).await;
    assert_eq!((progress.replies, progress.replies_dropped), (1, 1));
    assert_eq!(texts(&running.stop().await), ["one"]);
}

#[tokio::test]
async fn a_channel_full_of_slow_calls_leaves_a_seat_to_its_neighbour() {
    let house = House::with_guests(&["loops-forever"]).await;
    let running = Running::start(house, 1000);
    for id in 1..=200 {
        running.say(moderator(id, "!loops-forever")).await;
    }
    // The calls do not end before all messages are taken, so those beyond the slots and the queue are dropped.
    let mut progress = running.house.dispatch.progress();
    progress.wait_for(|progress| progress.taken == 200).await.expect("the house stands");
    running.house.clock.step_processor(patient().cpu_budget);
    let progress = running.settle(200).await;
    running.house.clock.stop_processor();
    assert!(progress.calls_dropped > 0, "{progress:?}");
    running.say(moderator(201, "!balance")).await;
    running.settle(201).await;
    assert_eq!(texts(&running.stop().await).last(), Some(&"you have 0 points"));
}

#[tokio::test]
async fn what_is_answered_over_http_is_said_in_chat_where_it_is_asked_for() {
    let running = Running::start(House::with_guests(&["counter"]).await, 100);
    // The loop runs once it has taken a message.
    running.say(moderator(1, "!balance")).await;
    running.settle(1).await;
    let dispatch = running.house.dispatch.clone();
    for (id, is_delivered, is_dry_run) in
        [("a", false, false), ("b", true, true), ("c", true, false), ("c", true, false)]
    {
        let call = HttpCall { is_delivered, is_dry_run, ..call(id, "count", &[]) };
        let called = dispatch.call(call).await.unwrap();
        let is_first = is_delivered && !is_dry_run && called.outcome == Outcome::Answered;
        assert_eq!(called.queued, usize::from(is_first), "{id}");
    }
    assert_eq!(texts(&running.stop().await), ["you have 0 points", "@alice count is 2"]);
    let after = dispatch.call(HttpCall { is_delivered: true, ..call("d", "balance", &[]) }).await;
    assert!(matches!(after, Err(CallError::Broken(InvokeError::Host(_)))), "the house is closed: {after:?}");
}

#[tokio::test]
async fn what_an_account_that_never_logged_in_should_say_counts_as_dropped() {
    let running = Running::start(House::with_guests(&[]).await, 100);
    let (house, quiet) = (&running.house, login("quiet"));
    house.store.host.save_seed(quiet.clone(), login("newbot")).await.expect("the store is open");
    house.setup.learn_channel(channel_id(&quiet), &quiet).await.expect("the store is open");
    let call = HttpCall { channel: channel_id(&quiet), is_delivered: true, ..call("a", "help", &[]) };
    let called = house.dispatch.call(call).await.unwrap();
    assert_eq!((called.outcome, called.queued), (Outcome::Answered, 0));
    let progress = *house.dispatch.progress().borrow();
    assert_eq!((progress.replies, progress.replies_dropped), (0, 1));
    assert_eq!(running.stop().await, []);
}

#[tokio::test]
async fn a_full_house_is_busy_for_http_at_once() {
    let house = House::with_guests(&["loops-forever"]).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let dispatch = house.dispatch.clone();
        let call = claiming(&format!("chatter{number}"), call(&number.to_string(), "loops-forever", &[]));
        calls.spawn(async move { dispatch.call(call).await });
    }
    // No running call ends before this result, so it is the first refusal.
    let first = calls.join_next().await.unwrap().unwrap();
    assert_eq!(first, Err(CallError::Busy));
    house.clock.step_processor(patient().cpu_budget);
    calls.join_all().await;
    house.clock.stop_processor();
    assert!(house.dispatch.call(call("z", "balance", &[])).await.is_ok());
    house.close().await;
}

#[tokio::test]
async fn an_account_that_only_listens_here_is_silent() {
    let house = House::with_guests(&["echo"]).await;
    let overheard = ChatMessage { account: bot("other_bot").id.unwrap(), ..moderator(1, "!echo hi") };
    assert_eq!(house.hear(overheard).await, Heard::Nothing(Some("other account".to_owned())));
    // The message that this account ignored does not count as a duplicate for the channel's own bot.
    assert_eq!(house.hear(moderator(1, "!echo hi")).await, Heard::Replies(vec!["@carol hi".to_owned()]));
    house.close().await;
}

#[tokio::test]
async fn a_guests_faults_are_counted_against_its_module() {
    let house = House::with_guests(&["traps"]).await;
    for (id, name) in ["alice", "bob", "dan"].into_iter().enumerate() {
        house.hear(message("shop", Role::Everyone, name, id, "!traps")).await;
    }
    house.hear(moderator(4, "!balance")).await;
    let faults = house.dispatch.list_faults().into_iter().map(|(module, count)| (module.to_string(), count));
    assert_eq!(faults.collect::<Vec<_>>(), [("traps".to_owned(), 3)]);
    house.close().await;
}

#[tokio::test]
async fn our_own_fault_gives_the_cooldown_back_and_is_not_the_modules() {
    let house = House::with_guests(&["counter"]).await;
    house.store.close().await.expect("nothing is left to be written");
    let call = |id| message("shop", Role::Everyone, "alice", id, "!count");
    let apology = "@alice sorry, that didn't work; please try again in a moment";
    assert_eq!(house.hear(call(1)).await, Heard::Replies(vec![apology.to_owned()]));
    assert_eq!(house.hear(call(2)).await, Heard::Nothing(Some("apologised lately".to_owned())));
    assert!(house.dispatch.list_faults().is_empty());
    house.close().await;
}
