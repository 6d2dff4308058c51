//! A program under test as a process.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, anyhow, bail, ensure};
use tempfile::TempDir;

use super::chat::{BOT, Chat};
use super::usage::{Before, Usage};
use crate::guests;

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

/// `twitchy serve` or the echo client, with a folder that is deleted when it is dropped.
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
    /// `twitchy serve`, with its data and configuration in the folder. `port` is where its Twitch listens on this machine. The log
    /// goes to `log`, or into the folder.
    pub fn start(program: &Path, port: u16, chat: &Chat, log: Option<&Path>) -> anyhow::Result<Bot> {
        let folder = tempfile::tempdir().context("there is no room for a folder")?;
        let config = furnish(folder.path(), port, chat)?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(&config).env_remove("TWITCHY_DATA_DIR");
        command.env("TWITCHY_HTTP_LISTEN", "off");
        Bot::spawn(command, folder, log)
    }

    /// [`super::echo_client`] as a process of its own. `program` is the load test.
    pub fn start_echo(program: &Path, port: u16, chat: &Chat) -> anyhow::Result<Bot> {
        let folder = tempfile::tempdir().context("there is no room for a folder")?;
        let mut command = Command::new(program);
        command.arg("echo-client").args([port.to_string(), chat.size.channels.to_string()]);
        Bot::spawn(command, folder, None)
    }

    fn spawn(mut command: Command, folder: TempDir, log: Option<&Path>) -> anyhow::Result<Bot> {
        let log = log.map_or_else(|| folder.path().join("log"), Path::to_owned);
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
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

    /// Reads the counters of what it has used so far. Its peak of memory begins anew.
    pub fn start_measuring(&self) -> anyhow::Result<Before> {
        Before::read(self.child.id())
    }

    pub fn measure(&self, before: &Before) -> anyhow::Result<Usage> {
        Usage::since(before, self.child.id())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_known_by_what_it_says() {
        let line = "2026-01-01T00:00:00.000000Z  WARN twitchy::chat::dispatch: a module broke module=dice error=Cpu";
        assert_eq!(find_warning(line).as_deref(), Some("WARN twitchy::chat::dispatch: a module broke"));
        assert_eq!(find_warning("2026-01-01T00:00:00.000000Z  INFO twitchy::app: stopped"), None);
    }
}
