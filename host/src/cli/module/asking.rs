//! The arguments that all subcommands of `module` share, and how they print a host's answer.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::report;
use crate::cli::api_client::{Answer, ApiClient, ApiUrl, Question};
use crate::cli::output;
use crate::domain::id::{ChannelId, ModuleName};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Common {
    /// Where the host's API is [default: $TWITCHY_URL, or http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<ApiUrl>,
    /// Print the host's answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    pub(super) fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new(self.url.as_ref())
    }

    /// The output for `answer`: its JSON with `--json`, otherwise a report for people.
    pub(super) fn show<T: DeserializeOwned + ToSchema>(
        &self,
        answer: &Answer,
        report: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<String> {
        if self.json { output::to_json(&answer.body) } else { Ok(report(&answer.read()?)) }
    }

    /// Like [`Common::show`], for all pages of a list.
    pub(super) async fn show_list<T: DeserializeOwned + ToSchema>(
        &self,
        client: &ApiClient,
        path: &str,
        report: impl FnOnce(&[T]) -> String,
    ) -> anyhow::Result<String> {
        if self.json {
            return output::to_json(&client.list::<Value>(path).await?);
        }
        Ok(report(&client.list(path).await?))
    }

    /// Requests a change of the published versions. `what` describes the change in the report.
    pub(super) async fn change_versions(&self, method: Method, path: String, what: &str) -> anyhow::Result<String> {
        let answer = self.client()?.ask(Question::new(method, path)).await?;
        self.show(&answer, |module| report::on_air(what, module))
    }
}

pub(super) fn path_in_channel(channel: ChannelId, name: &ModuleName) -> String {
    format!("/api/v1/channels/{channel}/modules/{name}")
}

pub(super) fn parse_version(text: &str) -> Result<semver::Version, String> {
    text.parse().map_err(|_| "a version has three numbers, such as 1.2.0".to_owned())
}
