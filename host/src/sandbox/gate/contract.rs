//! Whether a component is a module of the contract, as its imports and exports are called. What types they have is seen
//! when it is linked.

use super::super::CompileError;
use super::super::capability::{LINE, PACKAGE, cut, parse_import};

/// The interface that every module exports.
const MODULE: &str = "module";

/// One export is the contract's, in a version that this host calls; others are nobody's business.
pub(super) fn check_exports(exports: &[String]) -> Result<(), CompileError> {
    let modules = || exports.iter().filter_map(|export| find_version(export));
    if modules().any(|version| version.starts_with(LINE)) {
        return Ok(());
    }
    Err(match modules().next() {
        Some(version) => CompileError::ContractVersion(cut(version)),
        None => CompileError::Contract(format!("it does not export {PACKAGE}{MODULE}@{LINE}0")),
    })
}

/// The first import that this host does not offer is named.
pub(super) fn check_imports(imports: &[String]) -> Result<(), CompileError> {
    match imports.iter().find(|import| parse_import(import).is_none()) {
        Some(unknown) => Err(CompileError::UnknownImport(cut(unknown))),
        None => Ok(()),
    }
}

fn find_version(export: &str) -> Option<&str> {
    export.strip_prefix(PACKAGE)?.strip_prefix(MODULE)?.strip_prefix('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_export_is_the_contracts() {
        let check = |exports: &[&str]| check_exports(&names(exports));
        assert_eq!(check(&["wasi:cli/run@0.2.0", "twitchy:command/module@0.1.0"]), Ok(()));
        assert_eq!(check(&["twitchy:command/module@0.1.9"]), Ok(()));
        assert_eq!(check(&["twitchy:command/module@0.2.0"]), Err(CompileError::ContractVersion("0.2.0".into())));
        assert_eq!(check(&["twitchy:command/module@0.10.0"]), Err(CompileError::ContractVersion("0.10.0".into())));
        for missing in [&[][..], &["module"], &["twitchy:command/module"], &["twitchy:command/modules@0.1.0"]] {
            assert!(matches!(check(missing), Err(CompileError::Contract(_))), "{missing:?}");
        }
    }

    #[test]
    fn every_import_is_one_that_the_host_offers() {
        let known = ["twitchy:command/types@0.1.0", "twitchy:command/storage@0.1.3"];
        assert_eq!(check_imports(&names(&known)), Ok(()));
        let unknown = CompileError::UnknownImport("tests:moon/tides@0.1.0".into());
        assert_eq!(check_imports(&names(&[known[0], "tests:moon/tides@0.1.0"])), Err(unknown));
    }
}
