//! Twitch in a box as a program, for testing any bot. Each service of Twitch is a heading of options in `options`; what
//! happens is told by `report`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use fake_twitch::{FakeTwitch, FindChannelError, Policy, Settings};
use tokio::runtime::Handle;
use tokio::task;

mod options;
mod report;

use options::{Appointment, Options};

/// Why the server does not run. For whoever started it.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("{address} is taken by another program: choose another port with {option}, where 0 takes any free one")]
    PortTaken { address: SocketAddr, option: &'static str },
    #[error("cannot listen at {address}: {error} (the port is chosen with {option})")]
    Listen { address: SocketAddr, option: &'static str, error: io::Error },
    #[error(transparent)]
    Channel(#[from] FindChannelError),
    #[error("cannot say where it listens: {0}")]
    Output(io::Error),
    #[error("cannot report what happens: {0}")]
    Report(String),
}

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

/// Runs until the process is ended from outside.
async fn serve(options: &Options) -> Result<(), ServeError> {
    let twitch = FakeTwitch::new(&Settings {
        seed: fresh_seed(),
        base_time: SystemTime::now(),
        policy: Policy {
            has_limits: !options.no_limits,
            takes_any_account: options.accounts.is_empty(),
            has_any_channel: options.channels.is_empty(),
        },
    });
    set_up(&twitch, options)?;
    let (messages, violations) = (twitch.subscribe(), twitch.subscribe_violations());
    let tcp = SocketAddr::new(options.host, options.port);
    let tcp = twitch.listen_at(tcp).await.map_err(|source| explain(source, tcp, "--port"))?;
    let websocket = SocketAddr::new(options.host, options.ws_port);
    let websocket = twitch.listen_websocket_at(websocket).await;
    let websocket =
        websocket.map_err(|source| explain(source, SocketAddr::new(options.host, options.ws_port), "--ws-port"))?;
    announce(tcp, websocket).map_err(ServeError::Output)?;
    // On a thread of its own: when the reader of standard error stalls, writing blocks, and clients must be served all the same.
    let report = report::run(messages, violations, options.quiet);
    let runtime = Handle::current();
    task::spawn_blocking(move || runtime.block_on(report)).await.map_err(|error| ServeError::Report(error.to_string()))
}

fn set_up(twitch: &FakeTwitch, options: &Options) -> Result<(), FindChannelError> {
    for account in &options.accounts {
        twitch.add_account(&account.login, &twitch.user_id(&account.login), &account.token);
    }
    for channel in &options.channels {
        twitch.add_channel(channel);
    }
    for Appointment { channel, login, role } in options.list_appointments() {
        if !twitch.has_channel(&channel) {
            twitch.add_channel(&channel);
        }
        twitch.add_role(&channel, &login, role)?;
    }
    Ok(())
}

/// On standard output, so that whoever starts the server with port 0 can read where it is.
fn announce(tcp: SocketAddr, websocket: SocketAddr) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "IRC over TCP        {tcp}")?;
    writeln!(output, "IRC over WebSocket  ws://{websocket}")?;
    output.flush()
}

fn explain(source: io::Error, address: SocketAddr, option: &'static str) -> ServeError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken { address, option },
        _ => ServeError::Listen { address, option, error: source },
    }
}

/// Message ids must differ from run to run: a bot may keep those that it has answered.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}
