//! Rules about names and errors' texts.

use super::source::{Finding, Source};

/// Names of files and folders that say nothing about their contents.
const DRAWERS: [&str; 8] = ["utils", "helpers", "common", "misc", "types", "manager", "service", "core"];

/// Vague verbs at the beginning of a function's name.
const VERBS: [&str; 4] = ["get", "do", "handle", "process"];

/// Vague words for people, in place of broadcaster, creator, operator or chatter. Twitch's payloads keep its words.
const PEOPLE: [&str; 8] = ["user", "users", "viewer", "viewers", "streamer", "streamers", "owner", "owners"];

pub(super) fn names_say_what_they_mean(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut folders = source.path.split(['/', '.']);
    if let Some(drawer) = folders.find(|name| DRAWERS.contains(name)) {
        findings.push(source.finding(1, format!("`{drawer}` is a drawer: name it after what is in it")));
    }
    let knows_twitch = ["host/src/twitch", "host/fake-twitch/"].iter().any(|part| source.path.starts_with(part));
    for (number, line) in source.lines() {
        for (kind, name) in list_declared(&line.bare) {
            findings.extend(check_name(kind, &name, knows_twitch).map(|rule| source.finding(number, rule)));
        }
    }
    findings
}

fn check_name(kind: &str, name: &str, knows_twitch: bool) -> Option<String> {
    let words = split_words(name);
    let (first, last) = (words.first()?.as_str(), words.last()?.as_str());
    if kind == "fn" && words.len() > 1 && VERBS.contains(&first) {
        return Some(format!("`{name}`: `{first}_` does not say what happens"));
    }
    if kind == "fn" && first == "test" && words.len() > 1 {
        return Some(format!("`{name}`: a test is a sentence"));
    }
    if ["struct", "enum", "trait"].contains(&kind) && ["manager", "service", "helper", "utils"].contains(&last) {
        return Some(format!("`{name}`: `{last}` says nothing"));
    }
    let person = words.iter().find(|word| PEOPLE.contains(&word.as_str())).filter(|_| !knows_twitch)?;
    Some(format!("`{name}`: `{person}` is a channel's broadcaster, a creator, an operator or a chatter here"))
}

/// The declarations in a line, each as its keyword and its name.
fn list_declared(code: &str) -> Vec<(&'static str, String)> {
    const KEYWORDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "mod", "const", "let"];
    let words: Vec<&str> = code.split_whitespace().collect();
    let declared = words.windows(2).filter_map(|pair| {
        let keyword = KEYWORDS.into_iter().find(|keyword| *keyword == pair[0])?;
        let name: String = pair[1].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some((keyword, name))
    });
    declared.collect()
}

/// Splits `KnownChatter` and `known_chatter` both into `known` and `chatter`.
fn split_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || character.is_uppercase() && was_lower {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if character != '_' {
            words.last_mut().expect("it starts with one").extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(super) fn errors_read_as_parts_of_sentences(source: &Source) -> Vec<Finding> {
    let texts = source.lines().filter_map(|(number, line)| {
        let text = line.code.trim_start().strip_prefix("#[error(\"")?.split('"').next()?;
        let is_capital = text.starts_with(char::is_uppercase) && !text[1..].starts_with(char::is_uppercase);
        // A full stop after a blank is a quoted character, not the sentence's end.
        let is_stopped = text.ends_with('.') && !text.ends_with(" .");
        let is_wrong = is_capital && !is_proper(text) || is_stopped || text.contains("failed to");
        is_wrong.then_some(number)
    });
    let rule = "an error's text is lower case, without a full stop and without \"failed to\"";
    texts.map(|number| source.finding(number, rule)).collect()
}

fn is_proper(text: &str) -> bool {
    ["Twitch", "Debian", "Rust", "WebAssembly"].iter().any(|name| text.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found() {
        let check = |text| objections(names_say_what_they_mean, "host/src/a.rs", text);
        for wrong in [
            "pub fn get_channel() {",
            "async fn handle_message(",
            "fn test_that_it_works() {",
            "struct ChannelManager {",
            "let user_name = 1;",
            "pub struct Viewer;",
            "const OWNER: u8 = 1;",
        ] {
            assert_eq!(check(wrong).len(), 1, "{wrong}");
        }
        for right in ["fn find_channel() {", "fn get() {", "let x = a.get_mut(b);", "struct Done;", "// fn get_a()"] {
            assert_eq!(check(right), Vec::<String>::new(), "{right}");
        }
    }

    #[test]
    fn a_drawer_is_found() {
        let check = |path| objections(names_say_what_they_mean, path, "").len();
        assert_eq!(check("host/src/utils.rs"), 1);
        assert_eq!(check("host/src/core/a.rs"), 1);
        assert_eq!(check("host/src/score.rs"), 0);
        assert_eq!(objections(names_say_what_they_mean, "host/src/twitch/helix.rs", "struct User;").len(), 0);
    }

    #[test]
    fn an_error_that_shouts_is_found() {
        let check = |text: &str| objections(errors_read_as_parts_of_sentences, "host/src/a.rs", text).len();
        for wrong in ["Not there", "not there.", "failed to find it"] {
            assert_eq!(check(&format!("    #[error(\"{wrong}\")]")), 1, "{wrong}");
        }
        for right in ["not there: {0}", "HTTP status {0}", "Twitch said no", "{0}", "no @, / or ."] {
            assert_eq!(check(&format!("    #[error(\"{right}\")]")), 0, "{right}");
        }
    }
}
