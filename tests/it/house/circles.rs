//! Which file of the host uses which, and that none of them uses itself by way of another.
//!
//! A parent's `mod` list is no use of its children. But a parent that uses one of them may not be used by it: what both
//! need goes into a file of its own, below the two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{Finding, Source};

/// A file's module: `chat/dispatch.rs` is `chat`, `dispatch`; `lib.rs` is nothing.
type Module = Vec<String>;
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// Each circle once, at its first file.
pub(super) fn list_circles(sources: &[Source]) -> Vec<Finding> {
    let host = sources.iter().filter(|source| source.is_host() && source.stem() != "main" && !source.is_test());
    let host: BTreeMap<Module, &Source> = host.map(|source| (module_of(source), source)).collect();
    let uses: Uses = host.iter().map(|(module, source)| (module.clone(), list_used(module, source, &host))).collect();
    let circles = uses.keys().filter_map(|module| Some((module, find_circle(module, &uses)?)));
    let first = circles.filter(|(module, circle)| circle.iter().min() == Some(module));
    let tell = |(module, circle): (&Module, Vec<Module>)| {
        let names: Vec<String> = circle.iter().chain([module]).map(|module| module.join("/")).collect();
        host[module].finding(1, format!("files that use each other in a circle: {}", names.join(" -> ")))
    };
    first.map(tell).collect()
}

fn module_of(source: &Source) -> Module {
    let below = source.path.trim_start_matches("host/src/").trim_end_matches(".rs");
    below.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The other files whose items a source names.
fn list_used(module: &Module, source: &Source, host: &BTreeMap<Module, &Source>) -> BTreeSet<Module> {
    let mut used = BTreeSet::new();
    // A module that is written out in the file: `super` is the file itself there.
    let mut is_inner = false;
    let (mut outer, mut inner) = (String::new(), String::new());
    for (_, line) in source.program() {
        is_inner = if is_inner { line.text != "}" } else { line.bare.contains("mod ") && line.bare.ends_with('{') };
        let text = if is_inner { &mut inner } else { &mut outer };
        text.push_str(&without_visibility(&line.bare));
        text.push('\n');
    }
    for (text, to_skip) in [(outer, 0), (inner, 1)] {
        let paths = list_paths(&text).into_iter();
        used.extend(paths.filter_map(|path| resolve(module, path.get(to_skip..)?, host)));
    }
    used.remove(module);
    used
}

/// Who may see an item is no use of theirs.
fn without_visibility(code: &str) -> String {
    let mut parts = code.split("pub(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| code + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// Every path of more than one part, those of a group each on its own.
fn list_paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of_name) {
        rest = &rest[start..];
        let mut found = Vec::new();
        rest = read_path(rest, &[], &mut found);
        paths.extend(found.into_iter().filter(|path| path.len() > 1));
    }
    paths
}

/// Reads a path at the start of `text`, below `prefix`, and returns what follows it.
fn read_path<'a>(text: &'a str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let mut path = prefix.to_vec();
    path.push(text[..end].to_owned());
    let rest = &text[end..];
    let Some(after) = rest.strip_prefix("::") else {
        paths.push(path);
        return rest;
    };
    if after.starts_with(is_of_name) {
        return read_path(after, &path, paths);
    }
    let Some(mut group) = after.strip_prefix('{') else {
        paths.push(path);
        return after;
    };
    loop {
        group = group.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if !group.starts_with(is_of_name) {
            // The group's end; or what is no path, such as `*`.
            return group.get(1..).unwrap_or_default();
        }
        group = read_path(group, &path, paths);
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The file that a path names, or whose item it names.
fn resolve(module: &Module, path: &[String], host: &BTreeMap<Module, &Source>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut found: Module = match first.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.clone(),
        _ => {
            let child = [module.as_slice(), &path[..1]].concat();
            host.contains_key(&child).then_some(child)?
        }
    };
    if first == "super" {
        found.pop();
    }
    for part in rest {
        if part == "super" {
            found.pop();
            continue;
        }
        found.push(part.clone());
        if !host.contains_key(&found) {
            found.pop();
            break;
        }
    }
    host.contains_key(&found).then_some(found)
}

/// The shortest way from a file back to it, without its end.
fn find_circle(start: &Module, uses: &Uses) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for next in uses.get(module)? {
            if next == start {
                let back = std::iter::successors(Some(module), |module| came_from.get(module).copied());
                let mut circle: Vec<Module> = back.cloned().collect();
                circle.reverse();
                return Some(circle);
            }
            if uses.contains_key(next) && !came_from.contains_key(next) {
                came_from.insert(next, module);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, text): &(&str, &str)| Source::new(&format!("host/src/{path}"), text);
        let sources: Vec<Source> = [("lib.rs", "mod a;")].iter().chain(sources).map(source).collect();
        list_circles(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let found = ["host/src/a/b.rs:1: files that use each other in a circle: a/b -> a/c -> a/b"];
        for (b, c) in [
            ("use super::c::C;", "use super::b::B;"),
            ("use crate::a::c::C;", "fn c() -> super::b::B {}"),
            ("use super::{c::C, d::D};", "use crate::a::{\n    b::{B, E},\n};"),
            ("use super::c;", "pub(super) use crate::a::b;"),
            ("mod inner {\n    use super::super::c::C;\n}", "use super::b::*;"),
        ] {
            assert_eq!(check(&[("a.rs", "mod b;\nmod c;"), ("a/b.rs", b), ("a/c.rs", c)]), found, "{b}\n{c}");
        }
    }

    #[test]
    fn a_circle_of_parent_and_child_or_of_three_is_found() {
        assert_eq!(check(&[("a.rs", "mod b;\nuse b::B;"), ("a/b.rs", "use super::A;")]).len(), 1);
        assert_eq!(check(&[("a.rs", "mod b;\nfn a() { b::run() }"), ("a/b.rs", "use crate::a::A;")]).len(), 1);
        let three = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "use crate::a::A;")];
        assert_eq!(check(&three), ["host/src/a.rs:1: files that use each other in a circle: a -> b -> c -> a"]);
    }

    #[test]
    fn what_is_no_circle_is_left_alone() {
        let parent = "mod b;\nmod c;";
        for (a, b) in [
            // A parent's list of modules, and a child that uses its parent.
            (parent, "use super::A;"),
            // A parent that uses its child.
            ("mod b;\nuse self::b::B;", "use super::c::C;"),
            // An inner module that uses its own file.
            ("mod b;\nuse b::B;", "mod inner {\n    use super::B;\n}"),
            // Tests, comments and texts.
            (
                "mod b;\nuse b::B;",
                "pub(in crate::a) struct B(pub(in crate::a) u8);\n// super::A\nconst B: &str = \"super::A\";\n#[cfg(test)]\nmod sample {\n    use super::super::A;\n}",
            ),
        ] {
            assert_eq!(check(&[("a.rs", a), ("a/b.rs", b), ("a/c.rs", "struct C;")]), Vec::<String>::new(), "{a}\n{b}");
        }
    }
}
