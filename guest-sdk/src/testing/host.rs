//! The host that a test makes, sets up, and calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::begin::{begin, invocation};
use super::calls::random::Random;
use super::calls::{settings, storage};
use super::decimal::{parse_units, show_units};
use super::open;
use super::value::check_value;
use super::world::{Call, Holder, Kept, World};
use crate::bindings::twitchy::command::balances::{Balance, BalanceError};
use crate::bindings::twitchy::command::channels::JoinError;
use crate::bindings::twitchy::command::coins::{CoinPrice, CoinSummary};
use crate::bindings::twitchy::command::http::{HttpError, Request, Response};
use crate::bindings::twitchy::command::log::Level;
use crate::bindings::twitchy::command::streams::LiveStream;
use crate::reply::LONGEST_REPLY;
use crate::{Channel, CommandError, Invocation, Module, ModuleInfo, Replies, Role, SettingKind};

/// Midnight of 1 January 2026, UTC.
const START_MS: u64 = 1_767_225_600_000;

/// A host in memory with one channel, `shop`, where the module `M` is on and everything is granted. Its broadcaster is
/// the chatter `shop`; whoever else writes for the first time has the role of everyone.
///
/// A mistake of the test (an unknown word, a value that a setting cannot have) panics with a sentence that names it.
/// So does what a host would end the call for, such as too many host calls.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use twitchy_sdk::balances::{Balance, BalanceError};
/// use twitchy_sdk::channels::{self, JoinError};
/// use twitchy_sdk::coins::{CoinPrice, CoinSummary};
/// use twitchy_sdk::testing::{Host, response};
/// use twitchy_sdk::{Amount, CommandError, CommandInfo, Invocation, Mention, Module, ModuleInfo, Replies, Role};
/// use twitchy_sdk::{SettingInfo, answer, balances, clock, coins, http, log, payments, random, storage, streams};
///
/// struct Tip;
///
/// impl Module for Tip {
///     fn info() -> ModuleInfo {
///         ModuleInfo::new("tip", "1.1.0", "gives points")
///             .command(CommandInfo::new("tip", "gives points").usage("@chatter"))
///             .setting(SettingInfo::integer("most", 1, 100, 5, "points"))
///             .setting(SettingInfo::secret("token", "the key of the API"))
///             .http_host("api.example.com")
///     }
///
///     fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
///         let whom: Mention = invocation.arguments().required("chatter")?;
///         let points = random::number(invocation.required_setting("most")?) + 1;
///         let points: Amount = twitchy_sdk::Argument::parse(&points.to_string()).unwrap();
///         let left = payments::transfer(&whom, &points)?;
///         log::info(&format!("{points} for {whom}"));
///         Ok(answer(format!("{whom} has {points}, you have {left}")))
///     }
/// }
///
/// let host = Host::<Tip>::new()
///     .chatter("bob", Role::Subscriber)
///     .display_name("bob", "ボブ")
///     .balance("alice", "10")
///     .setting("most", "20")
///     .prefix("?")
///     .random([2, 0]);
/// assert_eq!(host.call("alice", "?tip bob"), Ok(answer("bob has 3, you have 7")));
/// let reply = host.call_in_reply("bob", "@twitchy tip alice", ("alice", "hello"));
/// assert_eq!(reply, Ok(answer("alice has 1, you have 2")));
/// assert_eq!((host.balance_of("alice"), host.till()), ("8".to_owned(), "0".to_owned()));
/// assert_eq!(host.log()[0].1, "3 for bob");
///
/// // The host is there for any code that calls capabilities.
/// let host = Host::<Tip>::new()
///     .time(SystemTime::UNIX_EPOCH)
///     .entry("tips", "41")
///     .written_by("1.0.0")
///     .secret("token", "hunter2")
///     .web("https://api.example.com/dice", Ok(response(200, "4")))
///     .other_module(ModuleInfo::new("dice", "1.0.0", "rolls dice"))
///     .stream(None)
///     .join_error(JoinError::Waiting(3))
///     .seed(7);
/// host.advance(Duration::from_secs(90));
/// host.run(|| {
///     assert_eq!(clock::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(90));
///     assert_eq!(storage::add("tips", 1), Ok(42));
///     assert_eq!(http::get("https://api.example.com/dice").unwrap().text(), "4");
///     assert_eq!(streams::find_current(), Ok(None));
///     assert_eq!(channels::request_join(), Err(JoinError::Waiting(3)));
/// });
/// assert_eq!(host.requests()[0].url, "https://api.example.com/dice");
///
/// // A channel may have another currency, or an outside provider of balances and coins.
/// assert_eq!(Host::<Tip>::new().currency("coins", 2).balance("alice", "2.50").balance_of("alice"), "2.5");
/// let price = CoinPrice { symbol: "ABC".to_owned(), in_usd: "1.20".to_owned(), in_rly: None };
/// let summary = CoinSummary { supporters: 3, transactions: 7, volume: "9".to_owned(), coins: "100".to_owned() };
/// let host = Host::<Tip>::new()
///     .provider(|login| match login {
///         "alice" => Ok(vec![Balance { currency: "ABC".to_owned(), amount: "3".to_owned(), estimated_usd: None }]),
///         _ => Err(BalanceError::UnknownChatter),
///     })
///     .coin(price, summary)
///     .chatter("alice", Role::Everyone);
/// assert_eq!(host.run(|| balances::find("alice")).unwrap()[0].amount, "3");
/// assert_eq!(host.run(|| coins::price("abc")).unwrap().in_usd, "1.20");
/// ```
pub struct Host<M> {
    world: Rc<RefCell<World>>,
    module: PhantomData<fn() -> M>,
}

