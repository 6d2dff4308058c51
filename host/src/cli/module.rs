//! `twitchy module`: manages modules on a running host, over its API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::api_client::{HostRefusal, Question};
use super::channel_name::{find_channel_id, find_channel_ids};
use super::component_file::read_component;
use super::{author, output};
use crate::domain::channel_name::ChannelName;
use crate::domain::id::ModuleName;
use crate::domain::nearest::find_nearest;
use crate::http::shapes::channel_module::{ChannelModule, StepBack};
use crate::http::shapes::module::{ModuleDetail, ModuleSummary, RollbackWish, VersionDetail};

mod asking;
pub(super) mod call;
mod enable;
mod logs;
pub(super) mod report;
mod upload;
mod versions;

use asking::{Common, parse_version, path_in_channel};
use call::Call;
use enable::Enable;
use logs::Logs;
use versions::{Canary, Restore, Withdraw};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// The start of the API's error text for an unknown module.
const NO_MODULE: &str = "There is no such module";

/// Shown below the list of subcommands.
const EXAMPLES: &str = "\
new, build, check, diff, run and test work on this machine. All others ask a running host: its key is read from
TWITCHY_API_KEY, and its address from --url or TWITCHY_URL.

  twitchy module new dice
  twitchy module push dice.wasm
  twitchy module enable dice --channel shop --grant storage --set sides=20
  twitchy module rollback dice

Exit code: 0 where it is done, 1 where the host refuses or is not reached, 2 where the line makes no sense.";

#[derive(Debug, Subcommand)]
enum Action {
    #[command(flatten)]
    Author(author::Action),
    /// Upload a component: a new module, or a new version of one.
    Push(Push),
    /// List the modules of the host, or how they stand in a channel.
    List(List),
    /// Show a module, or one version of it: what it offers, and what it asks for. In a channel: how it is set up there.
    Show(Show),
    /// Let a module answer in a channel.
    Enable(Enable),
    /// Switch a module off in a channel: what it keeps there, its grants and its settings stay.
    Disable(Disable),
    /// Take a bad version off the air.
    ///
    /// Everywhere, unless a channel is named: the versions above the one gone back to are withdrawn, and no channel runs
    /// them before `restore`. In a channel alone it stays on an earlier version until `enable --version latest`.
    Rollback(Rollback),
    /// Take a version off the air everywhere: its bytes and its number stay taken.
    ///
    /// No channel runs a withdrawn version, not even one that chose it, until `restore`. Nothing that the module stored is
    /// deleted. The same number cannot be uploaded again with other bytes.
    #[command(visible_alias = "delete")]
    Withdraw(Withdraw),
    /// Put a withdrawn version on the air again.
    Restore(Restore),
    /// Try a version out in some channels before all others.
    Canary(Canary),
    /// Show what a module logged since the host started, and where it broke.
    ///
    /// One line for each: when, where, by which version, how serious, and what. `--json` prints each as one line of JSON.
    Logs(Logs),
    /// Call a command as a chatter would, or see what it would do.
    Call(Box<Call>),
}

impl Arguments {
    pub(super) fn of_call(call: Box<Call>) -> Arguments {
        Arguments { action: Action::Call(call) }
    }
}

