//! Tests as transcripts of chats, one file for each area.
//!
//! To write one, leave out the bot's lines and run it. Check the corrected transcript in the failure, then paste it.

mod commands;
mod fuse;
mod joining;
mod limits;
mod native;
mod routing;
mod settings;
