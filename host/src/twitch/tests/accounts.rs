//! Accounts that are added and removed while the host runs.

use super::*;
use crate::twitch::accounts::{Accounts, RunningAccount};

/// A host without accounts, and a Twitch with the accounts `first` (id 1) and `second` (id 2).
struct Host {
    twitch: FakeTwitch,
    accounts: Arc<Accounts>,
    wanted: watch::Sender<Arc<[WantedChannel]>>,
    ids: Ids,
    _events: mpsc::Receiver<Event>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Host {
    fn start() -> Host {
        let twitch = FakeTwitch::new(&Settings::default());
        twitch.add_account("first", "1", "secret");
        twitch.add_account("second", "2", "secret");
        let wanted = watch::Sender::new(Vec::new().into());
        let (events, events_receiver) = mpsc::channel(1_000);
        let ids = Ids::default();
        let shared = Shared {
            credentials: Arc::new(Token(Arc::new(Mutex::new(Ok("secret".to_owned()))), Arc::default())),
            ids: Arc::new(ids.clone()),
            events,
            own_messages: Arc::default(),
            limits: LimitsConfig::default(),
            drain_within: Duration::from_secs(10),
        };
        let accounts = Arc::new(Accounts::new(shared, tokio::runtime::Handle::current()));
        let stop = CancellationToken::new();
        let task = tokio::spawn(accounts.clone().run(stop.clone()));
        Host { twitch, accounts, wanted, ids, _events: events_receiver, stop, task }
    }

    fn add(&self, bot: BotAccount) -> bool {
        let (twitch, limits) = (self.twitch.clone(), LimitsConfig::default());
        let dial = move || {
            let stream = twitch.connect();
            async move { Ok(stream) }
        };
        let session = Session::new(dial, Arc::new(KnownPrefixes::default()), Arc::default(), &limits);
        let (unshared, wanted) = (Arc::new(Unshared), self.wanted.subscribe());
        self.accounts.add(bot, UsedLimits::default(), unshared, wanted, Box::new(session)).is_ok()
    }

    /// Adds channels and wants them, each with the account that is to join it.
    fn want(&self, channels: &[(&str, &BotAccount)]) {
        let want = |(name, account): &(&str, &BotAccount)| {
            let id = Some(self.twitch.add_channel(name).parse().unwrap());
            WantedChannel { id, login: login(name), account: (*account).clone() }
        };
        self.wanted.send_replace(channels.iter().map(want).collect());
    }

    async fn until(&self, account: &str, holds: impl FnMut(&AccountState) -> bool) -> AccountState {
        let is_it = |listed: &&RunningAccount| listed.login == login(account);
        let mut states = self.accounts.list().iter().find(is_it).unwrap().states.clone();
        let state = timeout(Duration::from_secs(60 * 60), states.wait_for(holds)).await;
        state.expect("the state within an hour").unwrap().clone()
    }

    fn say(&self, account: u64, channel: &str, text: &str) -> bool {
        let message = OutgoingMessage {
            account: AccountId(account),
            channel_id: self.twitch.user_id(channel).parse().unwrap(),
            channel_login: login(channel),
            reply: Reply::Say(text.into()),
            source: ReplySource::Module("help".parse().unwrap()),
            reply_to: None,
            role: Role::Everyone,
            asked_at: Instant::now().into_std(),
            trace: Trace::default(),
        };
        self.accounts.outbox(AccountId(account)).is_some_and(|outbox| outbox.try_send(message).is_ok())
    }
}

fn nameless(login_text: &str) -> BotAccount {
    BotAccount { login: login(login_text), id: None }
}

#[tokio::test(start_paused = true)]
async fn accounts_are_added_and_removed_while_the_host_runs() {
    let host = Host::start();
    let (first, second) = (nameless("first"), nameless("second"));
    host.want(&[("shop", &first), ("cafe", &second)]);
    assert!(host.add(first.clone()) && !host.add(first.clone()), "nobody is there twice");
    host.until("first", |state| state.joined == 1).await;
    assert!(host.say(1, "shop", "hi") && !host.say(2, "cafe", "nobody is there yet"));
    assert!(host.add(second.clone()));
    host.until("second", |state| state.joined == 1).await;
    assert_eq!(*host.ids.learned.lock().unwrap(), [bot_named("first", 1), bot_named("second", 2)]);
    assert!(host.say(1, "shop", "bye") && host.say(2, "cafe", "hi"));
    let used = host.accounts.remove(&bot_named("first", 1)).await.expect("it was there");
    assert_eq!(used.messages, 2, "what waited was sent");
    assert_eq!((host.twitch.connected(), host.accounts.list().len()), (vec!["second".to_owned()], 1));
    assert!(!host.say(1, "shop", "gone") && host.say(2, "cafe", "still there"));
    assert_eq!(host.accounts.remove(&first).await, None);
    host.stop.cancel();
    host.task.await.unwrap();
    assert_eq!((texts(&host.twitch, "shop"), texts(&host.twitch, "cafe").len()), (vec!["hi".into(), "bye".into()], 2));
    assert_eq!(host.twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_paused_account_neither_joins_nor_sends() {
    let host = Host::start();
    let first = nameless("first");
    host.want(&[("shop", &first)]);
    assert!(host.add(first.clone()));
    host.until("first", |state| state.joined == 1).await;
    assert!(host.accounts.pause(&first) && !host.accounts.pause(&nameless("second")));
    host.until("first", |state| state.phase == Phase::Paused).await;
    host.twitch.until_connected(0).await;
    host.want(&[("shop", &first), ("cafe", &first)]);
    assert!(host.say(1, "shop", "stale"));
    let state = host.until("first", |state| state.counts.stale == 1).await;
    assert_eq!((state.phase, state.joined, host.twitch.connected().len()), (Phase::Paused, 0, 0));
    assert!(host.accounts.resume(&first));
    host.until("first", |state| state.joined == 2).await;
    assert!(host.say(1, "cafe", "back"));
    host.until("first", |state| state.settled == 2).await;
    assert_eq!((texts(&host.twitch, "shop").len(), texts(&host.twitch, "cafe")), (0, vec!["back".to_owned()]));
    assert!(host.accounts.pause(&first));
    host.stop.cancel();
    host.task.await.unwrap();
    assert_eq!(host.twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_recycled_login_does_not_get_the_channels_of_the_account_that_had_it() {
    let host = Host::start();
    let former = bot_named("first", 5);
    *host.ids.answer.lock().unwrap() = Some(Ok(former.id));
    host.want(&[("shop", &former)]);
    assert!(host.add(former.clone()));
    let state = host.until("first", |state| state.phase == Phase::Online).await;
    assert_eq!((state.id, state.former, state.wanted), (Some(AccountId(1)), former.id, 0));
    assert!(host.accounts.outbox(AccountId(5)).is_none() && host.accounts.outbox(AccountId(1)).is_some());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!host.twitch.is_joined("first", "shop"));
    host.want(&[("cafe", &bot_named("first", 1))]);
    host.until("first", |state| state.joined == 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_joins_nothing_before_it_is_kept_who_it_is() {
    let host = Host::start();
    let first = nameless("first");
    *host.ids.answer.lock().unwrap() = Some(Err("no space left on device".to_owned()));
    host.want(&[("shop", &first)]);
    assert!(host.add(first.clone()));
    let state = host.until("first", |state| state.trouble.is_some()).await;
    let told = "cannot keep who the account is: no space left on device";
    assert_eq!((state.phase, state.trouble.as_deref()), (Phase::Connecting, Some(told)));
    assert!(!host.twitch.is_joined("first", "shop") && host.accounts.outbox(AccountId(1)).is_none());
    *host.ids.answer.lock().unwrap() = None;
    host.until("first", |state| state.joined == 1).await;
    *host.ids.answer.lock().unwrap() = Some(Err("once known it does not matter".to_owned()));
    host.twitch.drop_connections();
    host.until("first", |state| state.joined == 0).await;
    host.until("first", |state| state.joined == 1).await;
}
