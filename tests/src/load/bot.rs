//! The program under test as a process, and what it uses: read from `/proc`, so on Linux only.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tempfile::TempDir;

use super::chat::{BOT, Chat};
use crate::guests;

/// Parts of a second in which Linux tells processor time (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// Lines of the log that are shown when something went wrong.
const LOG_SHOWN: usize = 10;

/// Makes the program that is to be measured; where it lies.
pub fn build() -> anyhow::Result<PathBuf> {
    let target = std::env::current_exe()?;
    let target = target.ancestors().nth(2).context("this program lies in no target folder")?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "-p", "twitchy", "--target-dir"]).arg(target).current_dir(workspace);
    eprintln!("building the program to be measured: cargo build --release -p twitchy");
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "the program to be measured does not build");
    Ok(target.join("release").join("twitchy"))
}

/// `twitchy serve`, with data and configuration in a folder that goes when it goes.
pub struct Bot {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

/// What the bot's folder holds: modules, a token, and the configuration that names them; the latter's path. `port` is where
/// its Twitch listens on this machine.
pub fn furnish(folder: &Path, port: u16, chat: &Chat) -> anyhow::Result<PathBuf> {
    fs::write(folder.join("echo.wasm"), guests::ECHO)?;
    fs::write(folder.join("loops-forever.wasm"), guests::LOOPS_FOREVER)?;
    // Others on this machine may not read it, or the bot would warn.
    let token = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("token"));
    token?.write_all(b"abcdefghij0123456789")?;
    let config = folder.join("twitchy.toml");
    fs::write(&config, config_text(port, chat))?;
    Ok(config)
}

impl Bot {
    /// `port` is where its Twitch listens on this machine. The log goes to `log`, or into its folder.
    pub fn start(program: &Path, port: u16, chat: &Chat, log: Option<&Path>) -> anyhow::Result<Bot> {
        let folder = tempfile::tempdir().context("there is no room for a folder")?;
        let config = furnish(folder.path(), port, chat)?;
        let log = log.map_or_else(|| folder.path().join("log"), Path::to_owned);
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(&config).env_remove("TWITCHY_DATA_DIR");
        command.env("TWITCHY_HTTP_LISTEN", "off");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Bot { child, log, _folder: folder })
    }

    /// # Errors
    /// When it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the bot ended: {status}"),
            None => Ok(()),
        }
    }

    /// Adds to an error what the bot said last.
    pub fn explain<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(LOG_SHOWN).collect();
            let last: Vec<&str> = lines.into_iter().rev().collect();
            anyhow!("{error:#}; the bot's last words were:\n{}", last.join("\n"))
        })
    }

    /// What it has used so far. Its peak of memory begins anew.
    pub fn start_measuring(&self) -> anyhow::Result<Before> {
        let process = self.child.id().to_string();
        // Compiling took more memory than anything after it. Where it may not be forgotten, the peak is the start's.
        fs::write(format!("/proc/{process}/clear_refs"), "5").ok();
        Ok(Before { bot: Times::read(&process)?, own: Times::read("self")?, resident: read_kib(&process, "VmRSS:")? })
    }

    pub fn measure(&self, before: &Before) -> anyhow::Result<Used> {
        let process = self.child.id().to_string();
        Ok(Used {
            bot: Times::read(&process)?.since(&before.bot),
            own: Times::read("self")?.since(&before.own),
            resident_before: before.resident,
            peak: read_kib(&process, "VmHWM:")?,
        })
    }

    /// Stops it in order; whether it ended well, and how often it warned of what.
    fn stop(mut self) -> anyhow::Result<(bool, BTreeMap<String, usize>)> {
        let told = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status()?;
        ensure!(told.success(), "the bot is gone");
        let status = self.child.wait()?;
        let mut warnings = BTreeMap::new();
        for warning in fs::read_to_string(&self.log)?.lines().filter_map(find_warning) {
            *warnings.entry(warning).or_default() += 1;
        }
        Ok((status.success(), warnings))
    }
}

