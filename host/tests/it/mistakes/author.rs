//! An author with a home folder, and in it the new module `dice`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Finished;
use crate::project::{module, new_project, replace};

pub(super) struct Author {
    _folder: TempDir,
    /// Without symbolic links, because the program resolves them in its output.
    pub(super) home: PathBuf,
}

impl Author {
    /// Makes the module and builds it, because a mistake could otherwise be found for another reason than its own.
    pub(super) fn begin() -> Author {
        let folder = new_project();
        let home = folder.path().canonicalize().unwrap();
        let author = Author { _folder: folder, home };
        let built = author.finish(&mut author.command(&["build"]));
        assert_eq!((built.code, built.errors.as_str()), (Some(0), ""), "{}", built.output);
        author
    }

    /// `twitchy module` with these words, in the module's folder.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let (first, others) = words.split_first().unwrap();
        let mut command = module(&self.home.join("dice"), first);
        command.args(others).env("CARGO_TERM_QUIET", "true");
        command
    }

    /// Runs the command while the module's `file` has `to` in place of `from`.
    pub(super) fn mistake(&self, file: &str, from: &str, to: &str, words: &[&str]) -> Finished {
        let path = self.home.join("dice").join(file);
        let right = fs::read(&path).unwrap();
        replace(&path, from, to);
        let finished = self.finish(&mut self.command(words));
        fs::write(&path, right).unwrap();
        finished
    }

    /// Runs the command. In its output the home folder is `/home/carol`, and the compiler's excerpts are left out.
    pub(super) fn finish(&self, command: &mut Command) -> Finished {
        let Finished { code, output, errors } = Finished::of(command);
        let here = self.home.to_str().unwrap();
        let masked = |text: String| text.replace(here, "/home/carol");
        Finished { code, output: masked(output), errors: without_excerpts(&masked(errors)) }
    }
}

/// Compilers of other versions draw other excerpts, so only an error's own line and its place are kept.
fn without_excerpts(errors: &str) -> String {
    let mut kept = String::new();
    let mut is_excerpt = false;
    for line in errors.lines() {
        let is_place = line.trim_start().starts_with("--> src/");
        is_excerpt &= !["error: ", "twitchy: "].iter().any(|start| line.starts_with(start));
        if is_place || !is_excerpt {
            kept.push_str(line);
            kept.push('\n');
        }
        is_excerpt |= is_place;
    }
    kept
}
