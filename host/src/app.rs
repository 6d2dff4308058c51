//! The host as a whole: creates all long-lived parts once, connects them, and stops them.
//!
//! Guarantees: long-lived tasks are started only here; a task that ends unexpectedly is reported ([`App::ended`]);
//! [`App::stop`] loses nothing acknowledged, and no reply that can still be sent. Not here: what the parts do, and
//! where configuration and signals come from.
//!
//! # Status and orders
//!
//! Accounts and dispatch publish their state, and wait for no reader. `status` makes one snapshot of it, which `status.sock` in the data
//! folder (`status_socket`) hands out as JSON. `status/line` logs what changes for an operator. `status/problems` is the one list of
//! what is not well: the exit code of `twitchy status` and `/readyz` follow from it. `status/shortage` says which channels lost what to
//! Twitch's limits, and the cure. After a failed write, `trials` writes something small until that works.
//!
//! The socket takes orders as well, from the host's own system user and root (`orders`): make and revoke keys, list channels. These have
//! to work before there is a key; all else is the API's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::chat::worker::run_dispatch;
use crate::config::{AccountConfig, ChannelsConfig, Config, HttpConfig, environment};
use crate::domain::id::Login;
use crate::domain::message::{Event, WantedChannel};
use crate::domain::ports::{Clock, Credentials};
use crate::http::entropy::SystemEntropy;
use crate::http::state::{Api, Host};
use crate::http::{build_router, serve};
use crate::joining::JoinPolicy;
use crate::net::server::Server;
use crate::setup::defaults::NewChannelRules;
use crate::store::host::audit::AuditRetention;
use crate::telemetry::log_queue::LostLines;
use crate::telemetry::otlp::Exporter;
use crate::telemetry::reading::Readings;
use crate::twitch::account::Shared;
use crate::twitch::accounts::Accounts;

mod accounts;
mod chat_thread;
pub mod check;
pub mod credentials;
pub mod data_dir;
mod http;
mod learn;
pub mod modules;
mod older_files;
pub mod orders;
mod parts;
pub mod quiet;
pub mod status;
pub mod status_socket;
mod tasks;
mod trials;
pub mod uid;
mod used_limits;
mod wanted;

use accounts::{Roster, StoredIds, run_status_lines};
use chat_thread::ChatThread;
use data_dir::open_store;
use orders::Orders;
use parts::Foundation;
use status::Observer;
use status::readings::list_readings;
use status_socket::StatusSocket;
use tasks::Tasks;
use wanted::Wanted;

/// Events that wait for dispatch. A full queue stops the connections' reading, and then they drop the newest events.
const EVENTS: usize = 4096;
/// How long waiting replies may delay the end.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// Dependencies that the operator cannot configure, and that differ between the bot, the demo and tests.
pub struct Dependencies {
    pub clock: Arc<dyn Clock>,
    pub credentials: Arc<dyn Credentials>,
    pub new_channels: NewChannelRules,
    pub join_policy: JoinPolicy,
    /// Whether Twitch's counts outlive a restart of the host. The demo's Twitch restarts with the host.
    pub twitch_counts_on: bool,
    /// For files that can be made again.
    pub cache_dir: PathBuf,
    /// The lost lines of the process's log.
    pub lost_log_lines: LostLines,
}

/// The running host.
pub struct App {
    pub host: Host,
    started_at: Instant,
    accounts: Arc<Accounts>,
    roster: Roster,
    wanted: Arc<Wanted>,
    lost_log_lines: LostLines,
    /// Answers requests; ends first.
    serving: Tasks,
    /// The address of the API.
    address: Option<SocketAddr>,
    /// Answers messages; ends second.
    answering: Tasks,
    /// The connections; they end when the last reply has been sent.
    connected: Tasks,
    /// Reports the host's state as long as there are connections.
    reporting: Tasks,
    /// Tasks that end with the store.
    storing: Tasks,
    /// The thread of `answering` and of the accounts' connections.
    chat_thread: ChatThread,
}

