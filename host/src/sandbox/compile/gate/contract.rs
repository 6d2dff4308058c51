//! Checks by names whether a component imports and exports what the contract requires. Linking checks the types.

use super::super::capability::{LINE, PACKAGE, cut, parse_import, quote_names};
use super::super::error::CompileError;

/// The interface that every module exports.
const MODULE: &str = "module";

/// Requires an export of the contract in a version that this host can call; other exports are allowed.
pub(super) fn check_exports(exports: &[String]) -> Result<(), CompileError> {
    let modules = || exports.iter().filter_map(|export| find_version(export));
    if modules().any(|version| version.starts_with(LINE)) {
        return Ok(());
    }
    Err(match modules().next() {
        Some(version) => CompileError::ContractVersion(cut(version)),
        None => {
            let missing = format!("it does not export {PACKAGE}{MODULE}@{LINE}0");
            CompileError::Contract(format!("{missing} (did you forget twitchy_sdk::export!?)"))
        }
    })
}

/// Reports all unknown imports at once, so that an author need not upload once for each.
pub(super) fn check_imports(imports: &[String]) -> Result<(), CompileError> {
    let unknown: Vec<&str> = imports.iter().map(String::as_str).filter(|it| parse_import(it).is_none()).collect();
    if unknown.is_empty() { Ok(()) } else { Err(CompileError::UnknownImports(quote_names(&unknown))) }
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
        let unknown = CompileError::UnknownImports("\"tests:moon/tides@0.1.0\"".into());
        assert_eq!(check_imports(&names(&[known[0], "tests:moon/tides@0.1.0"])), Err(unknown));
    }

    #[test]
    fn all_unknown_imports_are_named_up_to_a_number() {
        let check = |imports: &[&str]| match check_imports(&names(imports)) {
            Err(CompileError::UnknownImports(told)) => told,
            other => panic!("{other:?}"),
        };
        assert_eq!(check(&["a:b/c@1.0.0", "twitchy:command/types@0.1.0", "d"]), r#""a:b/c@1.0.0" and "d""#);
        let long = "x".repeat(90_000);
        let told = check(&["1", "2", "3", "4", "5", &long, "7\n"]);
        assert_eq!(told, r#""1", "2", "3", "4", "5" and 2 more"#);
        assert_eq!(check(&["7\n", &long]), format!(r#""7\n" and "{}""#, "x".repeat(100)));
        let wasi = check(&["wasi:cli/environment@0.2.0", "wasi:cli/exit@0.2.0"]);
        assert_eq!(wasi, r#""wasi:cli/environment@0.2.0" and "wasi:cli/exit@0.2.0" (modules are built without WASI)"#);
    }
}
