//! `twitchy module check`: the verdict of a host on a component, and what chat and creators will see of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::blocking::block_on;
use super::capability::describe_capability;
use super::gate::Gate;
use crate::cli::module::report;
use crate::cli::output;
use crate::cli::table::{Row, align};
use crate::domain::manifest::{Capability, Manifest, SizeClass};
use crate::http::api::modules::shown::show_fixed;
use crate::http::shapes::module::CapabilityDetail;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module check dice.wasm")]
pub(in crate::cli) struct Check {
    /// The component, such as `twitchy module build` makes.
    file: PathBuf,
    /// It brings a JavaScript or Python runtime along; not every host allows such modules.
    #[arg(long)]
    large: bool,
    /// Print what the API would answer to the upload, as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        output::print(block_on(self.judge())?)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn judge(self) -> anyhow::Result<String> {
        let size = if self.large { SizeClass::Large } else { SizeClass::Small };
        let gate = Gate::open().await?;
        let (manifest, took) = gate.accept(&self.file, size).await?;
        let most = gate.upload_limit(size)?;
        gate.close().await;
        if self.json {
            return output::to_json(&show_fixed(&manifest));
        }
        Ok(format!("a host would accept {}\n{}", self.file.display(), describe(&manifest, most, took)))
    }
}

/// `most`: bytes that a component may have.
fn describe(manifest: &Manifest, most: usize, took: Duration) -> String {
    let Manifest { name, version, size, component_bytes, .. } = manifest;
    let (kibibytes, most, took) = (component_bytes.div_ceil(1024), most >> 20, took.as_millis());
    let mut report = format!(
        "{name} {version}: {}\n{kibibytes} KiB of {most} MiB, size class {}, checked in {took} ms\n\n",
        report::text(&manifest.summary),
        size.as_str()
    );
    report += &describe_capabilities(manifest);
    report + &describe_offers(manifest)
}

/// The commands as chatters type them, and the settings with the command that changes them.
fn describe_offers(manifest: &Manifest) -> String {
    let mut shown = show_fixed(manifest);
    for word in
        shown.commands.iter_mut().flat_map(|command| [&mut command.name].into_iter().chain(&mut command.aliases))
    {
        word.insert(0, '!');
    }
    let how = match manifest.settings.is_empty() {
        true => String::new(),
        false => format!("set in chat by !settings set {} KEY VALUE; a secret, by the API only\n", manifest.name),
    };
    report::offers(&shown) + &how
}

/// The capabilities with what each of them lets the module do.
fn describe_capabilities(manifest: &Manifest) -> String {
    let shown = show_fixed(manifest).capabilities;
    let row = |(capability, shown): (&Capability, CapabilityDetail)| -> Row {
        vec![shown.name, shown.granted_by, describe_capability(*capability).to_owned()]
    };
    let rows: Vec<Row> = manifest.capabilities.iter().zip(shown).map(row).collect();
    let hosts = match manifest.http_hosts.as_slice() {
        [] => String::new(),
        hosts => format!("and to reach {}\n", hosts.join(", ")),
    };
    match rows.is_empty() {
        true => "it asks for nothing\n".to_owned(),
        false => align(&["it asks for", "granted by", "so that it can"], rows) + &hosts,
    }
}
