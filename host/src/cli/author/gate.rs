//! A host in a temporary folder that judges components as a running one does.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};

use super::cures::{as_line, describe_cure, describe_publish_cure};
use crate::app::modules::add_bundled;
use crate::bench::{BenchHost, BenchOptions};
use crate::cli::component_file::read_component;
use crate::config::{SandboxConfig, environment};
use crate::domain::audit::{Actor, Stamp};
use crate::domain::manifest::{Manifest, SizeClass};
use crate::domain::ports::SystemClock;
use crate::modules::powers::Powers;
use crate::modules::publish::{Admitted, Publisher, Runtime};
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::sandbox::compile::compiler::{CompilerProgram, Uploader};
use crate::sandbox::compile::parts::Upload;

/// The gate of a host that allows both size classes and has the bundled modules only. Its files are deleted on drop.
pub(super) struct Gate {
    sandbox: Arc<Sandbox>,
    publisher: Publisher,
    _bench: BenchHost,
}

/// A component that the gate has let in.
pub(super) struct Judged {
    pub(super) admitted: Admitted,
    /// From the upload to the answer.
    pub(super) took: Duration,
}

impl Gate {
    pub(super) async fn open() -> anyhow::Result<Gate> {
        let limits = SandboxConfig { allow_large: true, ..SandboxConfig::default() };
        let bench = BenchHost::open(BenchOptions { clock: Arc::new(SystemClock), limits, ..BenchOptions::default() })
            .context("cannot make a host in the folder for temporary files")?;
        let kept = bench.folder.join("cache");
        let cache_dir = environment::find_artefact_dir().unwrap_or(kept);
        let sandbox = bench.start_sandbox(bench.compile_parts(&cache_dir, CompilerProgram::ThisProgram)?)?;
        let (store, setup) = (bench.world.store.clone(), bench.world.setup.clone());
        add_bundled(&sandbox, &setup).await?;
        setup.load_all().await?;
        let versions = Arc::new(Versions::new(store.clone(), setup));
        let runtime: Arc<dyn Runtime> = sandbox.clone();
        let publisher = Publisher::new(store, versions, sandbox.components().clone(), runtime);
        Ok(Gate { sandbox, publisher, _bench: bench })
    }

    /// Uploads the file as the operator.
    ///
    /// # Errors
    /// The refusal of a host in its own words, with its code and the cure.
    pub(super) async fn judge(&self, file: &Path, size: SizeClass) -> anyhow::Result<Judged> {
        let bytes = read_component(file)?;
        let begun_at = Instant::now();
        match self.sandbox.admit(Upload { bytes, size, by: Uploader::Operator }).await {
            Ok(admitted) => Ok(Judged { admitted, took: begun_at.elapsed() }),
            Err(error) => {
                let (code, cure) = (error.code(), as_line(describe_cure(&error)));
                bail!("a host would refuse {} ({code}): {error}{cure}", file.display())
            }
        }
    }

    /// Uploads the file, and publishes it beside the bundled modules as its first version.
    ///
    /// # Errors
    /// As [`Gate::judge`], and if the module's name or one of its words is taken.
    pub(super) async fn accept(&self, file: &Path, size: SizeClass) -> anyhow::Result<(Arc<Manifest>, Duration)> {
        let Judged { admitted, took } = self.judge(file, size).await?;
        let manifest = admitted.manifest.clone();
        self.publish(admitted).await?;
        Ok((manifest, took))
    }

    async fn publish(&self, admitted: Admitted) -> anyhow::Result<()> {
        let stamp = Stamp { by: Actor::CommandLine { system_user: None }, at: SystemTime::now(), address: None };
        let name = admitted.manifest.name.clone();
        match self.publisher.publish(admitted, None, Powers::Operator, stamp).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("a host would refuse {name}: {error}{}", as_line(describe_publish_cure(&error))),
        }
    }

    /// The largest component of this class, in bytes.
    pub(super) fn upload_limit(&self, size: SizeClass) -> anyhow::Result<usize> {
        Ok(self.sandbox.find_upload_limit(size)?)
    }

    pub(super) async fn close(self) {
        self.sandbox.shut_down().await;
    }
}