/// Of a line of the log that warns: what it says, without the fields.
fn find_warning(line: &str) -> Option<String> {
    let is_warning = [" WARN ", "ERROR ", "panicked"].iter().any(|word| line.contains(word));
    // Of what this load test asked for.
    if !is_warning || line.contains("limits.enforce") {
        return None;
    }
    let words = line.split(' ').skip(1).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take_while(|word| !word.contains('=')).collect();
    Some(words.join(" "))
}

impl Drop for Bot {
    fn drop(&mut self) {
        // Over already, unless something went wrong.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Stops the bot and tells what it complained of; whether it ended well.
pub(super) fn print_end(bot: Bot) -> anyhow::Result<bool> {
    let (is_sound, warnings) = bot.stop()?;
    println!("  warnings   {} in the bot's log", warnings.values().sum::<usize>());
    for (warning, times) in warnings {
        println!("             {times} times {warning}");
    }
    if !is_sound {
        println!("  the bot ended with an error");
    }
    Ok(is_sound)
}

fn config_text(port: u16, chat: &Chat) -> String {
    let channels: Vec<String> = chat.channels().map(|login| format!("{login:?}")).collect();
    format!(
        "[twitch]\nirc_server = \"tcp://127.0.0.1:{port}\"\n\
         [[accounts]]\nlogin = \"{BOT}\"\ntoken_file = \"token\"\n\
         [channels]\njoin = [{}]\n\
         [limits]\nenforce = false\n\
         [modules]\nload = [\"echo.wasm\", \"loops-forever.wasm\"]\n",
        channels.join(", "),
    )
}

/// Processor time.
#[derive(Clone, Copy, Debug)]
struct Times {
    program: Duration,
    system: Duration,
}

impl Times {
    fn read(process: &str) -> anyhow::Result<Times> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the bot is gone")?;
        parse_times(&stat).context("the kernel tells processor time in another way")
    }

    fn since(self, before: &Times) -> Times {
        Times { program: self.program - before.program, system: self.system - before.system }
    }
}

/// The 14th and 15th field (proc_pid_stat(5)); the second is a name in parentheses, and may hold anything.
fn parse_times(stat: &str) -> Option<Times> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || Some(Duration::from_secs_f64(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND));
    Some(Times { program: next()?, system: next()? })
}

fn read_kib(process: &str, key: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the bot is gone")?;
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    let number = value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok());
    number.with_context(|| format!("the kernel does not tell {key}"))
}

/// Of the bot and of this program, before something.
pub struct Before {
    bot: Times,
    own: Times,
    resident: u64,
}

/// What something took of the machine.
pub struct Used {
    bot: Times,
    own: Times,
    /// KiB.
    resident_before: u64,
    /// KiB.
    peak: u64,
}

impl Display for Used {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let show = |times: Times| {
            let (program, system) = (times.program.as_secs_f64(), times.system.as_secs_f64());
            format!("{:.2} s ({program:.2} own, {system:.2} system)", program + system)
        };
        writeln!(f, "  processor  {}; the load test {}", show(self.bot), show(self.own))?;
        write!(f, "  memory     {} MiB at the peak, {} MiB before", self.peak >> 10, self.resident_before >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let times = parse_times("7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 9 0").unwrap();
        assert_eq!((times.program, times.system), (Duration::from_millis(2500), Duration::from_millis(500)));
        assert!(parse_times("7 (a) S 1").is_none());
    }

    #[test]
    fn a_warning_is_known_by_what_it_says() {
        let line = "2026-01-01T00:00:00.000000Z  WARN twitchy::chat::dispatch: a module broke module=dice error=Cpu";
        assert_eq!(find_warning(line).as_deref(), Some("WARN twitchy::chat::dispatch: a module broke"));
        assert_eq!(find_warning("2026-01-01T00:00:00.000000Z  INFO twitchy::app: stopped"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(read_kib("self", "VmHWM:").unwrap() > 100);
        assert!(read_kib("self", "Nothing:").is_err());
    }
}
