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
//! | [`mod@bench`] | the host without Twitch, for benches and tests |
//! | [`telemetry`] | counts, traces and events of what happens |
//! | [`vault`] | seals what only the host may read back |
//! | [`net`] | HTTP clients: the guarded one for guests, the plain one for servers of our own configuration |
//! | [`transcript`] | chats as text, for the demo and for tests |
//!
//! A module imports only modules below it: ARCHITECTURE.md has the table, and a test checks the sources.

pub mod admission;
pub mod app;
pub mod balances;
pub mod bench;
pub mod chat;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod joining;
pub mod modules;
pub mod net;
pub mod sandbox;
pub mod setup;
pub mod store;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transcript;
pub mod twitch;
pub mod vault;