impl App {
    /// # Errors
    /// For the operator to read: about the folder, the database, the engine or a bundled module.
    pub async fn start(config: Config, dependencies: Dependencies) -> anyhow::Result<App> {
        let Dependencies { clock, credentials, new_channels, join_policy, twitch_counts_on, cache_dir, lost_log_lines } =
            dependencies;
        let server = Server::new(config.twitch.irc_server.clone(), environment::find_authorities())
            .context("cannot speak TLS")?;
        let store = Arc::new(open_store(&config.data_dir, clock.clone())?);
        store.set_audit_retention(AuditRetention { changes: config.audit.keep, calls: config.audit.keep_calls });
        let listening = http::listen(&config.http).await?;
        let foundation = Foundation { store, clock, new_channels, join_policy, cache_dir };
        let (host, exporter) = foundation.build(&config).await?;
        let Host { store, setup, dispatch, .. } = &host;
        let changes = store.host.wanted_changes();
        let listed = store.host.list_wanted().await.context("cannot tell which channels are wanted")?;
        warn_of_orphans(&listed, &config.accounts);
        warn_of_left(&listed, &config.channels);
        let wanted = Arc::new(Wanted::new(store.clone(), setup.clone()));
        let (events, events_out) = mpsc::channel(EVENTS);
        let ids = Arc::new(StoredIds { store: store.clone(), setup: setup.clone() });
        let (own_messages, limits, drain_within) = (Arc::default(), config.limits.clone(), DRAIN_WITHIN);
        let shared = Shared { credentials, ids, events, own_messages, limits, drain_within };
        let chat_thread = ChatThread::start().context("cannot start the thread of chat")?;
        let accounts = Arc::new(Accounts::new(shared, chat_thread.runtime().clone()));
        let (prefixes, tally, limits) = (setup.clone(), dispatch.tally(), config.limits.clone());
        let roster =
            Roster { store: store.clone(), wanted: wanted.clone(), prefixes, tally, server, limits, twitch_counts_on };
        let mut app = App {
            host,
            started_at: Instant::now(),
            accounts,
            roster,
            wanted,
            lost_log_lines,
            serving: Tasks::default(),
            address: None,
            answering: Tasks::default(),
            connected: Tasks::default(),
            reporting: Tasks::default(),
            storing: Tasks::default(),
            chat_thread,
        };
        app.start_keeping(changes);
        // Opened before the accounts log anything: a reader of those lines may ask for the status at once.
        // A host whose status cannot be asked for still answers chat.
        let socket = StatusSocket::open(&config.data_dir)
            .inspect_err(|error| warn!(%error, "`twitchy status` will not find this host"))
            .ok();
        app.start_accounts(&config.accounts).await.context("cannot add the accounts")?;
        app.start_answering(events_out);
        app.start_exporting(exporter);
        if let Some(listening) = listening {
            app.start_serving(config.http, listening);
        }
        app.start_status_socket(socket);
        let (accounts, channels) = (app.accounts.list().len(), listed.len());
        info!(accounts, channels, modules = app.host.setup.catalogue().count(), "ready; now the accounts connect");
        Ok(app)
    }

    fn start_keeping(&mut self, changes: broadcast::Receiver<Login>) {
        self.storing.start("wanted channels", self.wanted.clone().run(changes));
        let store = self.host.store.clone();
        self.storing.start("store", async move { store.stopped().await });
        self.storing.start("trials", trials::run_trials(self.host.store.clone(), self.host.sandbox.clone()));
    }

    async fn start_accounts(&mut self, accounts: &[AccountConfig]) -> anyhow::Result<()> {
        self.roster.add(&self.accounts, accounts).await?;
        self.connected.start("accounts", self.accounts.clone().run(self.connected.stop.clone()));
        let lines = run_status_lines(self.accounts.clone(), self.host.telemetry.clone(), self.reporting.stop.clone());
        self.reporting.start("status lines", lines);
        Ok(())
    }

    fn start_answering(&mut self, events: mpsc::Receiver<Event>) {
        let setup = self.host.setup.clone();
        let learn = move |event| learn::learn(setup.clone(), event);
        let (dispatch, outboxes, stop) =
            (self.host.dispatch.clone(), self.accounts.clone(), self.answering.stop.clone());
        let answering = run_dispatch(dispatch, events, outboxes, learn, stop);
        self.answering.start_on(self.chat_thread.runtime(), "dispatch", answering);
    }

