//! Rules about the length of files and functions.

use super::source::{Finding, Line, Source};

/// Most lines of a file, without its inline tests.
const LONGEST_FILE: usize = 400;

/// Most lines of a function's body, without blank lines and comments.
const LONGEST_FUNCTION: usize = 60;

pub(super) fn a_file_is_short(source: &Source) -> Vec<Finding> {
    let is_long = |length: &usize| source.is_rust() && *length > LONGEST_FILE;
    // In a file of tests alone, all lines count.
    let program = source.program().count();
    let length = if program == 0 { source.lines().count() } else { program };
    let tell = |length| source.finding(length, format!("{length} lines: a file has {LONGEST_FILE} at most"));
    Some(length).filter(is_long).map(tell).into_iter().collect()
}

/// Relies on rustfmt: a function ends at the first closing brace with the indentation of its first line.
pub(super) fn a_function_is_short(source: &Source) -> Vec<Finding> {
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut findings = Vec::new();
    for (number, line) in source.lines().filter(|_| source.is_rust()) {
        let indent = line.text.len() - line.text.trim_start().len();
        if line.text.trim() == "}" && open.last().is_some_and(|(_, start, _)| *start == indent) {
            let (began, _, length) = open.pop().unwrap_or_default();
            if length > LONGEST_FUNCTION {
                let rule = format!("{length} lines: a function has {LONGEST_FUNCTION} at most");
                findings.push(source.finding(began, rule));
            }
        } else if begins_function(line) {
            open.push((number, indent, 0));
        } else if let Some((_, _, length)) = open.last_mut().filter(|_| !line.code.trim().is_empty()) {
            *length += 1;
        }
    }
    findings
}

fn begins_function(line: &Line) -> bool {
    let words = line.bare.split_whitespace().take_while(|word| !word.contains('(') || word.starts_with("pub("));
    let mut words = words.skip_while(|word| word.starts_with("pub") || ["async", "const", "unsafe"].contains(word));
    let is_one_line = line.bare.trim_end().ends_with('}') || line.bare.trim_end().ends_with(';');
    words.next() == Some("fn") && !is_one_line
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[test]
    fn a_long_file_is_found_without_its_tests() {
        let check = |text: &str| objections(a_file_is_short, "host/src/a.rs", text);
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"x\n".repeat(500);
        assert_eq!(check(&("x\n".repeat(400) + &tests)), Vec::<String>::new());
        assert_eq!(check(&"x\n".repeat(401)), ["host/src/a.rs:401: 401 lines: a file has 400 at most"]);
    }

    #[test]
    fn a_long_function_is_found() {
        let check = |text: &str| objections(a_function_is_short, "host/src/a.rs", text);
        let function = |lines: usize| {
            let body = "        if a {\n        }\n        // why\n\n".repeat(lines / 2);
            format!("impl A {{\n    pub(super) async fn a(\n    ) {{\n{body}    }}\n}}\n")
        };
        assert_eq!(check(&function(58)), Vec::<String>::new());
        assert_eq!(check(&function(60)), ["host/src/a.rs:2: 61 lines: a function has 60 at most"]);
        assert_eq!(check(&(function(30) + &function(34))), Vec::<String>::new());
    }
}
