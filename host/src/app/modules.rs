//! The modules that exist from the start: the bundled ones, and those in the operator's configuration.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tracing::{info, warn};
use twitchy_commands::{BUNDLED, Bundled};

use crate::domain::manifest::{Manifest, ModuleSource, SizeClass};
use crate::modules::catalogue::{Catalogue, CatalogueEntry};
use crate::modules::is_always_on;
use crate::modules::publish::Runtime;
use crate::sandbox::Sandbox;
use crate::setup::Setup;

/// Bytes read of a file: more than any module has. The sandbox limits a module's size.
const MOST_READ: u64 = 64 << 20;

/// Tells the operator why a module does not run.
pub(super) const BARRED: &str = "it does not run: it is of the size class large, and [sandbox] allow_large is off";

/// Loads all at once, because each takes a second when it is compiled for the first time.
pub async fn add_bundled(sandbox: &Arc<Sandbox>, setup: &Setup) -> anyhow::Result<()> {
    let start = |bundled: &Bundled| {
        let (sandbox, bundled) = (sandbox.clone(), *bundled);
        let added = async move { sandbox.add_module(bundled.component, ModuleSource::Bundled, SizeClass::Small).await };
        (bundled.name, tokio::spawn(added))
    };
    let started: Vec<_> = BUNDLED.iter().map(start).collect();
    for (name, added) in started {
        let manifest = added.await?.with_context(|| format!("cannot load the bundled module {name}"))?;
        setup.add_module(manifest);
    }
    Ok(())
}

/// Loads a configured module. Comes after the bundled ones, which it must not replace.
///
/// # Errors
/// Names the file that is no usable module, and the reason.
pub(super) async fn add_configured(sandbox: &Sandbox, setup: &Setup, path: &Path) -> anyhow::Result<()> {
    let added = add_file(sandbox, setup, path).await;
    let manifest = added.with_context(|| format!("cannot load the module {}", path.display()))?;
    let capabilities: Vec<&str> = manifest.capabilities.iter().map(|capability| capability.as_str()).collect();
    let granted = if capabilities.is_empty() { "none".to_owned() } else { capabilities.join(", ") };
    let Manifest { name, version, .. } = &*manifest;
    info!(module = %name, %version, %granted, file = %path.display(), "loaded a module");
    Ok(())
}

async fn add_file(sandbox: &Sandbox, setup: &Setup, path: &Path) -> anyhow::Result<Arc<Manifest>> {
    let bytes = read_file(path)?;
    let manifest = sandbox.add_module(&bytes, ModuleSource::Configured, SizeClass::Small).await?;
    let name = &manifest.name;
    if setup.catalogue().has(name) && manifest.source == ModuleSource::Configured {
        bail!("there is another module with the name {name}");
    }
    check_fixed(&setup.catalogue(), &manifest)?;
    setup.add_module(manifest.clone());
    Ok(manifest)
}

/// Makes a module of the operator callable while the host runs, in place of the module of that name that was loaded in
/// the same way before. Channels call it from the next message on.
///
/// # Errors
/// If the component is no module, or a bundled module has its name or one of its words. The earlier module stays.
pub async fn swap_configured(
    sandbox: &Sandbox,
    setup: &Setup,
    component: &[u8],
    size: SizeClass,
) -> anyhow::Result<Arc<Manifest>> {
    let manifest = sandbox.add_module(component, ModuleSource::Configured, size).await?;
    let catalogue = setup.catalogue();
    check_fixed(&catalogue, &manifest)?;
    let before = catalogue.find(&manifest.name).and_then(CatalogueEntry::latest);
    if !setup.replace_module(manifest.clone()) {
        bail!("there is another module with the name {}", manifest.name);
    }
    if let Some(before) = before.filter(|before| before.digest != manifest.digest) {
        sandbox.remove_module(&before.digest);
    }
    Ok(manifest)
}

fn check_fixed(catalogue: &Catalogue, manifest: &Manifest) -> anyhow::Result<()> {
    if manifest.source != ModuleSource::Configured {
        bail!("it is the bundled module {}, which is there already", manifest.name);
    }
    if let Some((word, _)) = catalogue.find_reserved_word(manifest, |there| is_always_on(&there.name)) {
        bail!("it offers !{word}, which belongs to a module that is always on");
    }
    Ok(())
}

/// Warns of channels in which a module stopped running because the configuration has changed.
pub(super) fn warn_of_barred(setup: &Setup) {
    for (module, channels) in setup.list_barred() {
        warn!(%module, channels, "{BARRED}");
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}
