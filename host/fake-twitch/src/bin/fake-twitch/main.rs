//! Twitch in a box as a program, for testing any bot. `options` has a heading for each service of Twitch; `report`
//! prints messages and broken rules.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use fake_twitch::{FakeTwitch, FindChannelError, Policy, Settings};
use tokio::runtime::Handle;
use tokio::task;

mod options;
mod report;

use options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match serve(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-twitch: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until the process is killed. The error says, in words for the user, why the server cannot run.
async fn serve(options: &Options) -> Result<(), String> {
    let twitch = FakeTwitch::new(&Settings {
        seed: fresh_seed(),
        base_time: SystemTime::now(),
        policy: Policy {
            has_limits: !options.no_limits,
            takes_any_account: options.accounts.is_empty(),
            has_any_channel: options.channels.is_empty(),
        },
    });
    set_up(&twitch, options).map_err(|error| error.to_string())?;
    let (messages, violations) = (twitch.subscribe(), twitch.subscribe_violations());
    let tcp = SocketAddr::new(options.host, options.port);
    let tcp = twitch.listen_at(tcp).await.map_err(|error| explain(&error, tcp, "--port"))?;
    let websocket = SocketAddr::new(options.host, options.ws_port);
    let listening = twitch.listen_websocket_at(websocket).await;
    let websocket = listening.map_err(|error| explain(&error, websocket, "--ws-port"))?;
    let id = SocketAddr::new(options.host, options.id_port);
    let id = twitch.listen_id_at(id).await.map_err(|error| explain(&error, id, "--id-port"))?;
    announce(tcp, websocket, id).map_err(|error| format!("cannot say where it listens: {error}"))?;
    // On its own thread: writing blocks when the reader of standard error stalls, and clients must still be served.
    let report = report::run(messages, violations, options.quiet);
    let runtime = Handle::current();
    let reporting = task::spawn_blocking(move || runtime.block_on(report)).await;
    reporting.map_err(|error| format!("cannot report what happens: {error}"))
}

fn set_up(twitch: &FakeTwitch, options: &Options) -> Result<(), FindChannelError> {
    for (login, token) in &options.accounts {
        twitch.add_account(login, &twitch.user_id(login), token);
    }
    for channel in &options.channels {
        twitch.add_channel(channel);
    }
    for (channel, login, role) in options.list_roles() {
        if !twitch.has_channel(channel) {
            twitch.add_channel(channel);
        }
        twitch.add_role(channel, login, role)?;
    }
    for application in options.list_applications() {
        twitch.add_application(application);
    }
    twitch.set_token_lifetime(Duration::from_secs(options.token_lifetime.into()));
    Ok(())
}

/// Prints the addresses on standard output, so that a caller that chose port 0 can read the actual ports.
fn announce(tcp: SocketAddr, websocket: SocketAddr, id: SocketAddr) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "IRC over TCP        {tcp}")?;
    writeln!(output, "IRC over WebSocket  ws://{websocket}")?;
    writeln!(output, "id.twitch.tv        http://{id}")?;
    output.flush()
}

fn explain(error: &io::Error, address: SocketAddr, option: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "{address} is taken by another program: choose another port with {option}, where 0 takes any free one"
            )
        }
        _ => format!("cannot listen at {address}: {error} (the port is chosen with {option})"),
    }
}

/// The seed of the message ids. They differ from run to run, because a bot may keep the ids that it has answered.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}
