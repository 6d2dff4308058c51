//! Capability `words`: command words that this module adds to the channel, such as a creator's own text commands.
//!
//! The creator of a channel grants it. A later call by such a word has the word as its `command`. To claim a word, the
//! invoking chatter must be allowed to change the channel's set-up.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, CommandInfo, Invocation, Replies, answer, storage, words};
//!
//! fn add(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let mut arguments = invocation.arguments();
//!     let word: String = arguments.required("word")?;
//!     words::claim(CommandInfo::new(&word, "says a text of this channel"))?;
//!     storage::save(&format!("text/{word}"), arguments.rest("text")?)?;
//!     Ok(answer(format!("{}{word} is a command now", invocation.prefix)))
//! }
//!
//! fn remove_all() -> usize {
//!     words::list_claimed().iter().filter(|word| words::release(&word.name)).count()
//! }
//! ```

pub use crate::bindings::twitchy::command::words::{Word, WordError};
use crate::host::words;
pub use crate::host::words::{list_claimed, release};
use crate::{CommandError, CommandInfo};

/// Claims a word, or replaces this module's own word of that name. `command` describes it.
///
/// # Errors
/// If the word is not available; `?` turns the error into a sentence for the chatter.
pub fn claim(command: CommandInfo) -> Result<(), WordError> {
    words::claim(&Word {
        name: command.name,
        aliases: command.aliases,
        usage: command.usage,
        summary: command.summary,
        role: command.role,
        channel_cooldown_ms: command.channel_cooldown_ms,
        chatter_cooldown_ms: command.chatter_cooldown_ms,
    })
}

impl From<WordError> for CommandError {
    fn from(error: WordError) -> Self {
        match error {
            WordError::Invalid(why) => Self::usage(why),
            WordError::Taken(module) => Self::refused(["the module ", &module, " answers to that already"].concat()),
            WordError::Full => Self::refused("this channel has all the words it may have"),
            WordError::NotAllowed(why) => Self::refused(why),
        }
    }
}
