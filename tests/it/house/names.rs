//! Rules about names and errors' texts.

use super::source::{Finding, Source};

/// Names of files and folders that say nothing about their contents.
const DRAWERS: [&str; 8] = ["utils", "helpers", "common", "misc", "types", "manager", "service", "core"];

/// Vague verbs at the beginning of a function's name.
const VERBS: [&str; 4] = ["get", "do", "handle", "process"];

/// Vague words for people, in place of broadcaster, creator, operator or chatter. Twitch's payloads keep its words.
const PEOPLE: [&str; 8] = ["user", "users", "viewer", "viewers", "streamer", "streamers", "owner", "owners"];

/// Words for which the field has better ones: permit, queue, slot, in flight, reported, published.
const STRUCK: [&str; 7] = ["seat", "lane", "place", "under_way", "told", "brought", "whoever"];

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

/// Of files, types, functions and fields; variables live too shortly to mislead.
pub(super) fn no_name_has_a_struck_word(source: &Source) -> Vec<Finding> {
    if !source.is_host() {
        return Vec::new();
    }
    let below = source.path.trim_start_matches("host/src/").trim_end_matches(".rs");
    let files = below.split('/').map(|name| (1, name.to_owned()));
    let declared = source.lines().flat_map(|(number, line)| {
        let declared = list_declared(&line.bare).into_iter().filter(|(keyword, _)| *keyword != "let");
        declared.map(move |(_, name)| (number, name))
    });
    let names = files.chain(declared).chain(list_fields(source));
    names
        .filter_map(|(number, name)| {
            let words =
                split_words(&name).iter().map(|word| format!("_{}", word.trim_end_matches('s'))).collect::<String>()
                    + "_";
            let struck = STRUCK.into_iter().find(|struck| words.contains(&format!("_{struck}_")))?;
            Some(source.finding(number, format!("`{name}`: the field has a better word than `{struck}`")))
        })
        .collect()
}

/// The fields of structs and the variants of enums, with those of their own.
fn list_fields(source: &Source) -> Vec<(usize, String)> {
    let mut fields = Vec::new();
    let mut open: Option<usize> = None;
    for (number, line) in source.lines() {
        let indent = line.text.len() - line.text.trim_start().len();
        let is_start = ["struct ", "enum "]
            .iter()
            .any(|keyword| line.bare.trim_start().trim_start_matches("pub").contains(keyword));
        match open {
            Some(start) if line.text.trim() == "}" && indent == start => open = None,
            Some(_) => {
                let code = line.bare.replace("::", " ");
                let typed =
                    code.split(':').filter(|_| code.contains(':')).filter_map(|part| part.split_whitespace().last());
                let first = line.bare.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next();
                fields.extend(typed.chain(first).map(|name| (number, name.to_owned())));
            }
            None if is_start && line.bare.trim_end().ends_with('{') => open = Some(indent),
            None => {}
        }
    }
    fields
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
    fn a_struck_word_is_found() {
        let check = |text| objections(no_name_has_a_struck_word, "host/src/a.rs", text);
        for wrong in [
            "struct SeatMap;",
            "fn find_place() {",
            "enum Heard {\n    Told(u8),\n}",
            "pub struct A {\n    pub(super) calls_under_way: u64,\n}",
            "enum B {\n    C { lane: u8, other: u8 },\n}",
            "const LOST_TOLD_FOR: u8 = 1;",
            "type Places = u8;",
            "mod seats;",
            "#[cfg(test)]\nmod tests {\n    fn whoever_asks_is_brought() {\n    }\n}",
        ] {
            assert_eq!(check(wrong).len(), 1, "{wrong}");
        }
        for right in ["fn replace() {", "struct Planet;", "fn a_way_under_it() {"] {
            assert_eq!(check(right), Vec::<String>::new(), "{right}");
        }
        assert_eq!(check("// a place\nlet told = \"brought\";\nfn a() { SeatMap::new() }"), Vec::<String>::new());
        assert_eq!(objections(no_name_has_a_struck_word, "host/src/web/seats.rs", "").len(), 1);
        assert_eq!(objections(no_name_has_a_struck_word, "tests/it/a.rs", "fn told() {").len(), 0);
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
