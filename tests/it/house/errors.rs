//! Rules about errors' texts and sources.

use super::source::{Finding, Source};

/// If an error names its cause in its text and also returns it as `source`, a report prints the cause twice.
pub(super) fn an_error_tells_its_cause_once(source: &Source) -> Vec<Finding> {
    const RULE: &str = "an error whose text tells its cause hands out no source: `{:#}` would print it twice";
    let mut findings = Vec::new();
    // The text of the current or last `#[error(..)]`, and whether its lines still go on.
    let (mut text, mut is_inside) = (String::new(), false);
    for (number, line) in source.program().filter(|_| source.is_rust()) {
        let code = line.code.trim();
        if code.starts_with("#[error(") {
            (text, is_inside) = (String::new(), true);
        }
        if is_inside {
            text += code;
            is_inside = !code.ends_with(")]");
            if !is_inside && text.contains("source") {
                findings.push(source.finding(number, RULE));
            }
        } else if text.contains("{0") && ["#[source]", "#[from]"].iter().any(|mark| code.contains(mark)) {
            findings.push(source.finding(number, RULE));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[test]
    fn an_error_that_tells_its_cause_twice_is_found() {
        let check = |text: &str| objections(an_error_tells_its_cause_once, "host/src/a.rs", text).len();
        assert_eq!(check("#[error(\"{}: {source}\", path.display())]\nFile { path: PathBuf, source: io::Error },"), 1);
        assert_eq!(check("#[error(\n    \"{}\",\n    why(source)\n)]\nstruct A {\n    source: io::Error,\n}"), 1);
        assert_eq!(check("#[error(\"engine: {0}\")]\nEngine(#[source] io::Error),"), 1);
        assert_eq!(check("#[error(\"engine: {0:?}\")]\nEngine(#[from] io::Error),"), 1);
        assert_eq!(check("#[error(\"{}: {error}\", path.display())]\nFile { path: PathBuf, error: io::Error },"), 0);
        assert_eq!(check("#[error(transparent)]\nEngine(#[from] io::Error),"), 0);
        assert_eq!(check("#[error(\"no engine\")]\nEngine(#[source] io::Error),"), 0);
    }
}
