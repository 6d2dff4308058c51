//! The command line: one file a subcommand.
//!
//! Exit codes: 0 success, 1 failed while running, 2 invalid arguments or configuration; 129, 130 and 143 stopped at
//! once by a second SIGHUP, SIGINT or SIGTERM.

use std::ffi::OsString;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config_file::FIRST_STEPS;

mod api_client;
mod api_key;
mod author;
mod channel;
mod channel_name;
mod check_config;
mod compile_module;
mod component_file;
mod config_file;
mod demo;
mod event_stream;
mod lenient;
mod local_host;
mod logging;
mod module;
mod output;
mod serve;
mod signals;
mod status;
mod table;

/// A WebAssembly-scriptable command host for Twitch.
#[derive(Debug, Parser)]
#[command(name = "twitchy", version, after_help = FIRST_STEPS)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run the bot on Twitch.
    Serve(serve::Arguments),
    /// Chat with the bot on this machine, without Twitch.
    Demo(demo::Arguments),
    /// Check a configuration file, and start nothing.
    CheckConfig(check_config::Arguments),
    /// Ask a running bot how it is.
    Status(status::Arguments),
    /// Write modules, upload them to a running bot, and say where they answer.
    Module(module::Arguments),
    /// Call a command of a running bot as a chatter would: the same as `module call`.
    Call(Box<module::call::Call>),
    /// What the host starts for itself.
    #[command(hide = true)]
    CompileModule(compile_module::Arguments),
    /// Make, list and revoke the keys of the API.
    #[command(subcommand)]
    ApiKey(api_key::Action),
    /// List the channels of a running bot, and how it stands in each.
    #[command(subcommand)]
    Channel(channel::Action),
}

/// Runs the whole program and returns its exit code. `arguments` start with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line.command,
        Err(error) => {
            // If standard error is closed, this failure cannot be reported anywhere.
            error.print().ok();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let outcome = match command {
        Some(Subcommands::Serve(arguments)) => serve::run(&arguments),
        Some(Subcommands::Demo(arguments)) => demo::run(&arguments),
        Some(Subcommands::CheckConfig(arguments)) => check_config::run(&arguments),
        Some(Subcommands::Status(arguments)) => status::run(&arguments),
        Some(Subcommands::Module(arguments)) => module::run(arguments),
        Some(Subcommands::Call(call)) => module::run(module::Arguments::of_call(call)),
        Some(Subcommands::CompileModule(arguments)) => compile_module::run(&arguments),
        Some(Subcommands::ApiKey(action)) => api_key::run(&action),
        Some(Subcommands::Channel(action)) => channel::run(&action),
        None => {
            output::report(format_args!(
                "twitchy answers commands in Twitch chat, each in a sandbox of its own.\n\n{FIRST_STEPS}"
            ));
            Ok(ExitCode::from(2))
        }
    };
    outcome.unwrap_or_else(|error| {
        output::report(format_args!("twitchy: {error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use std::path::Path;

    fn parse(line: &str) -> Result<Option<Subcommands>, clap::error::ErrorKind> {
        let line = CommandLine::try_parse_from(line.split(' '));
        line.map(|line| line.command).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_subcommand_takes_its_arguments() {
        let Ok(Some(Subcommands::Serve(arguments))) = parse("twitchy serve --config a.toml") else { panic!("serve") };
        assert_eq!(arguments.config, Path::new("a.toml"));
        let Ok(Some(Subcommands::Demo(arguments))) = parse("twitchy demo --fresh --script a.txt") else {
            panic!("demo")
        };
        assert!(arguments.fresh && arguments.state.is_none());
        assert_eq!(arguments.script.as_deref(), Some(Path::new("a.txt")));
        assert_eq!(arguments.api, None);
        for (line, api) in [("--api", "127.0.0.1:8080"), ("--api=[::1]:0", "[::1]:0"), ("--api [::1]:0", "[::1]:0")] {
            let Ok(Some(Subcommands::Demo(arguments))) = parse(&format!("twitchy demo {line}")) else {
                panic!("{line}")
            };
            assert_eq!(arguments.api, api.parse().ok());
        }
        let Ok(Some(Subcommands::CheckConfig(arguments))) = parse("twitchy check-config --config a.toml") else {
            panic!("check-config")
        };
        assert_eq!(arguments.config, Path::new("a.toml"));
        let Ok(Some(Subcommands::Status(arguments))) = parse("twitchy status --config a.toml --json") else {
            panic!("status")
        };
        assert!(arguments.json && arguments.config == Path::new("a.toml"));
    }

    #[test]
    fn nothing_to_do_and_no_file_are_no_parse_errors() {
        assert!(matches!(parse("twitchy"), Ok(None)));
        let is_usual = |config: &Path| config == Path::new("config.toml");
        assert!(matches!(parse("twitchy serve"), Ok(Some(Subcommands::Serve(serve))) if is_usual(&serve.config)));
        assert!(matches!(parse("twitchy status"), Ok(Some(Subcommands::Status(status))) if is_usual(&status.config)));
        let Ok(Some(Subcommands::CheckConfig(check))) = parse("twitchy check-config") else { panic!("check-config") };
        assert!(is_usual(&check.config));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        use clap::error::ErrorKind;
        assert!(matches!(parse("twitchy sing"), Err(ErrorKind::InvalidSubcommand)));
        assert!(matches!(parse("twitchy demo --fresh --state dir"), Err(ErrorKind::ArgumentConflict)));
        assert!(matches!(parse("twitchy demo --api=192.0.2.1:80"), Err(ErrorKind::ValueValidation)));
    }
}
