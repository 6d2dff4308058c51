//! `twitchy module logs`: prints what a module logged, and with `--follow` what it logs from now on.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::asking::Common;
use super::report::text;
use crate::cli::api_client::{ANOTHER_VERSION, ApiClient, Question, is_plain};
use crate::cli::channel_name::find_channel_id;
use crate::cli::event_stream::SentEvent;
use crate::cli::lenient;
use crate::cli::output::{self, Reader};
use crate::domain::channel_name::ChannelName;
use crate::domain::id::{ChannelId, ModuleName};
use crate::http::shapes::channel::Channel;
use crate::http::shapes::event::InvocationEvent;
use crate::http::shapes::log::LogLine;

/// The least time between two requests for new lines. Without it, a busy module would use up the key's rate limit.
const ASKED_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module logs dice --channel shop --follow")]
pub(super) struct Logs {
    /// The module's name, as `list` has it.
    pub(super) name: ModuleName,
    /// Only what it logged in this channel: its login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<ChannelName>,
    /// Go on, and show each line when it is logged, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// The position in the log.
struct Reading<'c> {
    client: &'c ApiClient,
    path: String,
    /// Requests the lines after the last one that was read.
    cursor: Option<String>,
    is_json: bool,
    /// Cache of channels' displayed names, by id.
    channels: HashMap<String, String>,
}

impl Logs {
    /// Prints the lines as they arrive; the returned text is what is left to print.
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let channel = match &self.channel {
            Some(channel) => Some(find_channel_id(channel, &client).await?),
            None => None,
        };
        let of_channel = channel.map(|id| format!("&channel={id}")).unwrap_or_default();
        let mut reading = Reading {
            client: &client,
            path: format!("/api/v1/modules/{}/logs?limit=100{of_channel}", self.name),
            cursor: None,
            is_json: self.common.json,
            channels: HashMap::new(),
        };
        if self.follow {
            return self.follow(&client, &of_channel, reading).await;
        }
        let (count, _) = reading.print_new().await?;
        if count > 0 || self.common.json {
            return Ok(String::new());
        }
        let place = self.channel.as_ref().map(|channel| format!(" in {}", channel.describe())).unwrap_or_default();
        Ok(format!("{} has logged nothing{place} since the host started\n", self.name))
    }

    async fn follow(&self, client: &ApiClient, of_channel: &str, mut reading: Reading<'_>) -> anyhow::Result<String> {
        // The event stream opens before the first read. Otherwise a line logged in between would stay unnoticed.
        let mut events = client.listen(&format!("/api/v1/events?kind=invocation{of_channel}")).await?;
        let (mut is_due, mut due_at) = (true, Instant::now());
        loop {
            tokio::select! {
                event = events.next() => match event? {
                    Some(event) => is_due |= concerns(&event, &self.name),
                    None => bail!("the host has ended this: it stops, or the key is not valid any more"),
                },
                () = sleep_until(due_at), if is_due => {
                    if reading.print_new().await?.1 == Reader::Closed {
                        return Ok(String::new());
                    }
                    (is_due, due_at) = (false, Instant::now() + ASKED_EVERY);
                }
            }
        }
    }
}

/// Whether the module may have logged something: it was called, or the event says that events were missed.
fn concerns(event: &SentEvent, module: &ModuleName) -> bool {
    let is_about = |called: InvocationEvent| called.module == module.as_str();
    // A host of another version may send events of another shape; such an event may concern any module.
    event.name != "invocation" || serde_json::from_str(&event.data).map_or(true, is_about)
}

impl Reading<'_> {
    /// Prints the new lines. Returns their number, and whether standard output is still open.
    async fn print_new(&mut self) -> anyhow::Result<(usize, Reader)> {
        let mut count = 0;
        loop {
            let (lines, is_last) = self.read_page().await?;
            count += lines.len();
            let reader = self.print(&lines).await?;
            if reader == Reader::Closed || is_last {
                return Ok((count, reader));
            }
        }
    }

    /// The next page of lines, and whether it is the last one so far.
    async fn read_page(&mut self) -> anyhow::Result<(Vec<Value>, bool)> {
        let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = self.client.ask(Question::new(Method::GET, format!("{}{cursor}", self.path))).await?.body;
        let later = page["later_cursor"].as_str().filter(|later| later.bytes().all(is_plain));
        self.cursor = Some(later.context(ANOTHER_VERSION)?.to_owned());
        let lines = page["items"].as_array().context(ANOTHER_VERSION)?;
        Ok((lines.clone(), page["next_cursor"].is_null()))
    }

    /// With `--json`, a line is printed as the host sent it, so with the fields that a newer host adds.
    async fn print(&mut self, lines: &[Value]) -> anyhow::Result<Reader> {
        let mut text = String::new();
        for line in lines {
            text += &if self.is_json { format!("{line}\n") } else { self.show(&lenient::read(line.clone())?).await };
        }
        output::print(text)
    }

    /// `2026-11-24T12:00:00Z #shop 1.0.0 info: rolled 4`
    async fn show(&mut self, line: &LogLine) -> String {
        let channel = self.name_channel(&text(&line.channel)).await;
        let [at, version, level, logged] = [&line.at, &line.version, &line.level, &line.text].map(|field| text(field));
        format!("{at} {channel} {version} {level}: {logged}\n")
    }

    /// The channel's login, or its id if the host does not know the login.
    async fn name_channel(&mut self, id: &str) -> String {
        if let Some(name) = self.channels.get(id) {
            return name.clone();
        }
        let known = match id.parse::<ChannelId>() {
            Ok(id) => self.client.get::<Channel>(format!("/api/v1/channels/{id}")).await.ok(),
            Err(_) => None,
        };
        let known = known.filter(|channel| !channel.login.is_empty());
        let name = known.map_or_else(|| id.to_owned(), |channel| format!("#{}", channel.login));
        self.channels.insert(id.to_owned(), name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::api_client::tests::with_json_host;

    #[tokio::test]
    async fn a_line_keeps_the_fields_that_a_newer_host_adds() {
        let line = json!({ "text": "rolled 4", "new": 1 });
        let page = json!({ "items": [line], "later_cursor": "7" });
        let read = with_json_host(&page, async |client| {
            let (path, channels) = ("/?limit=100".to_owned(), HashMap::new());
            Reading { client, path, cursor: None, is_json: true, channels }.read_page().await
        });
        assert_eq!(read.await.unwrap(), (vec![line], true));
        assert_eq!(lenient::read::<LogLine>(json!({ "text": "rolled 4" })).unwrap().text, "rolled 4");
    }

    #[test]
    fn a_call_of_the_module_and_missed_events_are_worth_a_look() {
        let event = |name: &str, data: &str| SentEvent { name: name.to_owned(), data: data.to_owned() };
        let invocation = |module: &str| {
            let called = InvocationEvent { module: module.to_owned(), ..InvocationEvent::default() };
            event("invocation", &serde_json::to_string(&called).unwrap())
        };
        let dice = "dice".parse().unwrap();
        assert!(concerns(&invocation("dice"), &dice));
        assert!(concerns(&event("missed", r#"{"count": 3}"#), &dice));
        assert!(!concerns(&invocation("help"), &dice));
    }
}
