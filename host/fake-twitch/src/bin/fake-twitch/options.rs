//! The command line.

use std::net::IpAddr;

use clap::Parser;
use fake_twitch::{Application, Role};

const LONGEST_LOGIN: usize = 25;

const EXAMPLES: &str = "\
Point your bot at the addresses that are printed, without TLS, in place of irc.chat.twitch.tv:6697 or
wss://irc-ws.chat.twitch.tv. It logs in with its login and any token (PASS oauth:anything), and other people are other
clients: any IRC program that logs in as somebody else and joins the same channel.

Applications get tokens at the third address, in place of https://id.twitch.tv: /oauth2/authorize, /oauth2/token and the
others. The page there asks who to be.

Examples:
  fake-twitch                                    any login, any token, any channel
  fake-twitch --mod shop:mybot --vip shop:vera   who is what in #shop; shop itself is its broadcaster
  fake-twitch --account mybot=secret             only mybot logs in, with oauth:secret
  fake-twitch --channel shop --channel cafe      no other channel exists
  fake-twitch --app mine=secret --redirect-uri http://localhost:8080/back
                                                 an application that logs people in
  fake-twitch --port 0 --ws-port 0 --id-port 0   any free ports, printed on standard output";

/// Twitch in a box: a chat server with Twitch's rules and limits, to test any bot against.
///
/// Messages and broken rules are printed on standard error.
#[derive(Debug, Parser)]
#[command(name = "fake-twitch", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The address of this machine to listen at.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Print no messages, only broken rules.
    #[arg(long)]
    pub(crate) quiet: bool,

    /// The port for IRC over TCP.
    #[arg(long, default_value_t = 6667, help_heading = "Chat")]
    pub(crate) port: u16,
    /// The port for IRC over WebSocket.
    #[arg(long, value_name = "PORT", default_value_t = 6668, help_heading = "Chat")]
    pub(crate) ws_port: u16,
    /// Enforce no limit on log-ins, joins, channels, messages and repetitions.
    #[arg(long, help_heading = "Chat")]
    pub(crate) no_limits: bool,
    /// An account and its token; once one is named, nobody else logs in. Anonymous readers (justinfan1) always do.
    #[arg(long = "account", value_name = "LOGIN=TOKEN", value_parser = parse_account, help_heading = "Chat")]
    pub(crate) accounts: Vec<(String, String)>,
    /// A channel; once one is named, others exist only where a role is given.
    #[arg(long = "channel", value_name = "CHANNEL", value_parser = parse_channel, help_heading = "Chat")]
    pub(crate) channels: Vec<String>,
    /// A moderator of a channel.
    #[arg(long = "mod", value_name = "CHANNEL:LOGIN", value_parser = parse_pair, help_heading = "Chat")]
    moderators: Vec<(String, String)>,
    /// A VIP of a channel.
    #[arg(long = "vip", value_name = "CHANNEL:LOGIN", value_parser = parse_pair, help_heading = "Chat")]
    vips: Vec<(String, String)>,
    /// A subscriber of a channel.
    #[arg(long = "sub", value_name = "CHANNEL:LOGIN", value_parser = parse_pair, help_heading = "Chat")]
    subscribers: Vec<(String, String)>,

    /// The port for id.twitch.tv over HTTP.
    #[arg(long, value_name = "PORT", default_value_t = 6669, help_heading = "Tokens")]
    pub(crate) id_port: u16,
    /// An application and its secret, or a public application without one.
    #[arg(
        long = "app",
        value_name = "CLIENT_ID[=SECRET]",
        value_parser = parse_application,
        default_value = "fake-client=fake-secret",
        help_heading = "Tokens"
    )]
    applications: Vec<Application>,
    /// An address that applications may send people back to.
    #[arg(
        long = "redirect-uri",
        value_name = "ADDRESS",
        default_value = "http://localhost:3000",
        help_heading = "Tokens"
    )]
    redirect_uris: Vec<String>,
    /// How long the access token of an account is valid.
    #[arg(long = "token-lifetime", value_name = "SECONDS", default_value_t = 14_400, help_heading = "Tokens")]
    pub(crate) token_lifetime: u32,
}

impl Options {
    pub(crate) fn list_applications(&self) -> impl Iterator<Item = Application> {
        let complete = |application: &Application| Application {
            redirect_uris: self.redirect_uris.clone(),
            ..application.clone()
        };
        self.applications.iter().map(complete)
    }

