//! The host without Twitch, in a temporary folder or a named one: for benches, tests, and the author's commands of `cli`.
//!
//! Guarantees: the parts are those of the running host, connected in the same way, and everything that a bench does not
//! vary is as in production. Not here: accounts, the API and every long-lived task.

pub mod clock;
pub mod provider;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::balances::Balances;
use crate::balances::provider::BalanceProvider;
use crate::config::{SandboxConfig, WebConfig};
use crate::domain::id::ChannelId;
use crate::domain::ports::{Clock, SoleProcess, Tenure};
use crate::joining::{JoinPolicy, Joining};
use crate::sandbox::Sandbox;
use crate::sandbox::compile::compiler::CompilerProgram;
use crate::sandbox::compile::parts::CompileParts;
use crate::sandbox::rehearsal::Rehearsal;
use crate::sandbox::run::error::StartSandboxError;
use crate::sandbox::web::client::WebClient;
use crate::sandbox::world::World;
use crate::setup::Setup;
use crate::setup::defaults::NewChannelRules;
use crate::store::host::components::Components;
use crate::store::{OpenStoreError, Store};
use crate::vault::Sealer;
use crate::vault::secrets::StoredSecrets;
use clock::ManualClock;

/// The parts that a bench can vary.
pub struct BenchOptions {
    pub clock: Arc<dyn Clock>,
    pub tenure: Arc<dyn Tenure>,
    pub limits: SandboxConfig,
    pub new_channels: NewChannelRules,
    pub join_policy: JoinPolicy,
    /// Most channels that an account may join.
    pub capacity: usize,
    /// Providers that keep these channels' balances in place of the ledger.
    pub outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>,
    pub web: WebClient,
    /// A folder to keep the host in, made if it is missing; `None`: a temporary one, deleted with the bench.
    pub folder: Option<PathBuf>,
    pub rehearsal: Option<Arc<Rehearsal>>,
}

/// A clock that stands still, production limits, and channels where all modules are on.
impl Default for BenchOptions {
    fn default() -> BenchOptions {
        BenchOptions {
            clock: Arc::<ManualClock>::default(),
            tenure: Arc::new(SoleProcess),
            limits: SandboxConfig::default(),
            new_channels: NewChannelRules::Everything,
            join_policy: JoinPolicy::Open,
            capacity: 100,
            outside: HashMap::new(),
            web: WebClient::system(&WebConfig::default()),
            folder: None,
            rehearsal: None,
        }
    }
}

/// The parts that answer modules' calls, without any module.
pub struct BenchHost {
    pub world: Arc<World>,
    pub sealer: Arc<Sealer>,
    pub folder: PathBuf,
    /// Deletes the folder, unless it is to be kept.
    _temporary: Option<TempDir>,
}

impl BenchHost {
    /// Opens the store, empty unless the folder has been used before.
    ///
    /// # Errors
    /// If the database cannot be created, or another process has it open.
    pub fn open(options: BenchOptions) -> Result<BenchHost, OpenStoreError> {
        let BenchOptions { clock, tenure, limits, new_channels, join_policy, capacity, outside, web, .. } = options;
        let temporary = options.folder.is_none().then(quick_folder);
        let folder = options.folder.or_else(|| Some(temporary.as_ref()?.path().to_owned())).unwrap_or_default();
        let store = Arc::new(Store::open(&folder.join("twitchy.sqlite"), Arc::clone(&clock), tenure)?);
        let sealer = Arc::new(Sealer::new(&folder, &[]));
        let world = World {
            setup: Arc::new(Setup::new(Arc::clone(&store), new_channels)),
            joining: Joining::new(Arc::clone(&store), join_policy, capacity),
            balances: Balances::new(Arc::clone(&store), outside),
            secrets: Arc::new(StoredSecrets::new(Arc::clone(&store), Arc::clone(&sealer))),
            telemetry: Arc::default(),
            store,
            web,
            clock,
            limits,
            rehearsal: options.rehearsal,
        };
        Ok(BenchHost { world: Arc::new(world), sealer, folder, _temporary: temporary })
    }

    /// The parts that compile and keep this bench's uploads, with artefacts in `cache_dir`.
    ///
    /// # Errors
    /// If the folder of uploads cannot be created.
    pub fn compile_parts(&self, cache_dir: &Path, compiler: CompilerProgram) -> std::io::Result<CompileParts> {
        let components = Arc::new(Components::open(&self.folder.join("modules"))?);
        Ok(CompileParts { cache_dir: cache_dir.to_owned(), components, compiler })
    }

    pub fn start_sandbox(&self, parts: CompileParts) -> Result<Arc<Sandbox>, StartSandboxError> {
        Ok(Arc::new(Sandbox::start(&self.world.limits, parts, Arc::clone(&self.world))?))
    }
}

/// A folder in memory if the system has such a place. Tests would otherwise mostly wait for the disk at each commit,
/// and none of them simulates a power failure.
///
/// # Panics
/// If no temporary folder can be created.
pub fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("there is room for a folder")
}