    fn start_exporting(&mut self, exporter: Option<Exporter>) {
        let Some(exporter) = exporter else { return };
        let telemetry = self.host.telemetry.clone();
        let note = move |fate, traces| telemetry.metrics.note_traces(fate, traces);
        self.reporting.start("traces", exporter.run(note, self.reporting.stop.clone()));
    }

    fn start_status_socket(&mut self, socket: Option<StatusSocket>) {
        let Some(socket) = socket else { return };
        let orders = Orders { observer: self.observer(), api: self.address };
        let answering = socket.run(Arc::new(orders), self.reporting.stop.clone());
        self.reporting.start("status socket", answering);
    }

    /// Reads this host's metrics whenever they are requested.
    pub fn readings(&self) -> Readings {
        let observer = self.observer();
        Arc::new(move || list_readings(&observer))
    }

    fn observer(&self) -> Observer {
        Observer {
            started_at: self.started_at,
            accounts: self.accounts.clone(),
            host: self.host.clone(),
            events_capacity: EVENTS,
            lost_log_lines: self.lost_log_lines.clone(),
        }
    }

    fn start_serving(&mut self, config: HttpConfig, (listener, address): (TcpListener, SocketAddr)) {
        let (host, stop) = (self.host.clone(), self.serving.stop.clone());
        let observer = self.observer();
        let readiness = Box::new(move || http::list_unready(&observer));
        let api = Api::new(host, config.clone(), readiness, Box::new(SystemEntropy), self.readings(), stop);
        let router = build_router(api);
        self.serving.start("http", serve(listener, router, config, self.serving.stop.clone()));
        self.address = Some(address);
        info!("the API answers at http://{address}; its documentation is at http://{address}/api/docs");
    }

    /// The address of the API; `None` if it is off.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Lines, events and replies that were lost or refused since the start, by reason, summed over all accounts.
    pub fn list_losses(&self) -> BTreeMap<&'static str, u64> {
        let mut losses = BTreeMap::new();
        for account in self.accounts.list().iter() {
            for (reason, count) in account.states.borrow().counts.list() {
                *losses.entry(reason).or_default() += count;
            }
        }
        losses
    }

    /// Returns the name of a task that ended unexpectedly. [`App::stop`] must follow.
    pub async fn ended(&mut self) -> String {
        tokio::select! {
            name = self.serving.next_end() => name,
            name = self.answering.next_end() => name,
            name = self.connected.next_end() => name,
            name = self.reporting.next_end() => name,
            name = self.storing.next_end() => name,
        }
    }

    /// Stops everything, in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        info!("stopping: no more requests and messages are read");
        self.serving.stop.cancel();
        self.answering.stop.cancel();
        self.serving.finish().await;
        self.answering.finish().await;
        info!("all commands have ended; sending what waits");
        self.connected.stop.cancel();
        self.connected.finish().await;
        self.accounts.finish().await;
        self.roster.save_uses(&self.accounts).await;
        self.reporting.stop.cancel();
        self.reporting.finish().await;
        self.host.sandbox.shut_down().await;
        self.host.store.close().await.context("cannot close the database")?;
        // Aborts the trials. The other tasks wait for the store and its changes, so they have ended with it.
        drop(self.storing);
        info!("stopped");
        Ok(())
    }
}

/// Warns of configured channels that the bot has left. The operator would otherwise look for a mistake in the file.
fn warn_of_left(wanted: &[WantedChannel], channels: &ChannelsConfig) {
    let is_wanted = |login: &Login| wanted.iter().any(|channel| channel.login == *login);
    for seed in channels.join.iter().filter(|seed| !is_wanted(&seed.login)) {
        warn!(channel = %seed.login, "a configured channel stays left: its broadcaster sent the bot away with !leave");
    }
}

/// Warns of channels whose account is no longer configured, so that no account joins them.
fn warn_of_orphans(wanted: &[WantedChannel], accounts: &[AccountConfig]) {
    let is_ours = |login: &Login| accounts.iter().any(|account| account.login == *login);
    for channel in wanted.iter().filter(|channel| !is_ours(&channel.account.login)) {
        warn!(channel = %channel.login, account = %channel.account.login, "the account of a channel is not configured");
    }
}
