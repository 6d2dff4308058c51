//! `twitchy call`: calls a command as a chatter would, and shows the outcome.

use hyper::Method;

use super::asking::Common;
use super::report;
use crate::cli::api_client::{Question, encode};
use crate::cli::channel_name::find_channel_id;
use crate::domain::channel_name::ChannelName;
use crate::domain::id::{ChatterId, Login};
use crate::http::shapes::channel::Channel;
use crate::http::shapes::command::{CallArguments, ClaimedChatter, CommandAnswer, CommandCall, CommandReply};

const EXAMPLES: &str = "\
Examples:
  twitchy call hug bob --channel shop --dry-run
  twitchy call hug bob --channel shop --as alice --deliver chat

An argument that begins with a hyphen comes after --: twitchy call roll --channel shop -- -3";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Call {
    /// The word that calls the command, with or without the channel's prefix.
    command: String,
    /// What follows the command, argument by argument.
    arguments: Vec<String>,
    /// The channel's login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: ChannelName,
    /// In whose name: a chatter's login. The broadcaster's, unless it is said.
    #[arg(long = "as", value_name = "LOGIN")]
    chatter: Option<Login>,
    /// The Twitch id of that chatter, where the host has never seen the login in the channel.
    #[arg(long, value_name = "ID", requires = "chatter")]
    id: Option<ChatterId>,
    /// Run the module in full, show what it would change, and keep nothing of it.
    #[arg(long, conflicts_with = "deliver")]
    dry_run: bool,
    /// Say the answer in the channel's chat, too.
    #[arg(long, value_name = "WHERE")]
    deliver: Option<Deliver>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Deliver {
    Chat,
}

impl Call {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let id = find_channel_id(&self.channel, &client).await?;
        let channel: Channel = client.get(format!("/api/v1/channels/{id}")).await?;
        let word = strip_prefix(&self.command, &channel.prefix);
        let login = self.chatter.as_ref().map_or_else(|| channel.login.clone(), ToString::to_string);
        let own_id = (channel.login == login).then(|| id.to_string());
        let chatter = self.id.map(|id| id.to_string()).or(own_id);
        let wanted = CommandCall {
            arguments: CallArguments::List(self.arguments),
            chatter: ClaimedChatter { id: chatter, login: login.clone(), display_name: None },
        };
        let query = match (self.dry_run, self.deliver) {
            (true, _) => "?dry_run=true",
            (false, Some(Deliver::Chat)) => "?deliver=chat",
            (false, None) => "",
        };
        let path = format!("/api/v1/channels/{id}/commands/{}{query}", encode(word));
        let answer = client.ask(Question::new(Method::POST, path).with_json(&wanted)).await?;
        self.common.show(&answer, |answer| report_call(answer, &login, &self.channel))
    }
}

/// The command's word without the channel's prefix, as the API expects it. A prefix alone stays as it is.
fn strip_prefix<'w>(word: &'w str, prefix: &str) -> &'w str {
    word.strip_prefix(prefix).filter(|word| !word.is_empty()).unwrap_or(word)
}

/// The replies as chat shows them, then their delivery and the changes that the command made.
fn report_call(answer: &CommandAnswer, login: &str, channel: &ChannelName) -> String {
    let mut text: String = answer.replies.iter().map(|reply| show_reply(reply, login)).collect();
    text += match answer.outcome.as_str() {
        "usage" => "the command is used in another way than this: nothing was changed\n",
        "refused" | "unavailable" => "the command says no: nothing was changed\n",
        "duplicate" => "the same call was answered before, and this is that answer: nothing more was changed\n",
        _ if text.is_empty() => "the command was carried out, and answers nothing\n",
        _ => "",
    };
    if let Some(delivered) = answer.delivered {
        let place = channel.describe();
        text += &match delivered {
            0 => format!("nothing is said in {place}\n"),
            1 => format!("1 message goes to {place}\n"),
            count => format!("{count} messages go to {place}\n"),
        };
    }
    if let Some(changes) = &answer.changes {
        let changes: Vec<String> = changes.iter().map(|change| report::text(&change.text)).collect();
        text += &match changes.as_slice() {
            [] => "a dry run: it would change nothing\n".to_owned(),
            changes => format!("a dry run, of which nothing is kept; it would do this:\n  {}\n", changes.join("\n  ")),
        };
    }
    text
}

fn show_reply(reply: &CommandReply, login: &str) -> String {
    let text = report::text(&reply.text);
    match reply.kind.as_str() {
        "answer" => format!("@{login} {text}\n"),
        "action" => format!("/me {text}\n"),
        _ => format!("{text}\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::module::tests::shaped;

    fn shown(answer: Value) -> String {
        report_call(&shaped(answer), "alice", &"shop".parse().unwrap())
    }

    #[test]
    fn replies_are_shown_as_chat_would_show_them() {
        let answer = json!({ "outcome": "answered", "delivered": 3, "replies": [
            { "kind": "answer", "text": "you rolled 4" }, { "kind": "say", "text": "wow\u{1b}[2J" }, { "kind": "action", "text": "waves" },
        ] });
        assert_eq!(shown(answer), "@alice you rolled 4\nwow[2J\n/me waves\n3 messages go to #shop\n");
        let nothing = json!({ "outcome": "answered", "replies": [], "delivered": 0 });
        assert_eq!(shown(nothing), "the command was carried out, and answers nothing\nnothing is said in #shop\n");
    }

    #[test]
    fn a_dry_run_says_what_would_be_done() {
        let reply = json!({ "kind": "say", "text": "hugs bob" });
        let change = |text: &str| json!({ "kind": "save-entry", "text": text, "data": {} });
        let changes = [change("writes 1 byte to hugs"), change("deletes old")];
        let told = shown(json!({ "outcome": "answered", "replies": [reply], "changes": changes }));
        let expected = "hugs bob\na dry run, of which nothing is kept; it would do this:\n  writes 1 byte to hugs\n  deletes old\n";
        assert_eq!(told, expected);
        let told = shown(json!({ "outcome": "refused", "replies": [reply], "changes": [] }));
        assert_eq!(told, "hugs bob\nthe command says no: nothing was changed\na dry run: it would change nothing\n");
    }

    #[test]
    fn a_command_is_named_with_or_without_its_prefix() {
        assert_eq!(["!hug", "hug", "!"].map(|word| strip_prefix(word, "!")), ["hug", "hug", "!"]);
        assert_eq!(strip_prefix("hug", ""), "hug");
    }
}
