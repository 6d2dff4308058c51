//! What a component asks for: its imports, read before anything of it runs.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::CompileError;
use crate::domain::manifest::Capability;

pub(super) const PACKAGE: &str = "twitchy:command/";
/// Versions of one 0.x line differ only in what was added, so the linker takes any of them.
pub(super) const LINE: &str = "0.1.";

/// The capabilities that a component imports, in the contract's order; the first import that is none is an error.
pub(super) fn list_requested(engine: &Engine, component: &Component) -> Result<Vec<Capability>, CompileError> {
    let mut requested = Vec::new();
    for (name, _) in component.component_type().imports(engine) {
        match parse_import(name) {
            Some(Import::Types) => {}
            Some(Import::Capability(capability)) => requested.push(capability),
            None => return Err(CompileError::UnknownImport(cut(name))),
        }
    }
    requested.sort_unstable();
    requested.dedup();
    Ok(requested)
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Import {
    /// The vocabulary: reaches nothing.
    Types,
    Capability(Capability),
}

pub(super) fn parse_import(name: &str) -> Option<Import> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    if !version.starts_with(LINE) {
        return None;
    }
    let found = Capability::ALL.into_iter().find(|capability| capability.as_str() == interface);
    found.map(Import::Capability).or((interface == "types").then_some(Import::Types))
}

/// An import's name is the author's text, as long as the author likes.
pub(super) fn cut(name: &str) -> String {
    name.chars().take(120).collect()
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
