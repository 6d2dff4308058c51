//! The capabilities that a component requests: its imports, read before any of its code runs.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::CompileError;
use crate::domain::manifest::Capability;

/// Most names in a refusal, and characters of each. Together they fit into the longest reason of the compiler's child.
const MOST_NAMES: usize = 5;
const LONGEST_NAME: usize = 100;

pub(crate) const PACKAGE: &str = "twitchy:command/";
/// Versions of one 0.x line only add to each other, so the linker accepts any of them.
pub(crate) const LINE: &str = "0.1.";

/// The capabilities that a component imports, in the contract's order. Any other import is an error.
pub(crate) fn list_requested(engine: &Engine, component: &Component) -> Result<Vec<Capability>, CompileError> {
    let mut requested = Vec::new();
    for (name, _) in component.component_type().imports(engine) {
        match parse_import(name) {
            Some(Import::Types) => {}
            Some(Import::Capability(capability)) => requested.push(capability),
            None => return Err(CompileError::UnknownImports(quote_names(&[name]))),
        }
    }
    requested.sort_unstable();
    requested.dedup();
    Ok(requested)
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Import {
    /// The shared types, which give access to nothing.
    Types,
    Capability(Capability),
}

pub(crate) fn parse_import(name: &str) -> Option<Import> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    if !version.starts_with(LINE) {
        return None;
    }
    interface.parse().ok().map(Import::Capability).or((interface == "types").then_some(Import::Types))
}

/// Cuts a name of an import or a version, because the author chooses its length.
pub(crate) fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// Lists names as `"a", "b" and 3 more`.
pub(crate) fn quote_names(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("{:?}", cut(name))).collect();
    if names.len() > MOST_NAMES {
        shown.push(format!("{} more", names.len() - MOST_NAMES));
    }
    let last = shown.pop().unwrap_or_default();
    let list = if shown.is_empty() { last } else { format!("{} and {last}", shown.join(", ")) };
    let is_wasi = names.iter().any(|name| name.starts_with("wasi:"));
    if is_wasi { format!("{list} (modules are built without WASI)") } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contracts_interfaces_are_imports() {
        assert_eq!(parse_import("twitchy:command/storage@0.1.0"), Some(Import::Capability(Capability::Storage)));
        assert_eq!(parse_import("twitchy:command/types@0.1.7"), Some(Import::Types));
        for unknown in [
            "storage",
            "twitchy:command/storage",
            "twitchy:command/storage@0.2.0",
            "twitchy:command/storage@0.10.0",
            "twitchy:command/module@0.1.0",
            "twitchy:commands/storage@0.1.0",
            "wasi:sockets/tcp@0.2.0",
        ] {
            assert_eq!(parse_import(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_capability_has_an_interface_of_its_name() {
        for capability in Capability::ALL {
            let name = format!("twitchy:command/{capability}@0.1.0");
            assert_eq!(parse_import(&name), Some(Import::Capability(capability)));
        }
    }
}
