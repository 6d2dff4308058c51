//! The two crates for authors can be published: each package holds all that its build needs.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, and says where")]

use std::path::Path;
use std::process::Command;

/// Runs `cargo package` in a target folder of its own, because the outer cargo may hold the lock of the usual one.
fn package(arguments: &[&str]) -> String {
    let cargo = Command::new(env!("CARGO"))
        .args(["package", "--offline", "--allow-dirty", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    String::from_utf8(cargo.stdout).unwrap()
}

#[test]
fn a_package_holds_its_sources_and_no_test_of_the_repository() {
    let sdk = package(&["--package", "twitchy-sdk", "--list"]);
    let holds = |file: &str| sdk.lines().any(|line| line.replace('\\', "/") == file);
    for file in ["Cargo.toml", "README.md", "src/lib.rs", "src/bindings/generated.rs"] {
        assert!(holds(file), "{file} is not in\n{sdk}");
    }
    let build = package(&["--package", "twitchy-build", "--list"]);
    assert!(build.contains("component.rs") && !build.contains("tests"), "{build}");
}

/// cargo unpacks the package elsewhere and compiles it there, which finds a file that lies outside the crate's folder.
#[test]
fn the_sdk_compiles_outside_the_repository() {
    package(&["--package", "twitchy-sdk"]);
}

/// Not compiled: that would compile all its dependencies once more.
#[test]
fn the_build_tool_is_packaged() {
    package(&["--package", "twitchy-build", "--no-verify"]);
}
