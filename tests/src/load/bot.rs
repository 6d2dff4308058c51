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

/// Lines of the log that are shown after an error.
const LOG_SHOWN: usize = 10;

/// Builds the program under test, and returns its path.
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

/// `twitchy serve` or the echo client, with a folder that is deleted on drop.
pub struct Bot {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

/// Writes the bot's modules, token and configuration into a folder, and returns the configuration's path. `port` is the
/// port of its Twitch on this machine.
pub fn write_bot_folder(folder: &Path, port: u16, chat: &Chat) -> anyhow::Result<PathBuf> {
    fs::write(folder.join("echo.wasm"), guests::ECHO)?;
    fs::write(folder.join("loops-forever.wasm"), guests::LOOPS_FOREVER)?;
    // Other users must not be able to read the token, or the bot would warn.
    let token = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("token"));
    token?.write_all(b"abcdefghij0123456789")?;
    let config = folder.join("twitchy.toml");
    fs::write(&config, config_text(port, chat))?;
    Ok(config)
}

impl Bot {
    /// Starts `twitchy serve`, with its data and configuration in a folder. `port` is the port of its Twitch on this
    /// machine. The log goes to `log`, or into the folder.
    pub fn start(program: &Path, port: u16, chat: &Chat, log: Option<&Path>) -> anyhow::Result<Bot> {
        let folder = tempfile::tempdir().context("there is no room for a folder")?;
        let config = write_bot_folder(folder.path(), port, chat)?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(&config).env_remove("TWITCHY_DATA_DIR");
        command.env("TWITCHY_HTTP_LISTEN", "off");
        Bot::spawn(command, folder, log)
    }

    /// Starts [`super::echo_client`] as a process of its own. `program` is the load test's own file.
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
    /// If the process has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the bot ended: {status}"),
            None => Ok(()),
        }
    }

    /// Adds the last lines of the bot's log to an error.
    pub fn explain<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(LOG_SHOWN).collect();
            let last: Vec<&str> = lines.into_iter().rev().collect();
            anyhow!("{error:#}; the bot's last words were:\n{}", last.join("\n"))
        })
    }

    /// Reads the counters of the bot's usage so far, and resets its peak of memory.
    pub fn start_measuring(&self) -> anyhow::Result<Before> {
        Before::read(self.child.id())
    }

    pub fn measure(&self, before: &Before) -> anyhow::Result<Usage> {
        Usage::since(before, self.child.id())
    }

    /// Stops the bot by SIGTERM. Returns whether it ended successfully, and how often it logged each warning.
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

/// The text of a warning in the log, without its fields; `None` for other lines.
fn find_warning(line: &str) -> Option<String> {
    let is_warning = [" WARN ", "ERROR ", "panicked"].iter().any(|word| line.contains(word));
    // The load test itself causes this warning.
    if !is_warning || line.contains("limits.enforce") {
        return None;
    }
    let words = line.split(' ').skip(1).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take_while(|word| !word.contains('=')).collect();
    Some(words.join(" "))
}

impl Drop for Bot {
    fn drop(&mut self) {
        // Fails if the process has ended already, as it has after a successful test.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Stops the bot and prints its warnings. Returns whether it ended successfully.
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
