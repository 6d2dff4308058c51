//! The program, started on free ports, with clients over TCP and over WebSocket.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, and says where")]

use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Far more than any step takes on a slow machine. A test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running program, which is killed at the end of the test.
struct Program {
    child: Child,
    told: Lines<BufReader<ChildStderr>>,
    tcp: SocketAddr,
    websocket: SocketAddr,
    id: SocketAddr,
}

impl Program {
    fn start(arguments: &[&str]) -> Program {
        let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap()
        };
        let tcp = read("IRC over TCP ");
        let websocket = read("IRC over WebSocket  ws://");
        let id = read("id.twitch.tv        http://");
        let told = BufReader::new(child.stderr.take().unwrap()).lines();
        Program { child, told, tcp, websocket, id }
    }

    /// The next line on standard error.
    fn read_told(&mut self) -> String {
        self.told.next().unwrap().unwrap()
    }

    /// Kills the program, and returns the unread lines of standard error.
    fn end(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.told.by_ref().map(Result::unwrap).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails if `end` has killed the program already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-twitch"));
    command.args(["--port", "0", "--ws-port", "0", "--id-port", "0"]).args(arguments).stdin(Stdio::null());
    command
}

struct TcpClient(tokio::io::BufReader<TcpStream>);

impl TcpClient {
    async fn connect(program: &Program) -> TcpClient {
        TcpClient(tokio::io::BufReader::new(TcpStream::connect(program.tcp).await.unwrap()))
    }

    async fn send(&mut self, lines: &str) {
        self.0.write_all(format!("{lines}\r\n").as_bytes()).await.unwrap();
    }

