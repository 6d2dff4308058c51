//! A client that sends only the lines that a test tells it to.

use fake_twitch::{FakeTwitch, Role, Rule, Settings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

pub(crate) struct Client {
    stream: BufReader<DuplexStream>,
    probes: usize,
}

impl Client {
    pub(crate) fn connect(twitch: &FakeTwitch) -> Self {
        Self { stream: BufReader::new(twitch.connect()), probes: 0 }
    }

    /// Logs in with all capabilities, and reads all lines of the log-in.
    pub(crate) async fn log_in(twitch: &FakeTwitch, login: &str) -> Self {
        let mut client = Self::connect(twitch);
        client.send("CAP REQ :twitch.tv/membership twitch.tv/tags twitch.tv/commands").await;
        client.send(&format!("PASS oauth:token-of-{login}\r\nNICK {login}")).await;
        assert!(client.lines().await.iter().any(|line| line.contains(" 376 ")), "{login} is not logged in");
        client
    }

    /// Logs in and joins the channel.
    pub(crate) async fn join(twitch: &FakeTwitch, login: &str, channel: &str) -> Self {
        let mut client = Self::log_in(twitch, login).await;
        client.ask(&format!("JOIN #{channel}")).await;
        client
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r\n").as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    /// The next line, or `None` at the end of the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.expect("the server writes UTF-8");
        (read > 0).then(|| line.strip_suffix("\r\n").expect("lines end with CR LF").to_owned())
    }

    /// Everything sent to this client so far: a PING of the client marks the end.
    pub(crate) async fn lines(&mut self) -> Vec<String> {
        self.probes += 1;
        let probe = format!("probe-{}", self.probes);
        self.send(&format!("PING :{probe}")).await;
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            if line == format!(":tmi.twitch.tv PONG tmi.twitch.tv :{probe}") {
                return lines;
            }
            lines.push(line);
        }
        panic!("the connection ended after {lines:?}");
    }

    /// Sends one line, and returns the lines that follow.
    pub(crate) async fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(line).await;
        self.lines().await
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }
}

/// Accounts `bot` and `other`; channels `shop`, where `carol` moderates, and `den`.
pub(crate) fn world() -> FakeTwitch {
    let twitch = FakeTwitch::new(&Settings::default());
    for (login, id) in [("bot", "1"), ("other", "2"), ("shop", "3")] {
        twitch.add_account(login, id, &format!("token-of-{login}"));
    }
    twitch.add_channel("shop");
    twitch.add_channel("den");
    twitch.set_roles("shop", "carol", &[Role::Moderator]).expect("shop was added");
    twitch
}

/// The rules that were broken, in order.
pub(crate) fn broken(twitch: &FakeTwitch) -> Vec<Rule> {
    twitch.violations().into_iter().map(|violation| violation.rule).collect()
}

/// The texts that were delivered in a channel.
pub(crate) fn said(twitch: &FakeTwitch, channel: &str) -> Vec<String> {
    twitch.messages(channel).into_iter().map(|message| message.text).collect()
}

/// The value of a tag, still escaped.
pub(crate) fn tag<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let tags = line.strip_prefix('@')?.split_once(' ')?.0;
    tags.split(';').filter_map(|tag| tag.split_once('=')).find(|(k, _)| *k == key).map(|(_, value)| value)
}
