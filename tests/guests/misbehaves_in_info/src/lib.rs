//! Misbehaves in `info`. A test chooses how by changing a byte of the component.

use std::hint::black_box;

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, SettingInfo, answer};

/// The last character selects the misbehaviour.
const MISDEED: &str = "misbehaves in info by way of 0";

pub struct MisbehavesInInfo;

impl Module for MisbehavesInInfo {
    fn info() -> ModuleInfo {
        let info = ModuleInfo::new("misbehaves-in-info", env!("CARGO_PKG_VERSION"), "a guest of the tests");
        let command = |name: &str| CommandInfo::new(name, "does what it is named after");
        match black_box(MISDEED).as_bytes().last() {
            Some(b'1') => loop {
                black_box(());
            },
            Some(b'2') => panic!("it does not want to"),
            Some(b'3') => loop {
                black_box(vec![1; 1 << 20].leak());
            },
            Some(b'4') => info.command(CommandInfo::new("huge", &"a".repeat(2 << 20))),
            Some(b'5') => (0..33).fold(info, |info, number| info.command(command(&format!("word{number}")))),
            Some(b'6') => info.command(command("twice")).command(command("TWICE")),
            Some(b'7') => info.command(command("hidden\u{200b}")),
            Some(b'8') => ModuleInfo::new("Misbehaves", env!("CARGO_PKG_VERSION"), "a guest of the tests"),
            Some(b'9') => ModuleInfo::new("misbehaves-in-info", "latest", "a guest of the tests"),
            Some(b'a') => info.command(command("settings")),
            Some(b'b') => ModuleInfo::new("balance", env!("CARGO_PKG_VERSION"), "a guest of the tests"),
            Some(b'c') => info.setting(SettingInfo::integer("sides", 2, 100, 500, "sides of a die")),
            Some(b'd') => info.command(command("behaves").usage(&"[side] ".repeat(100))),
            _ => info.command(command("behaves")),
        }
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer("as it should"))
    }
}

twitchy_sdk::export!(MisbehavesInInfo);
