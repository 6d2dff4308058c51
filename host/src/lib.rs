//! twitchy, a WebAssembly-scriptable command host for Twitch. `main` parses the command line and calls [`cli`].
//!
//! Read the modules in this order, from the outside in:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | one file a subcommand, and how the process ends |
//! | [`config`] | the file and the environment, with every default |
//! | [`app`] | makes each long-lived part once, joins them, starts the tasks and ends them in order |
//! | [`domain`] | the vocabulary: ids, messages, invocations, effects; text is parsed once, into these types |
//! | [`twitch`] | connections: lines in, events out; replies in, lines out, within Twitch's limits |
//! | [`chat`] | the one path from a message to its replies |
//! | [`setup`], [`joining`], [`balances`] | how a channel is set up, who may call the bot, what chatters own |
//! | [`modules`] | modules and their versions: publish, withdraw, roll back |
//! | [`admission`] | which calls are admitted, when each may start, and the threads that run them |
//! | [`sandbox`] | runs a module in a fresh instance, as a transaction |
//! | [`store`] | everything that outlives the process; the only SQL |
//! | [`http`] | the API: access rules, requests and answers |
//! | [`mod@bench`] | the host without Twitch, for benches, tests and the author's commands of `cli` |
//! | [`telemetry`] | counts, traces and events of what happens |
//! | [`vault`] | seals what only the host may read back |
//! | [`net`] | HTTP clients: the guarded one for guests, the plain one for servers of our own configuration |
//! | [`transcript`] | chats as text, for the demo and for tests |
//!
//! A module imports only modules below it: ARCHITECTURE.md has the table, and a test checks the sources.

#![cfg_attr(
    not(feature = "testing"),
    allow(
        rustdoc::private_intra_doc_links,
        unreachable_pub,
        reason = "the items of a room are `pub` for tests, and the rooms are private in the program"
    )
)]

pub mod bench;
pub mod cli;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transcript;

// The compiler finds unused items only in private rooms. Tests and benches see all rooms.
#[cfg(not(feature = "testing"))]
mod admission;
#[cfg(feature = "testing")]
pub mod admission;
#[cfg(not(feature = "testing"))]
mod app;
#[cfg(feature = "testing")]
pub mod app;
#[cfg(not(feature = "testing"))]
mod balances;
#[cfg(feature = "testing")]
pub mod balances;
#[cfg(not(feature = "testing"))]
mod chat;
#[cfg(feature = "testing")]
pub mod chat;
#[cfg(not(feature = "testing"))]
mod config;
#[cfg(feature = "testing")]
pub mod config;
#[cfg(not(feature = "testing"))]
mod domain;
#[cfg(feature = "testing")]
pub mod domain;
#[cfg(not(feature = "testing"))]
mod http;
#[cfg(feature = "testing")]
pub mod http;
#[cfg(not(feature = "testing"))]
mod joining;
#[cfg(feature = "testing")]
pub mod joining;
#[cfg(not(feature = "testing"))]
mod modules;
#[cfg(feature = "testing")]
pub mod modules;
#[cfg(not(feature = "testing"))]
mod net;
#[cfg(feature = "testing")]
pub mod net;
#[cfg(not(feature = "testing"))]
mod sandbox;
#[cfg(feature = "testing")]
pub mod sandbox;
#[cfg(not(feature = "testing"))]
mod setup;
#[cfg(feature = "testing")]
pub mod setup;
#[cfg(not(feature = "testing"))]
mod store;
#[cfg(feature = "testing")]
pub mod store;
#[cfg(not(feature = "testing"))]
mod telemetry;
#[cfg(feature = "testing")]
pub mod telemetry;
#[cfg(not(feature = "testing"))]
mod twitch;
#[cfg(feature = "testing")]
pub mod twitch;
#[cfg(not(feature = "testing"))]
mod vault;
#[cfg(feature = "testing")]
pub mod vault;
