//! Capability `log`: keeps the first lines of each call for the test to read.

use crate::bindings::twitchy::command::log::Level;
use crate::testing::world::World;

const MOST_LINES: usize = 32;
/// In characters.
const LONGEST_LINE: usize = 512;

pub(crate) fn write(world: &mut World, level: Level, line: &str) {
    if let Some(call) = &mut world.call {
        call.log_lines += 1;
        if call.log_lines > MOST_LINES {
            return;
        }
    }
    world.log.push((level, line.chars().take(LONGEST_LINE).collect()));
}
