//! Capability `commands`.

use crate::bindings::twitchy::command::commands::Listing;
use crate::testing::world::World;

pub(crate) fn list_available(world: &mut World) -> Vec<Listing> {
    let role = world.caller().role;
    let commands = world.commands().into_iter().filter(|(_, command)| role >= command.role);
    let mut listings: Vec<Listing> = commands.map(listing).collect();
    listings.sort_by(|one, other| one.name.cmp(&other.name));
    listings
}

pub(crate) fn find(world: &mut World, word: &str) -> Option<Listing> {
    let role = world.caller().role;
    world.find_command(word).filter(|(_, command)| role >= command.role).map(listing)
}

fn listing((module, command): (String, crate::CommandInfo)) -> Listing {
    Listing {
        name: command.name,
        aliases: command.aliases,
        usage: command.usage,
        summary: command.summary,
        module,
        role: command.role,
    }
}
