//! Runs the part of a start before the connections, to find its errors beforehand.
//!
//! Guarantees: the same code as in [`App::start`](super::App::start) finds whatever would stop a start before the
//! connections. It runs on a temporary store. It changes nothing that the configuration names, and listens nowhere.
//! Not here: a database's content, and whether the API's address is free, which may change before the start.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::data_dir::{check_data_dir, check_folder, database_path};
use super::modules;
use super::parts::Foundation;
use crate::config::{Config, ModulesConfig, environment};
use crate::domain::ports::{SoleProcess, SystemClock};
use crate::joining::JoinPolicy;
use crate::net::server::Server;
use crate::setup::defaults::NewChannelRules;
use crate::store::Store;

/// All errors found, for the operator to read.
pub async fn list_obstacles(config: &Config) -> Vec<anyhow::Error> {
    let mut obstacles: Vec<anyhow::Error> = check_data_dir(&config.data_dir).err().into_iter().collect();
    match rehearse(config).await {
        Ok(modules) => obstacles.extend(modules),
        Err(error) => obstacles.push(error),
    }
    obstacles
}

/// Returns why configured modules cannot be loaded.
async fn rehearse(config: &Config) -> anyhow::Result<Vec<anyhow::Error>> {
    Server::new(config.twitch.irc_server.clone(), environment::find_authorities()).context("cannot speak TLS")?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let store = Arc::new(Store::open(&database_path(folder.path()), Arc::new(SystemClock), Arc::new(SoleProcess))?);
    let rehearsed = rehearse_in(folder.path(), config, store.clone()).await;
    store.close().await?;
    rehearsed
}

async fn rehearse_in(folder: &Path, config: &Config, store: Arc<Store>) -> anyhow::Result<Vec<anyhow::Error>> {
    let foundation = Foundation {
        store,
        clock: Arc::new(SystemClock),
        new_channels: NewChannelRules::Essentials,
        join_policy: JoinPolicy::Closed,
        // Compiling the bundled modules takes seconds, so the cache of a start is used.
        cache_dir: environment::find_artefact_dir()
            .filter(|cache| check_folder(cache).is_ok())
            .unwrap_or_else(|| folder.join("cache")),
    };
    let without_modules = Config { data_dir: folder.to_owned(), modules: ModulesConfig::default(), ..config.clone() };
    let (host, _) = foundation.build(&without_modules).await?;
    let mut obstacles = Vec::new();
    for path in &config.modules.load {
        obstacles.extend(modules::add_configured(&host.sandbox, &host.setup, path).await.err());
    }
    host.sandbox.shut_down().await;
    Ok(obstacles)
}
