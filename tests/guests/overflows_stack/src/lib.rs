//! Calls itself until the stack is full.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer};

pub struct OverflowsStack;

impl Module for OverflowsStack {
    fn info() -> ModuleInfo {
        ModuleInfo::new("overflows-stack", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("overflows-stack", "does what it is named after").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer(sum_to(u64::MAX - invocation.sent_at).to_string()))
    }
}

twitchy_sdk::export!(OverflowsStack);

fn sum_to(number: u64) -> u64 {
    // The frame is large and its address is taken, so that no optimiser turns the recursion into a loop.
    let frame = std::hint::black_box([number; 32]);
    if number == 0 {
        0
    } else {
        frame[0].wrapping_add(sum_to(number - 1)).wrapping_add(std::hint::black_box(frame)[31])
    }
}
