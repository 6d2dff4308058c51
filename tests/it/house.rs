//! The project's own lints, which read the sources as text.
//!
//! Each rule is a function from a source to its findings. Each has a test with a sample that breaks it: a rule that
//! never finds anything would be worse than none. ARCHITECTURE.md says what the rules are for.

use std::fs;
use std::path::{Path, PathBuf};

use source::{Finding, Source};
use twitchy::domain::manifest::Capability;
use twitchy::modules::powers::Powers;

mod arrows;
mod budgets;
mod circles;
mod doors;
mod errors;
mod layout;
mod names;
mod source;

const RULES: [fn(&Source) -> Vec<Finding>; 23] = [
    arrows::imports_follow_the_arrows,
    arrows::commands_import_only_the_sdk,
    arrows::the_sdk_and_the_guests_stay_outside_the_host,
    budgets::a_file_is_short,
    budgets::a_function_is_short,
    doors::only_the_store_has_sql,
    doors::only_config_reads_the_environment,
    doors::only_the_output_prints,
    doors::only_the_setup_commits,
    doors::only_twitch_knows_irc,
    doors::the_domain_does_no_io,
    doors::nothing_unwraps_outside_tests,
    doors::only_the_artefact_is_unsafe,
    doors::only_an_instance_makes_stores,
    doors::a_host_call_passes_the_door_of_its_capability,
    doors::only_net_dials,
    doors::only_the_tool_starts_programs,
    errors::an_error_tells_its_cause_once,
    layout::a_parent_file_tells_what_it_promises,
    layout::a_types_methods_are_in_its_file,
    names::names_say_what_they_mean,
    names::no_name_has_a_struck_word,
    names::errors_read_as_parts_of_sentences,
];

#[test]
fn the_sources_keep_the_rules() {
    let sources = read_sources();
    assert!(sources.iter().any(|source| source.path == "host/src/chat/dispatch.rs"), "the sources are elsewhere");

    let by_file = sources.iter().flat_map(|source| RULES.iter().flat_map(|rule| rule(source)));
    let findings: Vec<String> = by_file.chain(circles::list_circles(&sources)).map(|f| f.to_string()).collect();

    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn nothing_strange_stands_at_the_top() {
    let entries = fs::read_dir(workspace()).expect("the workspace is a folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    assert_eq!(layout::list_strangers(names), Vec::<String>::new());
}

#[test]
fn the_sdk_tells_who_grants_each_capability() {
    let page = fs::read_to_string(workspace().join("guest-sdk/src/lib.rs")).expect("sources are UTF-8");
    for capability in Capability::ALL {
        let who = match capability {
            capability if !capability.needs_grant() => "nobody",
            capability if Powers::Creator.may_grant(capability) => "the creator",
            _ => "the operator",
        };
        let row = page.lines().find(|line| line.starts_with(&format!("//! | {who}")));
        let is_told = row.is_some_and(|row| row.contains(&format!("[`{capability}`]")));
        assert!(is_told, "{capability} is granted by {who}: say so in the table of guest-sdk/src/lib.rs");
    }
}

#[test]
fn each_capability_is_one_file_of_the_sandbox() {
    for capability in Capability::ALL {
        let path = workspace().join(format!("host/src/sandbox/calls/{capability}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains("\nimpl Host for Run {\n"), "{capability} has no binding in {}", path.display());
    }
}

/// A property that was moved would no longer play them.
#[test]
fn counterexamples_belong_to_a_property() {
    let (kept, sources) = (workspace().join("host/proptest-regressions"), workspace().join("host/src"));
    let mut folders = vec![kept.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it was listed as a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&kept).expect("it was found below").with_extension("rs");
            let text = fs::read_to_string(sources.join(&below)).unwrap_or_default();
            assert!(
                text.contains("proptest!"),
                "{} has no properties: move the counterexamples along",
                below.display()
            );
        }
    }
}

/// Reads all Rust sources and Cargo manifests of the workspace, except what a generator wrote.
fn read_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["host", "guest-sdk", "commands", "tests"] {
        read_folder(&workspace().join(folder), &mut sources);
    }
    let fixtures: Vec<String> = sources.iter().flat_map(Source::list_test_files).collect();
    sources.iter_mut().filter(|source| fixtures.contains(&source.path)).for_each(Source::mark_as_test);
    sources
}

fn read_folder(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("it was listed as a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            read_folder(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") || path.ends_with("Cargo.toml") {
            let below = path.strip_prefix(workspace()).expect("it was found below the workspace");
            let name = below.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            if !text.starts_with("// Generated by ") {
                sources.push(Source::new(&name, &text));
            }
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
