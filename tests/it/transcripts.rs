//! What chat sees, as chats: one file an area.
//!
//! To write one, leave the bot's lines out, run it, and read what the failure shows before you paste it.

mod commands;
mod fuse;
mod joining;
mod limits;
mod routing;
mod settings;