impl<M: Module> Default for Host<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Module> Host<M> {
    /// A host that knows what the module's `info` declares. Settings have their defaults, the store is empty, it is
    /// midnight of 1 January 2026 (UTC), and random numbers are the same in each run of the test.
    pub fn new() -> Self {
        let world = World {
            module: ModuleInfo::new("", "", ""),
            channel: Channel { id: "1".to_owned(), login: "shop".to_owned(), display_name: "Shop".to_owned() },
            bot: "twitchy".to_owned(),
            now: START_MS,
            chatters: Vec::new(),
            currency: ("points".to_owned(), 0),
            provider: None,
            coins: Vec::new(),
            stream: None,
            join_error: None,
            secrets: BTreeMap::new(),
            web: BTreeMap::new(),
            random: Random::default(),
            kept: Kept { prefix: "!".to_owned(), ..Kept::default() },
            committed: Kept::default(),
            call: None,
            log: Vec::new(),
            requests: Vec::new(),
        };
        let host = Self { world: Rc::new(RefCell::new(world)), module: PhantomData };
        let info = open::within(&host.world, M::info);
        host.world.borrow_mut().module = info;
        host.world.borrow_mut().chatter("shop");
        host
    }

    fn with(self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world.borrow_mut());
        self
    }

    /// Makes a chatter known, with a role: `.chatter("carol", Role::Moderator)`.
    #[must_use]
    pub fn chatter(self, login: &str, role: Role) -> Self {
        self.with(|world| world.chatter(login).role = role)
    }

    /// Gives a chatter a display name: `.display_name("arisu", "アリス")`.
    #[must_use]
    pub fn display_name(self, login: &str, name: &str) -> Self {
        self.with(|world| name.clone_into(&mut world.chatter(login).display_name))
    }

    /// Gives a chatter currency: `.balance("alice", "120")`. Without it, chatters have 0.
    #[must_use]
    pub fn balance(self, login: &str, amount: &str) -> Self {
        self.with(|world| {
            let units = parse_units(amount, world.currency.1).filter(|units| *units >= 0);
            let units = units.unwrap_or_else(|| panic!("{amount:?} is no amount of {}", world.currency.0));
            let id = world.chatter(login).id.clone();
            world.kept.accounts.insert(Holder::Chatter(id), units);
        })
    }

    /// Names the channel's currency, and its digits after the decimal point. The default is `points`, in whole numbers.
    /// Comes before [`Host::balance`].
    #[must_use]
    pub fn currency(self, name: &str, decimals: u32) -> Self {
        assert!(decimals <= 18, "a currency has at most 18 digits after the decimal point");
        self.with(|world| world.currency = (name.to_owned(), decimals))
    }

    /// Lets an outside provider keep the balances. It gets a login. Payments are unavailable then.
    #[must_use]
    pub fn provider(self, find: impl Fn(&str) -> Result<Vec<Balance>, BalanceError> + 'static) -> Self {
        self.with(|world| world.provider = Some(Box::new(find)))
    }

    /// Makes a coin known to [`crate::coins`].
    #[must_use]
    pub fn coin(self, price: CoinPrice, summary: CoinSummary) -> Self {
        self.with(|world| world.coins.push((price, summary)))
    }

    /// Lets the host watch streams: `Some` is live, `None` is offline.
    #[must_use]
    pub fn stream(self, stream: Option<LiveStream>) -> Self {
        self.with(|world| world.stream = Some(stream))
    }

    /// Lets the bot refuse to join anybody.
    #[must_use]
    pub fn join_error(self, why: JoinError) -> Self {
        self.with(|world| world.join_error = Some(why))
    }

    /// Sets a setting of the module, as `!settings set` does. A chatter is given by login.
    #[must_use]
    pub fn setting(self, key: &str, value: &str) -> Self {
        self.with(|world| {
            let kind = world.setting_kind(key);
            let value = match kind {
                SettingKind::Chatter => format!("id:{}", world.chatter(value).id),
                _ => value.to_owned(),
            };
            let value = check_value(&kind, &value)
                .unwrap_or_else(|valid| panic!("the setting {key} cannot be {value:?}: it should be {valid}"));
            world.kept.settings.insert((world.module.name.clone(), key.to_owned()), value);
        })
    }

    /// Sets a secret setting, which [`crate::http`] inserts into headers.
    #[must_use]
    pub fn secret(self, key: &str, value: &str) -> Self {
        self.with(|world| {
            assert_eq!(world.setting_kind(key), SettingKind::Secret, "the setting {key} is no secret");
            world.secrets.insert(key.to_owned(), value.to_owned());
        })
    }

    /// Puts an entry into the module's store.
    #[must_use]
    pub fn entry(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.with(|world| {
            storage::save(world, key, value.as_ref())
                .unwrap_or_else(|error| panic!("the entry {key:?} cannot be saved: {error}"));
        })
    }

    /// States which version of the module wrote the store last.
    #[must_use]
    pub fn written_by(self, version: &str) -> Self {
        self.with(|world| world.kept.written_by = Some(version.to_owned()))
    }

    /// Sets what commands of the channel begin with. The default is `!`.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        assert!(settings::is_prefix(prefix), "{prefix:?} cannot be a prefix");
        self.with(|world| prefix.clone_into(&mut world.kept.prefix))
    }

    /// Adds another module that is on in the channel, for [`crate::commands`], [`crate::settings`] and
    /// [`crate::words`].
    #[must_use]
    pub fn other_module(self, info: ModuleInfo) -> Self {
        self.with(|world| world.kept.others.push((info, true)))
    }

    /// Sets the time.
    #[must_use]
    pub fn time(self, now: SystemTime) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).expect("a host's time is after 1970");
        self.with(|world| world.now = in_millis(since))
    }

    /// Gives the next random numbers, in order, as [`crate::random::number`] returns them. A die's six is 5.
    #[must_use]
    pub fn random(self, numbers: impl IntoIterator<Item = u64>) -> Self {
        self.with(|world| world.random.given.extend(numbers))
    }

    /// Begins another sequence of random numbers, to try a module with many.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.with(|world| world.random.seed = seed)
    }

    /// Sets up the answer to requests to an address: `.web("https://api.example.com/dice", Ok(response(200, "4")))`.
    /// A request to any other address of a granted host is unreachable, with an error that names the address.
    #[must_use]
    pub fn web(self, url: &str, answer: Result<Response, HttpError>) -> Self {
        self.with(|world| drop(world.web.insert(url.to_owned(), answer)))
    }

    /// A chatter types a message that calls a command: `host.call("alice", "!hug bob")`.
    ///
    /// # Errors
    /// What `respond` returned; its changes are undone then. A chatter whose role is too low is refused; in chat, the
    /// host does not answer.
    #[track_caller]
    pub fn call(&self, login: &str, message: &str) -> Result<Replies, CommandError> {
        self.answer(login, message, None)
    }

    /// Like [`Host::call`], in reply to a message of another chatter.
    ///
    /// # Errors
    /// As [`Host::call`].
    #[track_caller]
    pub fn call_in_reply(&self, login: &str, message: &str, to: (&str, &str)) -> Result<Replies, CommandError> {
        self.answer(login, message, Some(to))
    }

    #[track_caller]
    fn answer(&self, login: &str, message: &str, to: Option<(&str, &str)>) -> Result<Replies, CommandError> {
        let invocation = begin(&mut self.world.borrow_mut(), login, message, to)?;
        let result = self.transact(invocation.clone(), || M::respond(&invocation));
        if let Err(CommandError::Usage(text) | CommandError::Refused(text) | CommandError::Unavailable(text)) = &result
        {
            let is_short = text.chars().count() <= LONGEST_REPLY;
            assert!(is_short, "an error has at most {LONGEST_REPLY} characters: CommandError::refused shortens it");
        }
        result
    }

    /// Runs any code that calls capabilities, as a call of the broadcaster: to test a function, to prepare the store,
    /// or to look into it.
    ///
    /// ```
    /// # use twitchy_sdk::{CommandError, Invocation, Module, ModuleInfo, Replies};
    /// # struct Hug;
    /// # impl Module for Hug {
    /// #     fn info() -> ModuleInfo { ModuleInfo::new("hug", "0.1.0", "hugs") }
    /// #     fn respond(_: &Invocation) -> Result<Replies, CommandError> { Ok(Replies::none()) }
    /// # }
    /// use twitchy_sdk::{storage, testing::Host};
    ///
    /// let host = Host::<Hug>::new().entry("hugs", "41");
    /// assert_eq!(host.run(|| storage::add("hugs", 1)), Ok(42));
    /// ```
    pub fn run<T>(&self, body: impl FnOnce() -> T) -> T {
        let invocation = invocation(&mut self.world.borrow_mut(), "shop", None);
        self.transact(invocation, || Ok::<T, CommandError>(body())).unwrap_or_else(|_| unreachable!("it is `Ok`"))
    }

    /// Runs `body` as one call: its changes are kept if it returns `Ok`, and undone if it fails or panics.
    fn transact<T>(
        &self,
        invocation: Invocation,
        body: impl FnOnce() -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        {
            let mut world = self.world.borrow_mut();
            world.committed = world.kept.clone();
            world.call = Some(Call { invocation, host_calls: 0, log_lines: 0, web_requests: 0, web_bytes: 0 });
        }
        let result = catch_unwind(AssertUnwindSafe(|| open::within(&self.world, body)));
        let mut world = self.world.borrow_mut();
        world.call = None;
        if !matches!(result, Ok(Ok(_))) {
            world.kept = std::mem::take(&mut world.committed);
        } else if world.kept.entries != world.committed.entries {
            world.kept.written_by = Some(world.module.version.clone());
        }
        drop(world);
        result.unwrap_or_else(|panicked| resume_unwind(panicked))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.world.borrow_mut().now += in_millis(span);
    }

    /// What a chatter has of the channel's currency.
    pub fn balance_of(&self, login: &str) -> String {
        let mut world = self.world.borrow_mut();
        let id = world.chatter(login).id.clone();
        show_units(world.kept.accounts.get(&Holder::Chatter(id)).copied().unwrap_or_default(), world.currency.1)
    }

    /// What the channel took in, and has not paid out.
    pub fn till(&self) -> String {
        let world = self.world.borrow();
        show_units(world.kept.accounts.get(&Holder::Till).copied().unwrap_or_default(), world.currency.1)
    }

    /// All lines that the module logged, those of failed calls too.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.world.borrow().log.clone()
    }

    /// All requests that were sent, with secrets inserted, as the other server gets them.
    pub fn requests(&self) -> Vec<Request> {
        self.world.borrow().requests.clone()
    }
}

/// The contract's moments and spans are milliseconds.
fn in_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).expect("the span fits into 64 bits of milliseconds")
}