    /// Yields channel, login and role.
    pub(crate) fn list_roles(&self) -> impl Iterator<Item = (&str, &str, Role)> {
        let named =
            [(Role::Moderator, &self.moderators), (Role::Vip, &self.vips), (Role::Subscriber, &self.subscribers)];
        let listed = named.into_iter().flat_map(|(role, pairs)| pairs.iter().map(move |pair| (pair, role)));
        listed.map(|((channel, login), role)| (channel.as_str(), login.as_str(), role))
    }
}

/// Accepts the token with `oauth:` too, because that is how IRC clients send it.
fn parse_account(text: &str) -> Result<(String, String), String> {
    let (login, token) = text.split_once('=').ok_or("expected LOGIN=TOKEN, such as mybot=secret")?;
    let token = token.strip_prefix("oauth:").unwrap_or(token);
    if token.is_empty() {
        return Err("the token is empty".to_owned());
    }
    Ok((parse_login(login)?, token.to_owned()))
}

fn parse_application(text: &str) -> Result<Application, String> {
    let (client_id, secret) = text.split_once('=').map_or((text, None), |(id, secret)| (id, Some(secret)));
    match secret {
        _ if client_id.is_empty() => Err("the client id is empty".to_owned()),
        Some("") => Err("the secret is empty: a public application has no =".to_owned()),
        Some(secret) => Ok(Application::confidential(client_id, secret, &[])),
        None => Ok(Application::public(client_id)),
    }
}

fn parse_channel(text: &str) -> Result<String, String> {
    parse_login(text.strip_prefix('#').unwrap_or(text))
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (channel, login) = text.split_once(':').ok_or("expected CHANNEL:LOGIN, such as shop:mybot")?;
    Ok((parse_channel(channel)?, parse_login(login)?))
}

fn parse_login(text: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=LONGEST_LOGIN).contains(&text.len()) && text.bytes().all(is_part) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("{text:?} is no login: it has 1 to {LONGEST_LOGIN} letters, digits or underscores"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn roles_accounts_and_channels_are_read() {
        let line =
            "fake-twitch --account MyBot=oauth:a=b --channel #Shop --mod #shop:mybot --vip shop:vera --sub den:sue";
        let options = Options::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(options.accounts, [("mybot".to_owned(), "a=b".to_owned())]);
        assert_eq!(options.channels, ["shop"]);
        let appointed: Vec<_> = options.list_roles().collect();
        let expected =
            [("shop", "mybot", Role::Moderator), ("shop", "vera", Role::Vip), ("den", "sue", Role::Subscriber)];
        assert_eq!(appointed, expected);
    }

    #[test]
    fn applications_share_the_addresses_and_have_a_default() {
        let line = "fake-twitch --app mine=a=b --app device --redirect-uri http://a/ --redirect-uri http://b/";
        let options = Options::try_parse_from(line.split(' ')).unwrap();
        let read = |options: &Options| -> Vec<(String, Option<String>, usize)> {
            let describe = |it: Application| {
                (it.client_id, it.client_secret.map(|secret| secret.expose().to_owned()), it.redirect_uris.len())
            };
            options.list_applications().map(describe).collect()
        };
        let expected = [("mine".to_owned(), Some("a=b".to_owned()), 2), ("device".to_owned(), None, 2)];
        assert_eq!(read(&options), expected);
        assert!(!format!("{options:?}").contains("a=b"), "{options:?}");
        let usual = Options::try_parse_from(["fake-twitch"]).unwrap();
        assert_eq!(read(&usual), [("fake-client".to_owned(), Some("fake-secret".to_owned()), 1)]);
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said() {
        for (value, wrong) in [
            ("--account=mybot", "expected LOGIN=TOKEN"),
            ("--account=mybot=", "the token is empty"),
            ("--app==secret", "the client id is empty"),
            ("--app=mine=", "the secret is empty"),
            ("--mod=shop", "expected CHANNEL:LOGIN"),
            ("--mod=shop:my-bot", "\"my-bot\" is no login"),
            ("--channel=", "\"\" is no login"),
        ] {
            let error = Options::try_parse_from(["fake-twitch", value]).unwrap_err().to_string();
            assert!(error.contains(wrong), "{value}: {error}");
        }
    }
}
