//! Lines at a steady pace, and how long the answers take.

use std::fmt::{self, Display, Formatter};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::script::{Pace, Script};
use super::server::Server;
use super::{Latencies, Setting, Stage, bot, count};

/// What is owed to the bot waits no longer than this.
const PAID_EVERY: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub setting: Setting,
    /// Lines within a second.
    #[arg(long, default_value_t = 2000)]
    pub rate: usize,
    /// How long, in seconds; with burners twice that.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
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

/// What became of the lines.
#[derive(Clone, Debug)]
pub struct Paced {
    pub latencies: Latencies,
    pub calls: usize,
    pub lost: usize,
    pub unasked: u64,
    /// Answers that say something else than what was called for.
    pub wrong: u64,
    pub burns: usize,
    pub burnt: u64,
    /// How late the latest line was.
    pub late: Duration,
}

/// Plays it to the real program, and prints what it took; whether nothing was lost.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut stage = Stage::start(&arguments.setting, arguments.burners)?;
    println!(
        "paced: {} lines/s for {} s, one in {} a command, in {} channels",
        count(arguments.rate as f64),
        arguments.seconds,
        arguments.every,
        arguments.setting.channels
    );
    let first = run_once(&mut stage, arguments, false)?;
    let mut is_whole = first.is_whole();
    if arguments.burners > 0 {
        let (burners, burns) = (arguments.burners, arguments.burns);
        println!("and with {burners} channels besides that burn processor time, {burns} calls/s in each");
        let second = run_once(&mut stage, arguments, true)?;
        let p99 = |paced: &Paced| paced.latencies.quantile(0.99).as_secs_f64() * 1000.0;
        let (without, with) = (p99(&first), p99(&second));
        println!("p99 without burners {without:.2} ms, with {with:.2} ms: {:.1} times", with / without.max(1e-6));
        is_whole &= second.is_whole();
    }
    let is_sound = bot::print_end(stage.bot)?;
    Ok(is_sound && is_whole)
}

fn run_once(stage: &mut Stage, arguments: &Arguments, is_burning: bool) -> anyhow::Result<Paced> {
    let pace = Pace {
        lines_per_second: arguments.rate,
        lasts: Duration::from_secs(arguments.seconds),
        burns_per_second: arguments.burns,
    };
    let script = Script::paced(&mut stage.chat, pace, arguments.every.max(1), is_burning);
    let before = stage.bot.start_measuring()?;
    let played = play(&mut stage.server, &script);
    let paced = stage.bot.explain(played)?;
    let used = stage.bot.measure(&before)?;
    println!("{paced}\n{used}");
    Ok(paced)
}

/// Says each line of the script when it is due.
///
/// # Errors
/// When the connection ends, or nothing is read any more.
pub fn play(server: &mut Server, script: &Script) -> anyhow::Result<Paced> {
    let shared = server.shared.clone();
    shared.lock().start_over();
    let (started_at, mut next, mut late) = (Instant::now(), 0, Duration::ZERO);
    while let Some(line) = script.lines.get(next) {
        let now = started_at.elapsed();
        if let Some(left) = line.due_after.checked_sub(now).filter(|left| !left.is_zero()) {
            server.pay()?;
            sleep(left.min(PAID_EVERY));
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
    /// Every call was answered, with what it called for.
    fn is_whole(&self) -> bool {
        self.lost == 0 && self.wrong == 0
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
