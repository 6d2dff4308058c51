//! Imports an interface that no host provides.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer};

pub struct WantsUnknown;

impl Module for WantsUnknown {
    fn info() -> ModuleInfo {
        ModuleInfo::new("wants-unknown", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("wants-unknown", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer(unknown::tests::moon::tides::height().to_string()))
    }
}

twitchy_sdk::export!(WantsUnknown);

mod unknown {
    wit_bindgen::generate!({
        inline: "
            package tests:moon@0.1.0;
            interface tides { height: func() -> u32; }
            world wants-unknown { import tides; }
        ",
    });
}
