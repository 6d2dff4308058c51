//! Turns a message into the invocation that it causes.

use super::message::parse_message;
use super::value::show_role;
use super::world::World;
use crate::{CommandError, Invocation, Origin, QuotedMessage};

/// Characters of the longest message that Twitch takes.
const LONGEST_MESSAGE: usize = 500;

/// The invocation that a message causes.
#[track_caller]
pub(super) fn begin(
    world: &mut World,
    login: &str,
    message: &str,
    to: Option<(&str, &str)>,
) -> Result<Invocation, CommandError> {
    assert!(message.chars().count() <= LONGEST_MESSAGE, "a chat message has at most {LONGEST_MESSAGE} characters");
    let parsed = parse_message(message, &world.kept.prefix, &world.bot);
    let parsed =
        parsed.unwrap_or_else(|| panic!("{message:?} calls nothing: a command begins with {}", world.kept.prefix));
    let found = world.find_command(&parsed.word).filter(|(module, _)| *module == world.module.name);
    let Some((_, command)) = found else {
        let mut words: Vec<String> = world.commands().into_iter().map(|(_, command)| command.name).collect();
        words.sort();
        panic!("the module has no command {:?}; it has {}", parsed.word, words.join(", "));
    };
    if world.chatter(login).role < command.role {
        let role = show_role(command.role);
        return Err(CommandError::refused(format!("{} is for the role {role}, and those above it", command.name)));
    }
    let invocation = invocation(world, login, to);
    Ok(Invocation { command: command.name, arguments: parsed.arguments, text: parsed.text, ..invocation })
}

/// An invocation without a command.
pub(super) fn invocation(world: &mut World, login: &str, to: Option<(&str, &str)>) -> Invocation {
    let chatter = world.chatter(login).clone();
    let reply_to = to.map(|(login, text)| {
        let author = world.chatter(login);
        let (chatter_id, chatter_login) = (author.id.clone(), author.login.clone());
        QuotedMessage { id: "quoted".to_owned(), chatter_id, chatter_login, text: text.to_owned() }
    });
    Invocation {
        id: "message".to_owned(),
        origin: Origin::Chat,
        channel: world.channel.clone(),
        chatter,
        bot: world.bot.clone(),
        prefix: world.kept.prefix.clone(),
        locale: "en".to_owned(),
        command: String::new(),
        arguments: Vec::new(),
        text: String::new(),
        reply_to,
        sent_at: world.now,
        settings: world.settings(),
        details: Vec::new(),
    }
}
