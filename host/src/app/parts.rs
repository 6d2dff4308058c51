//! Builds the [`Host`] of long-lived parts; starts no task.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tracing::{error, warn};

use super::modules;
use super::older_files;
use crate::balances::Balances;
use crate::chat::dispatch::Dispatch;
use crate::config::{ChannelsConfig, Config, SeedChannel, environment};
use crate::domain::account::BotAccount;
use crate::domain::id::Login;
use crate::domain::ports::Clock;
use crate::http::state::Host;
use crate::joining::{JoinPolicy, Joining};
use crate::modules::publish::Publisher;
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::sandbox::compile::compiler::CompilerProgram;
use crate::sandbox::compile::parts::CompileParts;
use crate::sandbox::web::client::WebClient;
use crate::sandbox::world::World;
use crate::setup::Setup;
use crate::setup::defaults::NewChannelRules;
use crate::store::Store;
use crate::store::host::components::Components;
use crate::telemetry::Telemetry;
use crate::telemetry::otlp::Exporter;
use crate::vault::secrets::StoredSecrets;
use crate::vault::{self, Sealer};

/// The parts on which all others are built.
pub(super) struct Foundation {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) new_channels: NewChannelRules,
    pub(super) join_policy: JoinPolicy,
    pub(super) cache_dir: PathBuf,
}

impl Foundation {
    /// Builds the host with all modules and channels loaded, and the exporter of traces if there is a collector.
    ///
    /// # Errors
    /// If the engine, a bundled or configured module, or the content of the store is at fault. The texts are for the
    /// operator.
    pub(super) async fn build(self, config: &Config) -> anyhow::Result<(Host, Option<Exporter>)> {
        let Foundation { store, clock, new_channels, join_policy, cache_dir } = self;
        let setup = Setup::new(store.clone(), new_channels);
        let setup = Arc::new(if config.sandbox.allow_large { setup } else { setup.without_large() });
        let headers = config.telemetry.otlp_headers_env.as_deref().and_then(environment::find_secret);
        let (telemetry, exporter) =
            Telemetry::open(&config.telemetry, headers.as_ref()).context("cannot send traces")?;
        let telemetry = Arc::new(telemetry);
        let marks =
            store.list_secret_marks(vault::MARK).await.context("cannot tell by which key secrets were sealed")?;
        let sealer = Arc::new(Sealer::new(&config.data_dir, &marks));
        if let Err(error) = sealer.check() {
            // The bot runs without the sealing key: only modules with a secret setting need it.
            error!(%error, "secret settings cannot be read or entered");
        }
        let world = World {
            store: store.clone(),
            setup: setup.clone(),
            joining: Joining::new(store.clone(), join_policy, config.limits.channels),
            balances: Balances::new(store.clone(), HashMap::new()),
            web: WebClient::system(&config.web),
            secrets: Arc::new(StoredSecrets::new(store.clone(), sealer.clone())),
            clock,
            limits: config.sandbox.clone(),
            telemetry,
            rehearsal: None,
        };
        let compile_parts = open_compile_parts(&config.data_dir, cache_dir)?;
        if store.is_new() {
            older_files::warn_of_older_files(&compile_parts.components, &config.data_dir);
        }
        let sandbox =
            Sandbox::start(&config.sandbox, compile_parts, Arc::new(world)).context("cannot start the sandbox")?;
        let sandbox = Arc::new(sandbox);
        modules::add_bundled(&sandbox, &setup).await?;
        for path in &config.modules.load {
            modules::add_configured(&sandbox, &setup, path).await?;
        }
        // Seeds come before the channels are loaded, because a seed may give a channel to another account.
        seed_channels(&store, &config.channels).await.context("cannot note the configured channels")?;
        setup.load_all().await.context("cannot load the channels")?;
        modules::warn_of_barred(&setup);
        let versions = Arc::new(Versions::new(store.clone(), setup.clone()));
        let components = sandbox.components().clone();
        let publisher = Publisher::new(store, versions.clone(), components, sandbox.clone());
        publisher.resume().await.context("cannot tell which modules were uploaded")?;
        let dispatch = Arc::new(Dispatch::new(sandbox.clone(), config.fuse.clone(), Some(versions.clone())));
        Ok((Host::new(sandbox, publisher, dispatch, versions, sealer), exporter))
    }
}

/// Uploaded components are stored beside the database.
fn open_compile_parts(data_dir: &Path, cache_dir: PathBuf) -> anyhow::Result<CompileParts> {
    let components = Components::open(&data_dir.join("modules")).context("cannot open the folder of modules")?;
    Ok(CompileParts { cache_dir, components: Arc::new(components), compiler: CompilerProgram::ThisProgram })
}

async fn seed_channels(store: &Store, channels: &ChannelsConfig) -> anyhow::Result<()> {
    let wanted = store.host.list_wanted().await?;
    let accounts: HashMap<&Login, &BotAccount> =
        wanted.iter().map(|channel| (&channel.login, &channel.account)).collect();
    for SeedChannel { login, account } in &channels.join {
        let now = store.host.find_bot(account).await?;
        if let Some(former) = accounts.get(login).filter(|former| former.login == now.login && !former.is(&now)) {
            let (id, former) = (now.id.map(|id| id.0), former.id.map(|id| id.0));
            warn!(channel = %login, %account, id, former, "Twitch has recycled an account's login: the configuration gives \
                this channel to the account that has it now");
        }
        store.host.save_seed(login.clone(), account.clone()).await?;
    }
    Ok(())
}
