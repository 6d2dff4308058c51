//! A client of id.twitch.tv, with one connection in memory for each request.

use std::collections::HashMap;

use fake_twitch::{Application, FakeTwitch};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::world;

pub(crate) const REDIRECT_URI: &str = "http://localhost:3000/login/back";
pub(crate) const SECRET: &str = "secret-of-host";

/// An answer: status, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 302, "{self:?}");
        self.head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a redirect leads somewhere")
    }

    /// A parameter of the address that a redirect leads to.
    pub(crate) fn sent_back(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1;
        let pairs: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        pairs.get(name).cloned()
    }

    /// Checks a refusal in Twitch's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, message: &str) {
        let body = self.json();
        assert_eq!((self.status, &body["status"], &body["message"]), (status, &status.into(), &message.into()));
    }
}

/// Returns `None` if the connection ends without an answer.
pub(crate) async fn try_request(twitch: &FakeTwitch, line: &str, head: &str, body: &str) -> Option<Answer> {
    let mut stream = twitch.connect_id();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: id.test\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server writes UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

pub(crate) fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) async fn get(twitch: &FakeTwitch, path: &str, fields: &[(&str, &str)]) -> Answer {
    let line = format!("GET {path}?{}", encode(fields));
    try_request(twitch, &line, "", "").await.expect("there is an answer")
}

pub(crate) async fn try_post(twitch: &FakeTwitch, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    try_request(twitch, &format!("POST {path}"), head, &encode(fields)).await
}

pub(crate) async fn post(twitch: &FakeTwitch, path: &str, fields: &[(&str, &str)]) -> Answer {
    try_post(twitch, path, fields).await.expect("there is an answer")
}

pub(crate) async fn validate(twitch: &FakeTwitch, token: &str) -> Answer {
    let head = format!("authorization: OAuth {token}\r\n");
    try_request(twitch, "GET /oauth2/validate", &head, "").await.expect("there is an answer")
}

/// The world of the chat tests, with the confidential application `host`, another one, and the public one `device`.
pub(crate) fn world_with_applications() -> FakeTwitch {
    let twitch = world();
    twitch.add_application(Application::confidential("host", SECRET, &[REDIRECT_URI, "http://localhost/a?b=c"]));
    twitch.add_application(Application::confidential("rival", "secret-of-rival", &[REDIRECT_URI]));
    twitch.add_application(Application::public("device"));
    twitch
}

/// The request of `host` for the scopes of chat, with changes. An empty value leaves a parameter out.
pub(crate) fn asking<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("response_type", "code"),
        ("client_id", "host"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "chat:read chat:edit"),
        ("state", "state of & mine"),
    ];
    change(&usual, changes)
}

pub(crate) fn change<'a>(usual: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = usual.to_vec();
    fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    fields
}

/// `login` gives consent to `host`; returns the code.
pub(crate) async fn consent(twitch: &FakeTwitch, login: &str) -> String {
    let fields = asking(&[("choice", "approve"), ("login", login)]);
    post(twitch, "/oauth2/authorize", &fields).await.sent_back("code").expect("there is a code")
}

/// The exchange of a code by `host`, with changes.
pub(crate) async fn exchange(twitch: &FakeTwitch, code: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "authorization_code"),
        ("client_id", "host"),
        ("client_secret", SECRET),
        ("redirect_uri", REDIRECT_URI),
        ("code", code),
    ];
    post(twitch, "/oauth2/token", &change(&usual, changes)).await
}

/// A refresh by `host`, with changes.
pub(crate) async fn refresh(twitch: &FakeTwitch, refresh_token: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "refresh_token"),
        ("client_id", "host"),
        ("client_secret", SECRET),
        ("refresh_token", refresh_token),
    ];
    post(twitch, "/oauth2/token", &change(&usual, changes)).await
}
