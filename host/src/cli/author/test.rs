//! `twitchy module test`: plays an author's transcripts against the module in the real sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::blocking::block_on;
use super::performance::show_logged;
use super::scene::{Scene, describe_keys};
use super::source::Source;
use super::stage::{Stage, Web};
use crate::cli::module::report;
use crate::cli::output;
use crate::config::text::read_text;
use crate::domain::manifest::SizeClass;
use crate::telemetry::lines::LineLevel;
use crate::transcript::{ChannelHeader, Heard, Step, Transcript};

/// The folder of a crate's transcripts, and the ending of their names.
const FOLDER: &str = "transcripts";
const ENDING: &str = "txt";

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub(in crate::cli) struct Test {
    /// A component, or the folder of a crate, which is built.
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    module: PathBuf,
    /// Transcripts, or folders of them; those in the crate's folder `transcripts`, unless it is said.
    #[arg(value_name = "TRANSCRIPT")]
    transcripts: Vec<PathBuf>,
    /// Write what happens into the transcripts that are wrong, in place of what they expect.
    #[arg(long)]
    update: bool,
    /// The component brings a JavaScript or Python runtime along.
    #[arg(long)]
    large: bool,
}

fn help() -> String {
    format!(
        "A transcript is a chat with the replies that are expected:\n\n  \
         #shop   set: sides=20   random: 3\n  \
         alice>      !roll\n  \
         bot>        @alice you rolled 4\n  \
         alice>      !roll                       (nothing: cooldown)\n  \
         ... 10s\n  \
         mod carol>  !roll 2d6\n  \
         bot>        @carol you rolled 9\n\n\
         Its first line names the channel, and what is special there; columns are two blanks apart:\n{}\n\
         Exit code: 0 where all are right, 1 where one is wrong.",
        describe_keys()
    )
}

/// A transcript's result.
enum Verdict {
    Right,
    /// The first wrong line, from 1, and the errors that the module logged.
    Wrong {
        corrected: String,
        line: usize,
        logged: Vec<String>,
    },
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let source = Source::find(&self.module)?;
        let files = self.list_files(&source)?;
        let component = source.load()?;
        let mut wrong = 0;
        for file in &files {
            match block_on(play(file, &component, self.size())) {
                Ok(Verdict::Right) => output::print(format!("ok      {}\n", file.display()))?,
                Err(error) => {
                    wrong += 1;
                    output::print(format!("WRONG   {}: {}\n", file.display(), shown(&format!("{error:#}"))))?
                }
                Ok(Verdict::Wrong { corrected, .. }) if self.update => {
                    fs::write(file, corrected).with_context(|| format!("cannot write {}", file.display()))?;
                    output::print(format!("updated {}\n", file.display()))?
                }
                Ok(Verdict::Wrong { corrected, line, logged }) => {
                    wrong += 1;
                    output::print(describe(file, &corrected, line, &logged))?
                }
            };
        }
        output::print(match wrong {
            0 => format!("{} of {} transcripts are right\n", files.len(), files.len()),
            wrong => format!("{wrong} of {} transcripts are wrong; --update writes down what happens\n", files.len()),
        })?;
        Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn size(&self) -> SizeClass {
        if self.large { SizeClass::Large } else { SizeClass::Small }
    }

    /// The files to play, sorted.
    fn list_files(&self, source: &Source) -> anyhow::Result<Vec<PathBuf>> {
        let named = match (self.transcripts.is_empty(), source) {
            (false, _) => self.transcripts.clone(),
            (true, Source::Crate(folder)) => vec![folder.join(FOLDER)],
            (true, Source::Component(file)) => bail!("name the transcripts to play against {}", file.display()),
        };
        let mut files = Vec::new();
        for path in named {
            list_below(&path, &mut files)?;
        }
        files.sort();
        files.dedup();
        match files.is_empty() {
            true => bail!(
                "there is no transcript: write one to {FOLDER}/chat.{ENDING}; `twitchy module test --help` shows how"
            ),
            false => Ok(files),
        }
    }
}

/// Adds the file, or the transcripts in the folder and its subfolders. A folder that is missing holds none. A link from
/// one folder to another is not followed, because it may lead in a circle.
fn list_below(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.extend((path.exists() || path.extension().is_some()).then(|| path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let below = entry?.path();
        let is_transcript = below.is_file() && below.extension().is_some_and(|ending| ending == ENDING);
        if is_transcript || below.is_dir() && !below.is_symlink() {
            list_below(&below, files)?;
        }
    }
    Ok(())
}

/// Plays a transcript on a host of its own.
async fn play(file: &Path, component: &[u8], size: SizeClass) -> anyhow::Result<Verdict> {
    let text = read_text(file)?;
    let transcript = Transcript::parse(&text)?;
    let scene = Scene::of(find_header(&transcript)?)?;
    let mut stage = Stage::open(component, size, &scene, Web::Rehearsed, None).await?;
    let (mut heard, mut logged) = (Vec::new(), Vec::new());
    for turn in &transcript.turns {
        heard.push(match &turn.step {
            Step::Said(said) => {
                let performance = stage.hear(said).await;
                let broke = performance.lines.iter().filter(|line| line.level >= LineLevel::Error);
                logged.extend(broke.flat_map(show_logged));
                performance.heard
            }
            Step::Pause(span) => {
                stage.advance(*span);
                Heard::Nothing(None)
            }
            Step::Channel(_) | Step::Nothing => Heard::Nothing(None),
        });
    }
    let undrawn = stage.count_undrawn();
    stage.close().await?;
    if undrawn > 0 {
        bail!("{undrawn} of the numbers of `random` are left: no call draws them");
    }
    Ok(match transcript.corrected(&heard) {
        None => Verdict::Right,
        Some(corrected) => Verdict::Wrong { line: find_difference(&text, &corrected), corrected, logged },
    })
}

/// The line of the transcript's channel, which comes before everything that is said.
fn find_header(transcript: &Transcript) -> anyhow::Result<&ChannelHeader> {
    let mut headers = transcript.turns.iter().filter_map(|turn| match &turn.step {
        Step::Channel(header) => Some(header),
        _ => None,
    });
    let steps = || transcript.turns.iter().map(|turn| &turn.step).find(|step| !matches!(step, Step::Nothing));
    if !transcript.turns.iter().any(|turn| matches!(turn.step, Step::Said(_))) {
        bail!("nobody says anything in it");
    }
    match (headers.next(), headers.next()) {
        (Some(header), None) if matches!(steps(), Some(Step::Channel(_))) => Ok(header),
        (_, Some(second)) => bail!("#{}: a transcript plays in one channel", second.login),
        _ => bail!("the first line names the channel, such as #shop"),
    }
}

/// The first line in which two texts differ, from 1.
fn find_difference(before: &str, after: &str) -> usize {
    let differs = before.lines().zip(after.lines()).position(|(before, after)| before != after);
    differs.unwrap_or_else(|| before.lines().count().min(after.lines().count())) + 1
}

fn describe(file: &Path, corrected: &str, line: usize, logged: &[String]) -> String {
    let logged: String = logged.iter().map(|line| format!("  {line}\n")).collect();
    let logged = if logged.is_empty() { logged } else { format!("the module logged\n{logged}") };
    format!("WRONG   {}:{line}\n{logged}this is what happens:\n\n{}\n", file.display(), shown(corrected))
}

/// Each line without control characters: a transcript may be a stranger's.
fn shown(lines: &str) -> String {
    lines.split('\n').map(report::text).collect::<Vec<_>>().join("\n")
}