impl Action {
    /// The module that the command line names, and the arguments that lead to its host.
    fn find_named(&self) -> Option<(&ModuleName, &Common)> {
        match self {
            Action::Show(Show { name, common, .. })
            | Action::Enable(Enable { name, common, .. })
            | Action::Disable(Disable { name, common, .. })
            | Action::Rollback(Rollback { name, common, .. })
            | Action::Withdraw(Withdraw { name, common, .. })
            | Action::Restore(Restore { name, common, .. })
            | Action::Logs(Logs { name, common, .. }) => Some((name, common)),
            Action::Canary(canary) => Some(canary.named()),
            Action::Author(_) | Action::Push(_) | Action::List(_) | Action::Call(_) => None,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module push dice.wasm --canary shop,cafe")]
struct Push {
    /// The component, such as `twitchy module build` makes: no core module, and no machine code.
    file: PathBuf,
    /// It brings a JavaScript or Python runtime along; the host has to allow such modules.
    #[arg(long)]
    large: bool,
    /// Only these channels have the version until `canary promote`: their logins or Twitch ids, with commas between; for
    /// the operator.
    #[arg(long, value_name = "CHANNEL,CHANNEL", value_delimiter = ',')]
    canary: Vec<ChannelName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct List {
    /// How they stand in this channel: its login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<ChannelName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The module's name, as `list` has it.
    name: ModuleName,
    /// Show this version, instead of the latest.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    version: Option<semver::Version>,
    /// How it is set up in this channel: its login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL", conflicts_with = "version")]
    channel: Option<ChannelName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module disable dice --channel shop")]
struct Disable {
    /// The module's name, as `list` has it.
    name: ModuleName,
    /// The channel's login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: ChannelName,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module rollback dice --channel shop")]
struct Rollback {
    /// The module's name, as `list` has it.
    name: ModuleName,
    /// The version to go back to, instead of the one that ran before.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    to: Option<semver::Version>,
    /// Only in this channel, instead of everywhere: its login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<ChannelName>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Action::Author(action) = arguments.action {
        return author::run(action);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let named = arguments.action.find_named().map(|(name, common)| (name.clone(), common.clone()));
    let shown = runtime.block_on(async {
        let done = match arguments.action {
            Action::Author(_) => unreachable!("an author's command asks no host"),
            Action::Push(push) => push.run().await,
            Action::List(list) => list.run().await,
            Action::Show(show) => show.run().await,
            Action::Enable(enable) => enable.run().await,
            Action::Disable(disable) => disable.run().await,
            Action::Rollback(rollback) => rollback.run().await,
            Action::Withdraw(withdraw) => withdraw.run().await,
            Action::Restore(restore) => restore.run().await,
            Action::Canary(canary) => canary.run().await,
            Action::Logs(logs) => logs.run().await,
            Action::Call(call) => call.run().await,
        };
        match (done, named) {
            (Err(error), Some((name, common))) => Err(advise(error, &name, &common).await),
            (done, _) => done,
        }
    })?;
    output::print(shown)?;
    Ok(ExitCode::SUCCESS)
}

/// If the host does not know the module `name`: the error with the nearest known name. Otherwise `error` unchanged.
async fn advise(error: anyhow::Error, name: &ModuleName, common: &Common) -> anyhow::Error {
    let is_unknown = |refusal: &HostRefusal| refusal.detail.starts_with(NO_MODULE);
    if !error.downcast_ref().is_some_and(is_unknown) {
        return error;
    }
    let Ok(client) = common.client() else { return error };
    let Ok(modules) = client.list::<ModuleSummary>("/api/v1/modules").await else { return error };
    let advice = match find_nearest(name.as_str(), modules.iter().map(|module| module.name.as_str())) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "`twitchy module list` lists all".to_owned(),
    };
    anyhow::anyhow!("there is no module {name}; {advice}")
}

impl Push {
    async fn run(self) -> anyhow::Result<String> {
        let bytes = read_component(&self.file)?;
        let client = self.common.client()?;
        let class = if self.large { "large" } else { "small" };
        let mut path = format!("/api/v1/modules?class={class}");
        if !self.canary.is_empty() {
            path += &format!("&canary={}", find_channel_ids(&self.canary, &client).await?.join(","));
        }
        let answer = upload::send(&client, &path, bytes).await?;
        if self.common.json {
            return output::to_json(&answer.body);
        }
        let version: VersionDetail = answer.read()?;
        if answer.status != StatusCode::CREATED {
            return Ok(report::there_already(&version) + &report::no_canary(&version, &self.canary));
        }
        // A failure of this request is no error: the component is uploaded already.
        let module = client.get(format!("/api/v1/modules/{}", version.name)).await.ok();
        let file = self.file.file_name().unwrap_or(self.file.as_os_str());
        Ok(report::pushed(&version, module.as_ref(), &file.to_string_lossy()))
    }
}

impl List {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let Some(channel) = &self.channel else {
            return self.common.show_list(&client, "/api/v1/modules", report::list).await;
        };
        let path = format!("/api/v1/channels/{}/modules", find_channel_id(channel, &client).await?);
        self.common.show_list(&client, &path, report::list_in_channel).await
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        if let Some(channel) = &self.channel {
            let path = path_in_channel(find_channel_id(channel, &client).await?, &self.name);
            let state = client.ask(Question::new(Method::GET, path)).await?;
            return self.common.show(&state, |state| report::set_up(state, channel));
        }
        let answer = client.ask(Question::new(Method::GET, format!("/api/v1/modules/{}", self.name))).await?;
        let module: ModuleDetail = answer.read()?;
        let version = self.version.map(|version| version.to_string());
        let Some(version) = version.as_ref().or(module.latest.as_ref()) else {
            return self.common.show(&answer, |module| report::module(module, None));
        };
        let path = format!("/api/v1/modules/{}/versions/{version}", self.name);
        let detail = client.ask(Question::new(Method::GET, path)).await?;
        if self.common.json {
            return output::to_json(&BTreeMap::from([("module", answer.body), ("version", detail.body)]));
        }
        Ok(report::module(&module, Some(&detail.read()?)))
    }
}

impl Disable {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let path = path_in_channel(find_channel_id(&self.channel, &client).await?, &self.name);
        let answer = client.ask(Question::new(Method::DELETE, path)).await?;
        self.common.show(&answer, |_: &Value| format!("{} is off in {}\n", self.name, self.channel.describe()))
    }
}

impl Rollback {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let to = self.to.as_ref().map(ToString::to_string);
        let Some(channel) = &self.channel else {
            let rollback = Question::new(Method::POST, format!("/api/v1/modules/{}/rollback", self.name));
            let answer = client.ask(rollback.with_json(&RollbackWish { to })).await?;
            return self.common.show(&answer, report::rolled_back);
        };
        let path = path_in_channel(find_channel_id(channel, &client).await?, &self.name);
        let rollback = Question::new(Method::POST, format!("{path}/rollback"));
        let answer = client.ask(rollback.with_json(&StepBack { to })).await?;
        self.common.show(&answer, |module: &ChannelModule| report::in_channel(&module.state, channel))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::Value;
    use utoipa::ToSchema;

    use crate::cli::lenient;

    /// The shape of an answer that has these fields alone.
    pub(super) fn shaped<T: DeserializeOwned + ToSchema>(fields: Value) -> T {
        lenient::read(fields).unwrap()
    }
}
