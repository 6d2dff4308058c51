//! The whole program, built where the tests can start it: cargo gives the tests of a package only that package's
//! programs. Its compiler never ends on a component that ends with [`ENDLESS`].

use std::process::ExitCode;

use tests::ENDLESS;
use twitchy::sandbox::compile::compiler::run_child_with;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
    match arguments.get(1).map(String::as_str) {
        Some("compile-module") => match run_child_with(&arguments[2..], |component| component.ends_with(ENDLESS)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        _ => twitchy::cli::run(std::env::args_os()),
    }
}
