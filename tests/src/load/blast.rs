//! The mode `blast`: sends as many lines as the socket takes.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use super::chat::Chat;
use super::script::Script;
use super::server::Server;
use super::{CommonOptions, Stage, bot, count};

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub setting: CommonOptions,
    /// Lines to say.
    #[arg(long, default_value_t = 200_000)]
    pub lines: usize,
    /// Each so-many-th line is a command.
    #[arg(long, default_value_t = 100)]
    pub every: usize,
}

/// The result of a blast.
#[derive(Clone, Debug)]
pub struct Blast {
    pub lines: usize,
    pub bytes: usize,
    pub calls: usize,
    pub lost: usize,
    pub unasked: u64,
    /// Answers whose text is not the call's.
    pub wrong: u64,
    /// From the first byte until all was read and the last answer had come.
    pub took: Duration,
    /// From the first byte until the last one was written.
    pub written_after: Duration,
    /// From the first byte until all was read.
    pub read_after: Option<Duration>,
}

/// Blasts the real program, and prints the results. Returns whether no answer was lost or wrong.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut stage = Stage::start(&arguments.setting, 0)?;
    let script = Script::blast(&mut stage.chat, arguments.lines, arguments.every.max(1));
    let before = stage.bot.start_measuring()?;
    let played = play(&mut stage.server, &script);
    let blast = stage.bot.explain(played)?;
    let used = stage.bot.measure(&before)?;
    println!("{}\n{blast}\n{used}", title(arguments, &blast, &stage.chat));
    let is_sound = bot::print_end(stage.bot)?;
    Ok(is_sound && blast.is_whole())
}

pub(super) fn title(arguments: &Arguments, blast: &Blast, chat: &Chat) -> String {
    format!(
        "blast: {} lines of {} bytes, one in {} a command, from {} chatters in {} channels",
        count(blast.lines as f64),
        blast.bytes / blast.lines.max(1),
        arguments.every,
        count(chat.size.chatters as f64),
        chat.size.channels
    )
}

/// Sends the whole script at once.
///
/// # Errors
/// If the connection ends, or the bot stops reading.
pub fn play(server: &mut Server, script: &Script) -> anyhow::Result<Blast> {
    let shared = server.shared.clone();
    let started_at = Instant::now();
    {
        let mut ledger = shared.lock();
        ledger.start_over();
        ledger.expect(script.calls(), started_at);
    }
    for chunk in script.chunks() {
        server.write(chunk)?;
    }
    let written_after = started_at.elapsed();
    server.finish()?;
    let ledger = shared.lock();
    let ended_at = ledger.read_at.max(ledger.answered_at).or(ledger.heard_at);
    Ok(Blast {
        lines: script.lines.len(),
        bytes: script.bytes.len(),
        calls: script.calls().count(),
        lost: ledger.awaited(),
        unasked: ledger.unasked,
        wrong: ledger.wrong,
        took: ended_at.map_or(written_after, |at| at - started_at),
        written_after,
        read_after: ledger.read_at.map(|at| at - started_at),
    })
}

impl Blast {
    /// Whether every call was answered with its text.
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.wrong == 0
    }

    pub fn lines_per_second(&self) -> f64 {
        self.lines as f64 / self.took.as_secs_f64()
    }
}

impl Display for Blast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let lines = count(self.lines_per_second());
        let calls = count(self.calls as f64 / seconds);
        let megabytes = self.bytes as f64 / seconds / 1e6;
        let read = self.read_after.map_or("never".to_owned(), |after| format!("after {:.3} s", after.as_secs_f64()));
        let written = self.written_after.as_secs_f64();
        writeln!(f, "  speed      {lines} lines/s, {calls} commands/s, {megabytes:.0} MB/s")?;
        writeln!(f, "  time       {seconds:.3} s; all written after {written:.3} s, all read {read}")?;
        let answered = count((self.calls - self.lost) as f64);
        let (calls, Blast { lost, wrong, unasked, .. }) = (count(self.calls as f64), self);
        write!(f, "  replies    {answered} of {calls}: {lost} lost, {wrong} wrong, {unasked} unasked for")
    }
}