    /// The next line that contains `part`; `None` at the end of the connection.
    async fn find(&mut self, part: &str) -> Option<String> {
        let read = async {
            loop {
                let mut line = String::new();
                if self.0.read_line(&mut line).await.unwrap() == 0 || line.contains(part) {
                    return Some(line.trim_end().to_owned()).filter(|line| !line.is_empty());
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no line holds {part:?}"))
    }
}

struct WebSocketClient {
    socket: WebSocketStream<TcpStream>,
    protocol: Option<String>,
    unread: Vec<String>,
}

impl WebSocketClient {
    /// Connects with these requested subprotocols.
    async fn connect(program: &Program, protocols: Option<&str>) -> WebSocketClient {
        let mut request = format!("ws://{}/", program.websocket).into_client_request().unwrap();
        if let Some(protocols) = protocols {
            request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
        }
        let stream = TcpStream::connect(program.websocket).await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        let protocol = response.headers().get("Sec-WebSocket-Protocol");
        let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
        WebSocketClient { socket, protocol, unread: Vec::new() }
    }

    async fn send(&mut self, lines: &str) {
        self.socket.send(Message::text(lines)).await.unwrap();
    }

    /// The next line that contains `part`; `None` at the end of the connection. Checks that messages end with a line.
    async fn find(&mut self, part: &str) -> Option<String> {
        let read = async {
            loop {
                while !self.unread.is_empty() {
                    let line = self.unread.remove(0);
                    if line.contains(part) {
                        return Some(line);
                    }
                }
                match self.socket.next().await.transpose().unwrap() {
                    Some(Message::Text(text)) => {
                        let lines = text.strip_suffix("\r\n").unwrap_or_else(|| panic!("half a line: {text}"));
                        self.unread.extend(lines.split("\r\n").map(str::to_owned));
                    }
                    Some(Message::Close(_)) | None => return None,
                    Some(_) => {}
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no line holds {part:?}"))
    }
}

#[tokio::test]
async fn a_reader_of_standard_error_that_stalls_holds_up_no_client() {
    let program = Program::start(&["--no-limits"]);
    let mut alice = TcpClient::connect(&program).await;
    alice.send("PASS oauth:any\r\nNICK alice\r\nJOIN #shop").await;
    alice.find("JOIN #shop").await.unwrap();
    // More than a pipe holds, and nobody reads it.
    for n in 0..400 {
        alice.send(&format!("PRIVMSG #shop :{n} {}", "x".repeat(480))).await;
    }
    alice.send("PING :still there").await;
    alice.find("PONG").await.unwrap();
    assert!(program.end().len() > 1, "the report was written as far as the pipe took it");
}

const CAPABILITIES: &str = "CAP REQ :twitch.tv/tags twitch.tv/commands twitch.tv/membership";

#[tokio::test]
async fn clients_over_tcp_and_websocket_talk_to_each_other() {
    let mut program = Program::start(&[]);
    let mut alice = TcpClient::connect(&program).await;
    let mut bob = WebSocketClient::connect(&program, None).await;
    assert_eq!(bob.protocol, None);
    alice.send(&format!("{CAPABILITIES}\r\nPASS oauth:any\r\nNICK alice\r\nJOIN #shop")).await;
    alice.find("ROOMSTATE #shop").await.unwrap();
    // First a message of several lines, the last one without an ending; then a message for each line.
    bob.send(&format!("{CAPABILITIES}\r\nPASS oauth:other\r\nNICK bob")).await;
    bob.find("GLOBALUSERSTATE").await.unwrap();
    bob.send("JOIN #shop\r\n").await;
    assert_eq!(bob.find(" 353 ").await.unwrap(), ":bob.tmi.twitch.tv 353 bob = #shop :alice bob");
    assert_eq!(alice.find("JOIN").await.unwrap(), ":bob!bob@bob.tmi.twitch.tv JOIN #shop");
    alice.send("PRIVMSG #shop :hi bob, ¿qué tal?").await;
    let heard = bob.find("PRIVMSG").await.unwrap();
    assert!(heard.ends_with(":alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :hi bob, ¿qué tal?"), "{heard}");
    bob.send("PRIVMSG #shop :\u{1}ACTION waves\u{1}").await;
    let heard = alice.find("PRIVMSG").await.unwrap();
    assert!(heard.ends_with(":bob!bob@bob.tmi.twitch.tv PRIVMSG #shop :\u{1}ACTION waves\u{1}"), "{heard}");
    bob.send("QUIT").await;
    assert_eq!(bob.find("nothing more").await, None);
    assert_eq!(program.read_told(), "#shop alice> hi bob, ¿qué tal?");
    assert_eq!(program.read_told(), "#shop bob> /me waves");
}

#[tokio::test]
async fn the_subprotocol_irc_is_confirmed_to_those_who_ask_for_it() {
    let program = Program::start(&[]);
    for asked in ["irc", "chat, irc"] {
        let mut client = WebSocketClient::connect(&program, Some(asked)).await;
        assert_eq!(client.protocol.as_deref(), Some("irc"), "{asked}");
        client.send("PASS SCHMOOPIIE\r\nNICK justinfan7\r\nPING").await;
        assert_eq!(client.find("PONG").await.unwrap(), "PONG :tmi.twitch.tv");
    }
}

/// Sends thirty messages at once, each to another channel.
async fn send_thirty(program: &Program) -> TcpClient {
    let mut bot = TcpClient::connect(program).await;
    bot.send(&format!("{CAPABILITIES}\r\nPASS oauth:any\r\nNICK bot")).await;
    let messages: Vec<String> = (0..30).map(|n| format!("PRIVMSG #c{n} :hi")).collect();
    bot.send(&messages.join("\r\n")).await;
    bot.send("PING :end").await;
    bot
}

#[tokio::test]
async fn twitchs_limits_hold_and_a_broken_one_is_told() {
    let mut program = Program::start(&["--quiet"]);
    let mut bot = send_thirty(&program).await;
    for _ in 0..20 {
        bot.find("USERSTATE #c").await.unwrap();
    }
    assert_eq!(bot.find("").await.unwrap(), ":tmi.twitch.tv PONG tmi.twitch.tv :end");
    let told = program.read_told();
    assert!(told.starts_with("RULE BROKEN by bot: more than 20 messages in 30 s"), "{told}");
    assert_eq!(program.end(), Vec::<String>::new());
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let program = Program::start(&["--no-limits", "--quiet"]);
    let mut bot = send_thirty(&program).await;
    for _ in 0..30 {
        bot.find("USERSTATE #c").await.unwrap();
    }
    assert_eq!(bot.find("").await.unwrap(), ":tmi.twitch.tv PONG tmi.twitch.tv :end");
    assert_eq!(program.end(), Vec::<String>::new());
}

#[tokio::test]
async fn accounts_channels_and_roles_are_set_by_options() {
    let program = Program::start(&["--account", "MyBot=oauth:secret", "--channel", "#shop", "--mod", "shop:mybot"]);
    for login in ["PASS oauth:wrong\r\nNICK mybot", "PASS oauth:any\r\nNICK alice"] {
        let mut client = TcpClient::connect(&program).await;
        client.send(login).await;
        assert_eq!(client.find("").await.unwrap(), ":tmi.twitch.tv NOTICE * :Login authentication failed");
        assert_eq!(client.find("").await, None);
    }
    let mut bot = TcpClient::connect(&program).await;
    bot.send(&format!("{CAPABILITIES}\r\nPASS oauth:secret\r\nNICK mybot\r\nJOIN #den,#shop")).await;
    assert_eq!(bot.find(" JOIN ").await.unwrap(), ":mybot!mybot@mybot.tmi.twitch.tv JOIN #shop");
    let standing = bot.find("USERSTATE #shop").await.unwrap();
    assert!(standing.contains("badges=moderator/1;") && standing.contains("mod=1;"), "{standing}");
}

/// Sends a form, and returns the whole answer.
async fn send_form(program: &Program, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(program.id).await.unwrap();
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: id\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// What follows `start` in `text`, up to the character `end`.
fn cut<'a>(text: &'a str, start: &str, end: char) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split(end).next().unwrap()
}

#[tokio::test]
async fn an_application_logs_somebody_in_and_the_token_is_valid_in_chat() {
    let program = Program::start(&["--app", "mine=secret", "--redirect-uri", "http://localhost/back"]);
    let request = "response_type=code&client_id=mine&redirect_uri=http://localhost/back&scope=chat:read&login=alice";
    let answer = send_form(&program, "/oauth2/authorize", &format!("{request}&choice=approve")).await;
    let code = cut(&answer, "location: http://localhost/back?code=", '&');
    let request = "grant_type=authorization_code&client_id=mine&client_secret=secret&code=";
    let body = format!("{request}{code}&redirect_uri=http://localhost/back");
    let answer = send_form(&program, "/oauth2/token", &body).await;
    assert_eq!(cut(&answer, "\"expires_in\":", ','), "14400");
    let token = cut(&answer, "\"access_token\":\"", '"');
    // The token says who it is, where a made-up one would be for anybody.
    let mut client = TcpClient::connect(&program).await;
    client.send(&format!("PASS oauth:{token}\r\nNICK bob")).await;
    assert_eq!(client.find("").await.unwrap(), ":tmi.twitch.tv 001 alice :Welcome, GLHF!");
    let answer = send_form(&program, "/oauth2/revoke", &format!("client_id=mine&token={token}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let mut client = TcpClient::connect(&program).await;
    client.send(&format!("PASS oauth:{token}\r\nNICK alice")).await;
    assert_eq!(client.find("").await.unwrap(), ":tmi.twitch.tv NOTICE * :Login authentication failed");
}

#[test]
fn a_port_that_is_taken_is_told_with_the_option_to_change_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for option in ["--port", "--ws-port", "--id-port"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-twitch"));
        for free in ["--port", "--ws-port", "--id-port"] {
            let port = if free == option { address.port() } else { 0 };
            command.args([free, &port.to_string()]);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let expected = format!(
            "fake-twitch: {address} is taken by another program: choose another port with {option}, where 0 takes any \
             free one\n"
        );
        assert_eq!((output.status.code(), told), (Some(1), expected));
        assert!(output.stdout.is_empty());
    }
}
