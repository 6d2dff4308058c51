//! The document: a chapter for each command, and in it a section for each mistake.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::process::Finished;

const HEAD: &str = "\
# Mistakes, and what twitchy says about them

Each section is one mistake in a module, the command that finds it, and the output of that command. A test makes every one of these
mistakes, and fails when the output is not the one below (`host/tests/it/mistakes.rs`). Left out are times, what a call used of its
limits, and the functions of a stack, because they depend on the machine and the compiler.
";

/// The document so far.
pub(super) struct Catalogue {
    text: String,
    mistakes: usize,
}

impl Default for Catalogue {
    fn default() -> Catalogue {
        Catalogue { text: HEAD.to_owned(), mistakes: 0 }
    }
}

impl Catalogue {
    pub(super) fn open_chapter(&mut self, heading: &str) {
        writeln!(self.text, "\n## {heading}").unwrap();
    }

    /// `done` is the mistake in a sentence; `words` are typed after `twitchy`.
    pub(super) fn add(&mut self, heading: &str, done: &str, words: &str, finished: &Finished) {
        let Finished { output, errors, .. } = finished;
        writeln!(self.text, "\n### {heading}\n\n{done}\n\n```console\n$ twitchy {words}\n{output}{errors}```").unwrap();
        self.mistakes += 1;
    }

    /// Compares with the document of the repository. On a difference, the failure shows the command that updates it.
    #[track_caller]
    pub(super) fn check(&self) {
        assert!(self.mistakes >= 25, "only {} mistakes were made", self.mistakes);
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/MISTAKES.md");
        let expected = fs::read_to_string(&kept).unwrap_or_default().replace("\r\n", "\n");
        if expected == self.text {
            return;
        }
        let corrected = Path::new(env!("CARGO_TARGET_TMPDIR")).join("MISTAKES.md");
        fs::write(&corrected, &self.text).unwrap();
        let lines = expected.lines().zip(self.text.lines());
        let same = lines.take_while(|(kept, found)| kept == found).count();
        let line = |text: &str| text.lines().nth(same).unwrap_or("the end").to_owned();
        panic!(
            "guest-sdk/MISTAKES.md has in line {}:\n\n{}\n\nand the program prints:\n\n{}\n\nto correct the document:\n    cp \
             {} {}\n",
            same + 1,
            line(&expected),
            line(&self.text),
            corrected.display(),
            kept.display()
        );
    }
}
