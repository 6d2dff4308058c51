use std::process::ExitCode;

fn main() -> ExitCode {
    twitchy::cli::run(std::env::args_os())
}
