//! `twitchy module withdraw`, `restore` and `canary`: change which versions are published.

use anyhow::bail;
use clap::{ArgGroup, Subcommand};
use hyper::Method;

use super::asking::{Common, parse_version};
use super::report;
use crate::cli::api_client::Question;
use crate::cli::channel_name::find_channel_ids;
use crate::domain::channel_name::ChannelName;
use crate::domain::id::ModuleName;
use crate::http::shapes::module::NewCanary;

#[derive(Debug, clap::Args)]
#[command(after_help = WITHDRAW, group = ArgGroup::new("which").required(true).args(["version", "all"]))]
pub(super) struct Withdraw {
    /// The module's name, as `list` has it.
    pub(super) name: ModuleName,
    /// The version, as `show` lists it.
    #[arg(value_parser = parse_version)]
    version: Option<semver::Version>,
    /// Withdraw all of its versions at once, instead of one.
    #[arg(long)]
    all: bool,
    /// Withdraw it even while channels run it: each falls back to the nearest version that may run there, or stops
    /// answering. For the operator.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module restore dice 1.2.0")]
pub(super) struct Restore {
    /// The module's name, as `list` has it.
    pub(super) name: ModuleName,
    /// The version, as `show` lists it.
    #[arg(value_parser = parse_version)]
    version: semver::Version,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = CANARY)]
pub(super) struct Canary {
    #[command(subcommand)]
    action: CanaryAction,
}

const WITHDRAW: &str = "\
Refused while a channel runs the version, because it would stop answering there or fall back to an older one: `twitchy
module rollback NAME` takes all channels back first. An operator's --force withdraws it all the same.

Examples:
  twitchy module withdraw dice 1.2.0
  twitchy module withdraw dice --all --force";

const CANARY: &str = "\
Example:
  twitchy module push dice.wasm --canary shop
  twitchy module canary set dice 1.3.0 --channel shop --channel cafe
  twitchy module canary promote dice";

#[derive(Debug, Subcommand)]
enum CanaryAction {
    /// Give a version to these channels alone; all others have the highest one beside it.
    Set(SetCanary),
    /// Give the version that is tried out to all channels.
    Promote(EndCanary),
    /// Withdraw the version that is tried out.
    Drop(EndCanary),
}

#[derive(Debug, clap::Args)]
struct SetCanary {
    /// The module's name, as `list` has it.
    name: ModuleName,
    /// The version, as `show` lists it.
    #[arg(value_parser = parse_version)]
    version: semver::Version,
    /// The channels that get the version, alone: their logins, or their Twitch ids; more than once, or with commas, for
    /// several.
    #[arg(long, value_name = "CHANNEL", required = true, value_delimiter = ',')]
    channel: Vec<ChannelName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct EndCanary {
    /// The module's name, as `list` has it.
    name: ModuleName,
    #[command(flatten)]
    common: Common,
}

impl Withdraw {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let mut path = match &self.version {
            Some(version) => format!("/api/v1/modules/{}/versions/{version}", self.name),
            None => format!("/api/v1/modules/{}", self.name),
        };
        if self.force {
            path += "?force=true";
        }
        let what = match &self.version {
            Some(version) => format!("{} {version} is withdrawn", self.name),
            None => format!("all versions of {} are withdrawn", self.name),
        };
        self.common.change_versions(Method::DELETE, path, &what).await
    }
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let path = format!("/api/v1/modules/{}/versions/{}/restore", self.name, self.version);
        let what = format!("{} {} is on the air again", self.name, self.version);
        self.common.change_versions(Method::POST, path, &what).await
    }
}

impl Canary {
    pub(super) fn named(&self) -> (&ModuleName, &Common) {
        match &self.action {
            CanaryAction::Set(SetCanary { name, common, .. })
            | CanaryAction::Promote(EndCanary { name, common })
            | CanaryAction::Drop(EndCanary { name, common }) => (name, common),
        }
    }

    pub(super) async fn run(self) -> anyhow::Result<String> {
        match self.action {
            CanaryAction::Set(set) => set.run().await,
            CanaryAction::Promote(EndCanary { name, common }) => {
                let path = format!("/api/v1/modules/{name}/canary/promote");
                common.change_versions(Method::POST, path, &format!("the canary of {name} is promoted")).await
            }
            CanaryAction::Drop(EndCanary { name, common }) => {
                let path = format!("/api/v1/modules/{name}/canary");
                common.change_versions(Method::DELETE, path, &format!("the canary of {name} is withdrawn")).await
            }
        }
    }
}

impl SetCanary {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let channels = find_channel_ids(&self.channel, &client).await?;
        let module = client.ask(Question::new(Method::GET, format!("/api/v1/modules/{}", self.name))).await?;
        if module.etag.is_none() {
            // Without If-Match, this request could undo a concurrent change.
            bail!("the host answers in another version's words");
        }
        let wanted = NewCanary { version: self.version.to_string(), channels };
        let path = format!("/api/v1/modules/{}/canary", self.name);
        let question = Question::new(Method::PUT, path).with_json(&wanted).if_match(module.etag);
        let answer = client.ask(question).await?;
        self.common.show(&answer, report::tried_out)
    }
}
