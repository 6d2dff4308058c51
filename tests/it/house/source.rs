//! A source file as the rules read it, and the findings of a rule.

use std::fmt;

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    path: String,
    /// From 1.
    line: usize,
    rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// A source file or manifest of the workspace.
pub(super) struct Source {
    /// Relative to the workspace's root, with `/`.
    pub(super) path: String,
    lines: Vec<Line>,
}

/// A line, as written and in forms without comments and strings.
pub(super) struct Line {
    pub(super) text: String,
    /// The line without comments.
    pub(super) code: String,
    /// The line without comments and without the contents of string literals.
    pub(super) bare: String,
    /// The line is in a file of tests, or in a `#[cfg(test)]` module.
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let is_rust = path.ends_with(".rs");
        let is_test_file = path.starts_with("tests/it/")
            || path.ends_with("/tests.rs")
            || ["/tests/", "/benches/"].iter().any(|folder| path.contains(folder));
        let raw: Vec<&str> = text.lines().collect();
        let mut is_test = is_test_file;
        let line = |(index, text): (usize, &&str)| {
            let code = if is_rust { strip_comment(text) } else { text.to_string() };
            let bare = if is_rust { strip_strings(&code) } else { code.clone() };
            let is_start = *text == "#[cfg(test)]" && raw.get(index + 1).is_some_and(|next| next.contains("mod "));
            let is_end = raw[..index].ends_with(&["}"])
                || matches!(raw[..index], [.., "#[cfg(test)]", declared] if declared.ends_with(';'));
            is_test = is_test_file || is_start || is_test && !is_end;
            Line { text: text.to_string(), code, bare, is_test }
        };
        Source { path: path.to_owned(), lines: raw.iter().enumerate().map(line).collect() }
    }

    /// The paths of the modules that this file declares under `#[cfg(test)]`.
    pub(super) fn list_test_files(&self) -> Vec<String> {
        let folder = match self.stem() {
            "lib" | "main" => self.path.rsplit_once('/').map_or("", |(folder, _)| folder),
            _ => self.path.trim_end_matches(".rs"),
        };
        let pairs = self.lines.windows(2).filter(|pair| pair[0].code == "#[cfg(test)]");
        let names = pairs.filter_map(|pair| pair[1].code.strip_suffix(';')?.split_once("mod "));
        names.map(|(_, name)| format!("{folder}/{name}.rs")).collect()
    }

    pub(super) fn mark_as_test(&mut self) {
        self.lines.iter_mut().for_each(|line| line.is_test = true);
    }

    /// Whether all of it is for tests.
    pub(super) fn is_test(&self) -> bool {
        self.program().count() == 0
    }

    /// Whether this is a source of the host's own crate; `host/fake-twitch` is another crate.
    pub(super) fn is_host(&self) -> bool {
        self.path.starts_with("host/src/") && self.is_rust()
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The file's name without its extension.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The lines outside tests, with their numbers.
    pub(super) fn program(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines().filter(|(_, line)| !line.is_test)
    }

    pub(super) fn finding(&self, line: usize, rule: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule: rule.into() }
    }
}

/// A finding for each line outside tests for which `is_wrong` returns true.
pub(super) fn object<'a>(source: &'a Source, rule: &str, is_wrong: impl Fn(&Line) -> bool + 'a) -> Vec<Finding> {
    source.program().filter(|(_, line)| is_wrong(line)).map(|(number, _)| source.finding(number, rule)).collect()
}

/// The findings of a rule about a sample, for the rules' own tests.
pub(super) fn objections(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    rule(&Source::new(path, text)).iter().map(Finding::to_string).collect()
}

/// The line without its comment. `//` inside a string begins none.
fn strip_comment(line: &str) -> String {
    let mut is_string = false;
    let mut previous = ' ';
    for (at, character) in line.char_indices() {
        match character {
            '"' if previous != '\\' && previous != '\'' => is_string = !is_string,
            '/' if !is_string && previous == '/' => return line[..at - 1].to_owned(),
            _ => {}
        }
        previous = character;
    }
    line.to_owned()
}

fn strip_strings(code: &str) -> String {
    code.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

#[test]
fn comments_strings_and_tests_are_told_apart() {
    let text = "let a = \"b // c\"; // d\n/// e\n#[cfg(test)]\nmod tests {\n}\nfn f() {}";
    let source = Source::new("host/src/a.rs", text);
    let lines: Vec<(&str, &str, bool)> =
        source.lines().map(|(_, line)| (line.code.as_str(), line.bare.as_str(), line.is_test)).collect();
    assert_eq!(
        lines,
        [
            ("let a = \"b // c\"; ", "let a = \"\"; ", false),
            ("", "", false),
            ("#[cfg(test)]", "#[cfg(test)]", true),
            ("mod tests {", "mod tests {", true),
            ("}", "}", true),
            ("fn f() {}", "fn f() {}", false),
        ]
    );
}

#[test]
fn a_module_for_tests_alone_is_a_test() {
    let text = "#[cfg(test)]\npub(crate) mod sample;\nmod change;";
    assert_eq!(Source::new("host/src/setup.rs", text).list_test_files(), ["host/src/setup/sample.rs"]);
    assert_eq!(Source::new("host/src/lib.rs", text).list_test_files(), ["host/src/sample.rs"]);
}
