//! A snapshot: all answers as one text, compared with the file beside this one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::http::harness::Answer;

/// Long answers that the snapshot leaves out: the document has a file of its own, and other tests read the pages.
const LONG: [&str; 3] = ["GET /api/docs", "GET /api/docs.css", "GET /api/v1/openapi.json"];
/// Most lines of a difference to show.
const SHOWN: usize = 20;

/// The requests and answers so far.
#[derive(Default)]
pub(super) struct Snapshot {
    text: String,
}

impl Snapshot {
    pub(super) fn of(text: String) -> Snapshot {
        Snapshot { text }
    }

    /// `line` is the request: method, path and query.
    pub(super) fn add(&mut self, line: &str, answer: &Answer) {
        let mut answer = answer.masked();
        if LONG.contains(&line) && answer.status == 200 {
            answer.body = "(a page)".to_owned();
        }
        if let Ok(mut body) = serde_json::from_str::<Value>(&answer.body)
            && body["duration"].is_string()
        {
            body["duration"] = "SOME TIME".into();
            answer.body = body.to_string();
        }
        writeln!(self.text, "{line}\n{}\n", answer.show()).expect("a text takes all that is written to it");
    }

    /// Compares with the file `name`. On a difference, the failure shows the command that updates the file.
    #[track_caller]
    pub(super) fn check(&self, name: &str) {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/http/documented").join(name);
        let expected = fs::read_to_string(&kept).unwrap_or_default();
        if expected == self.text {
            return;
        }
        let corrected = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&corrected, &self.text).expect("there is a folder for what tests leave behind");
        let same = expected.lines().zip(self.text.lines()).take_while(|(kept, found)| kept == found).count();
        let from = |text: &str| text.lines().skip(same.saturating_sub(3)).take(SHOWN).collect::<Vec<_>>().join("\n");
        panic!(
            "the answers are others. Kept from line {same}:\n\n{}\n\nand found:\n\n{}\n\nto correct it:\n    cp {} {}\n",
            from(&expected),
            from(&self.text),
            corrected.display(),
            kept.display()
        );
    }
}
