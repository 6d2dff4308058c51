//! The mode `paced`: sends lines at a steady pace, and compares latency and cost with those of a plain echo client.

use std::fmt::{self, Display, Formatter};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::script::{Pace, Script};
use super::server::Server;
use super::usage::Usage;
use super::{CommonOptions, Latencies, Stage, bot, count};

/// twitchy and the echo client are measured in turns of this length, so that other load on the machine affects both.
const TURN: Duration = Duration::from_secs(2);
/// Receipts and PONGs wait no longer than this.
const FLUSH_EVERY: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub setting: CommonOptions,
    /// Lines within a second.
    #[arg(long, default_value_t = 2000)]
    pub rate: usize,
    /// How long, in seconds; as long again for the echo client, and once more with burners.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Whether the same is played to a client that only answers, from one thread and without a sandbox: what any bot costs.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub echo: bool,
    /// Each so-many-th line is a command.
    #[arg(long, default_value_t = 10)]
    pub every: usize,
    /// Channels besides, in which a module burns all the processor time that it can get.
    #[arg(long, default_value_t = 0)]
    pub burners: usize,
    /// Calls of that module, in each such channel within a second.
    #[arg(long, default_value_t = 20, value_name = "CALLS")]
    pub burns: usize,
}

/// The result of a script.
#[derive(Clone, Debug)]
pub struct Paced {
    pub latencies: Latencies,
    pub calls: usize,
    pub lost: usize,
    pub unasked: u64,
    /// Answers whose text is not the call's.
    pub wrong: u64,
    pub burns: usize,
    pub burnt: u64,
    /// The largest delay of a line.
    pub late: Duration,
}

/// The result of a script, and what the bot used.
struct Measured {
    paced: Paced,
    usage: Usage,
}

/// Measures the real program and the echo client, and prints the results. Returns whether no answer was lost or wrong.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut twitchy = Stage::start(&arguments.setting, arguments.burners)?;
    let load_test = std::env::current_exe()?;
    let echo = arguments.echo.then(|| Stage::start_echo(&arguments.setting, &load_test));
    let mut echo = echo.transpose()?;
    println!(
        "paced: {} lines/s for {} s, one in {} a command, in {} channels",
        count(arguments.rate as f64),
        arguments.seconds,
        arguments.every,
        arguments.setting.channels
    );
    let (first, plain) = play_in_turns(&mut twitchy, echo.as_mut(), arguments)?;
    println!("twitchy\n{first}");
    first.print_for_each_command();
    let mut is_whole = first.paced.is_whole();
    if let Some(plain) = plain {
        println!("the echo client\n{plain}");
        plain.print_for_each_command();
        println!("twitchy to the echo client: {}", first.compare_with(&plain));
        is_whole &= plain.paced.is_whole();
    }
    if arguments.burners > 0 {
        let (burners, burns) = (arguments.burners, arguments.burns);
        println!("and twitchy with {burners} channels besides that burn processor time, {burns} calls/s in each");
        let second = measure(&mut twitchy, arguments, Duration::from_secs(arguments.seconds), true)?;
        let p99 = |measured: &Measured| measured.paced.latencies.quantile(0.99).as_secs_f64() * 1000.0;
        let (without, with) = (p99(&first), p99(&second));
        println!("{second}");
        println!("p99 without burners {without:.2} ms, with {with:.2} ms: {:.1} times", with / without.max(1e-6));
        is_whole &= second.paced.is_whole();
    }
    let is_sound = bot::print_end(twitchy.bot)?;
    Ok(is_sound && is_whole)
}

/// The second result is `None` without an echo client.
fn play_in_turns(
    twitchy: &mut Stage,
    mut echo: Option<&mut Stage>,
    arguments: &Arguments,
) -> anyhow::Result<(Measured, Option<Measured>)> {
    let (mut by_twitchy, mut by_echo) = (Vec::new(), Vec::new());
    let mut left = Duration::from_secs(arguments.seconds);
    while !left.is_zero() {
        let lasts = left.min(TURN);
        left -= lasts;
        by_twitchy.push(measure(twitchy, arguments, lasts, false)?);
        if let Some(echo) = &mut echo {
            by_echo.push(measure(echo, arguments, lasts, false)?);
        }
    }
    let by_twitchy = by_twitchy.into_iter().reduce(Measured::and).context("there is no time to say anything")?;
    Ok((by_twitchy, by_echo.into_iter().reduce(Measured::and)))
}

