//! Runs the load test on a small scale, so that no change breaks it unnoticed between two measurements.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tests::load::blast::{Arguments, play};
use tests::load::chat::{Chat, Size};
use tests::load::script::{Pace, Script};
use tests::load::server::Server;
use tests::load::{CommonOptions, Stage, bot, ceiling, paced};
use twitchy::app::credentials::ConfiguredTokens;
use twitchy::app::{App, Dependencies};
use twitchy::config::Config;
use twitchy::config::load::load_config;
use twitchy::domain::ports::SystemClock;
use twitchy::joining::JoinPolicy;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::telemetry::log_queue::LostLines;

use crate::harness::{patient, quick_folder};

#[test]
fn a_client_that_answers_loses_nothing() {
    let arguments = Arguments { setting: setting(), lines: 2000, every: 10 };
    let (blast, _) = ceiling::measure(&arguments).expect("loopback works");
    assert_eq!((blast.lines, blast.calls, blast.unasked), (2000, 200, 0));
    assert!(blast.is_whole(), "{blast}");
    assert!(blast.read_after.is_some());
}

#[test]
fn the_echo_client_answers_each_call_of_a_pace_and_is_measured_by_thread() {
    let program = Path::new(env!("CARGO_BIN_EXE_load"));
    let mut stage = Stage::start_echo(&setting(), program).expect("loopback works");
    let before = stage.bot.start_measuring().expect("it runs");
    let pace = Pace { lines_per_second: 10_000, lasts: Duration::from_millis(20), burns_per_second: 0 };
    let script = Script::paced(&mut stage.chat, pace, 20, false);
    let paced = paced::play(&mut stage.server, &script).expect("it reads and answers");
    let usage = stage.bot.measure(&before).expect("it runs");
    assert_eq!((paced.calls, paced.lost, paced.wrong, paced.unasked), (10, 0, 0, 0));
    assert!(!usage.total().processor.is_zero());
}

fn setting() -> CommonOptions {
    CommonOptions { channels: 20, chatters: 100, receipts: true, twitchy: None, log: None }
}

/// Plays a blast and a pace to the whole host in this process. The host has to answer each call once.
#[tokio::test(flavor = "multi_thread")]
async fn the_host_answers_each_call_of_a_blast_and_of_a_pace() {
    let folder = quick_folder();
    let mut chat = Chat::new(Size { channels: 20, burners: 1, chatters: 100 });
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a loopback");
    let port = listener.local_addr().expect("it is bound").port();
    let mut config =
        load_config(&bot::write_bot_folder(folder.path(), port, &chat).expect("there is room")).expect("it is sound");
    config.sandbox = patient();
    let app = App::start(config.clone(), dependencies(&config)).await.expect("the host starts");
    let played = tokio::task::spawn_blocking(move || {
        let mut server = Server::accept(&listener, &chat, true, || Ok(()))?;
        server.warm_up(&mut chat)?;
        let blast = play(&mut server, &Script::blast(&mut chat, 1000, 20))?;
        let pace = Pace { lines_per_second: 10_000, lasts: Duration::from_millis(20), burns_per_second: 50 };
        let paced = paced::play(&mut server, &Script::paced(&mut chat, pace, 20, true))?;
        anyhow::Ok((blast, paced))
    });
    let (blast, paced) = played.await.expect("no panic").expect("the bot reads and answers");
    app.stop().await.expect("it stops in order");
    assert_eq!((blast.calls, blast.lost, blast.wrong, blast.unasked), (50, 0, 0, 0));
    assert_eq!((paced.calls, paced.lost, paced.wrong, paced.unasked, paced.burns), (10, 0, 0, 0, 1));
}

fn dependencies(config: &Config) -> Dependencies {
    Dependencies {
        clock: Arc::new(SystemClock),
        credentials: Arc::new(ConfiguredTokens::new(&config.accounts)),
        new_channels: NewChannelRules::Essentials,
        join_policy: JoinPolicy::Closed,
        twitch_counts_on: true,
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts"),
        lost_log_lines: LostLines::default(),
    }
}
