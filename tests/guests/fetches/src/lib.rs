//! Sends web requests; answers with the responses, or the errors.

use twitchy_sdk::http::{self, HttpError, Method, Request, Response};
use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, SettingInfo, answer, storage};

pub struct Fetches;

impl Module for Fetches {
    fn info() -> ModuleInfo {
        ModuleInfo::new("fetches", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .http_host("api.example.com")
            .http_host("other.example.com")
            .setting(SettingInfo::secret("token", "opens the API"))
            .command(CommandInfo::new("fetch", "asks for each").usage("URL...").without_cooldown())
            .command(CommandInfo::new("post", "posts, and counts").usage("URL").without_cooldown())
            .command(CommandInfo::new("post-count", "posts the count").usage("URL").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        if invocation.command == "fetch" {
            let answers = invocation.arguments.iter().map(|url| shown(http::get(url)));
            return Ok(answer(answers.collect::<Vec<_>>().join(", ")));
        }
        let url: String = invocation.arguments().required("URL")?;
        let count = storage::load_text("count").unwrap_or_else(|| "0".to_owned());
        let body = if invocation.command == "post" { "hello".to_owned() } else { count };
        let request = Request::new(Method::Post, url).header("authorization", "Bearer {secret:token}").body(body);
        let told = shown(request.send());
        storage::add("count", 1)?;
        Ok(answer(told))
    }
}

fn shown(sent: Result<Response, HttpError>) -> String {
    match sent {
        Ok(response) => format!("{} {}", response.status, response.text()),
        Err(error) => format!("{error:?}"),
    }
}

twitchy_sdk::export!(Fetches);