fn measure(stage: &mut Stage, arguments: &Arguments, lasts: Duration, is_burning: bool) -> anyhow::Result<Measured> {
    let pace = Pace { lines_per_second: arguments.rate, lasts, burns_per_second: arguments.burns };
    let script = Script::paced(&mut stage.chat, pace, arguments.every.max(1), is_burning);
    let before = stage.bot.start_measuring()?;
    let played = play(&mut stage.server, &script);
    let paced = stage.bot.explain(played)?;
    Ok(Measured { paced, usage: stage.bot.measure(&before)? })
}

/// Sends each line of the script when it is due.
///
/// # Errors
/// If the connection ends, or the bot stops reading.
pub fn play(server: &mut Server, script: &Script) -> anyhow::Result<Paced> {
    let shared = server.shared.clone();
    shared.lock().start_over();
    let (started_at, mut next, mut late) = (Instant::now(), 0, Duration::ZERO);
    while let Some(line) = script.lines.get(next) {
        let now = started_at.elapsed();
        if let Some(left) = line.due_after.checked_sub(now).filter(|left| !left.is_zero()) {
            server.pay()?;
            sleep(left.min(FLUSH_EVERY));
            continue;
        }
        let due = script.lines[next..].iter().take_while(|line| line.due_after <= now).count();
        late = late.max(now - line.due_after);
        let calls = script.lines[next..next + due].iter().filter_map(|line| line.call);
        shared.lock().expect(calls, Instant::now());
        server.write(script.bytes_of(next..next + due))?;
        next += due;
    }
    server.finish()?;
    let mut ledger = shared.lock();
    let calls = script.calls().count();
    Ok(Paced {
        latencies: Latencies::new(std::mem::take(&mut ledger.latencies)),
        calls,
        lost: ledger.awaited(),
        unasked: ledger.unasked,
        wrong: ledger.wrong,
        burns: script.count_burns(),
        burnt: ledger.burnt,
        late,
    })
}

impl Paced {
    /// Whether every call was answered with its text.
    fn is_whole(&self) -> bool {
        self.lost == 0 && self.wrong == 0
    }

    fn and(self, later: Paced) -> Paced {
        Paced {
            latencies: self.latencies.and(later.latencies),
            calls: self.calls + later.calls,
            lost: self.lost + later.lost,
            unasked: self.unasked + later.unasked,
            wrong: self.wrong + later.wrong,
            burns: self.burns + later.burns,
            burnt: self.burnt + later.burnt,
            late: self.late.max(later.late),
        }
    }
}

impl Measured {
    fn and(self, later: Measured) -> Measured {
        Measured { paced: self.paced.and(later.paced), usage: self.usage.and(later.usage) }
    }

    fn print_for_each_command(&self) {
        self.usage.print_for_each(self.paced.calls);
    }

    /// The ratios of these results to those of `plain`.
    fn compare_with(&self, plain: &Measured) -> String {
        let times = |figure: &dyn Fn(&Measured) -> f64| figure(self) / figure(plain).max(1e-9);
        let latency = |share| times(&|measured| measured.paced.latencies.quantile(share).as_secs_f64());
        format!(
            "p50 {:.1} times, p99 {:.1} times, processor {:.1} times, switches {:.1} times",
            latency(0.5),
            latency(0.99),
            times(&|measured| measured.usage.total().processor.as_secs_f64()),
            times(&|measured| measured.usage.total().switches() as f64),
        )
    }
}

impl Display for Measured {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.paced, self.usage)
    }
}

impl Display for Paced {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Paced { latencies, calls, lost, unasked, wrong, burns, burnt, late } = self;
        writeln!(f, "  latency    {latencies}")?;
        let answered = calls - lost;
        writeln!(f, "  replies    {answered} of {calls}: {lost} lost, {wrong} wrong, {unasked} unasked for")?;
        if *burns > 0 {
            writeln!(f, "  burnt      {burns} calls, {burnt} apologies")?;
        }
        write!(f, "  pace       the latest line was {:.2} ms late", late.as_secs_f64() * 1000.0)
    }
}
