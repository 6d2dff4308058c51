//! The API for authors of command modules.
//!
//! A module offers one or more commands. The host runs it as a WebAssembly component, in a fresh sandbox each time one
//! of its commands is called, and shows its replies in chat. This is a complete one:
//!
//! ```
//! use std::time::Duration;
//! use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};
//!
//! pub struct Hug;
//!
//! impl Module for Hug {
//!     fn info() -> ModuleInfo {
//!         ModuleInfo::new("hug", env!("CARGO_PKG_VERSION"), "hugs, counted").command(
//!             CommandInfo::new("hug", "hugs somebody").usage("[name]").chatter_cooldown(Duration::from_secs(10)),
//!         )
//!     }
//!
//!     fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
//!         let mut arguments = invocation.arguments();
//!         let whom: Option<String> = arguments.optional("name")?;
//!         arguments.end()?;
//!         let count = storage::add("hugs", 1)?;
//!         Ok(answer(hug(whom.as_deref().unwrap_or("everybody"), count)))
//!     }
//! }
//!
//! /// The pure part: tested without any host.
//! fn hug(whom: &str, count: i64) -> String {
//!     format!("hugs {whom}, hug number {count} of this channel")
//! }
//!
//! twitchy_sdk::export!(Hug);
//! # fn main() { assert_eq!(hug("bob", 2), "hugs bob, hug number 2 of this channel"); }
//! ```
//!
//! Its manifest says `[lib] crate-type = ["cdylib", "rlib"]`: the first is for the module, the second for its tests.
//! The guide in `guest-sdk/README.md` takes it from here to a channel.
//!
//! # Capabilities
//!
//! A capability is a module of this crate that reaches out of the sandbox. Using one makes it an import of the
//! component, which is a request: it has to be granted before the command runs in a channel. An unused capability is
//! not requested.
//!
//! | granted by | |
//! |---|---|
//! | nobody: always there | [`clock`], [`log`], [`random`] |
//! | the creator of the channel | [`balances`], [`chatters`], [`coins`], [`commands`], [`payments`], [`storage`], [`streams`], [`words`] |
//! | the operator of the host | [`channels`], [`http`], [`settings`], [`treasury`] |
//!
//! A chatter's name and role, the words typed and the module's settings are in the [`Invocation`] and need no grant.
//!
//! # One call is one transaction
//!
//! The changes of a call take effect when it returns `Ok`, and only then. The host may run a call again from its start,
//! so keep nothing in a `static`: in the sandbox every call starts anew anyway.
//!
//! # Tests
//!
//! `cargo test` runs on your machine. [`testing::Host`] is a host in memory there: a test types a message, and
//! `respond` answers it, with a store, a ledger, a clock and a web that the test sets up.
//!
//! [`recipes`] has whole modules with their tests.

#![deny(missing_docs)]

// Tested on the author's machine, used in the module.
#[cfg(any(target_arch = "wasm32", test))]
mod arena;
pub mod arguments;
#[doc(hidden)]
#[allow(missing_docs, reason = "the contract documents what needs words")]
pub mod bindings;
#[doc(hidden)]
#[allow(missing_docs, reason = "the capabilities document these functions")]
pub mod host;
pub mod info;
pub mod invocation;
pub mod lists;
#[doc(hidden)]
pub mod panics;
pub mod reply;
pub mod spans;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[doc = include_str!("../RECIPES.md")]
#[cfg(any(doc, doctest))]
pub mod recipes {}

pub mod balances;
pub mod channels;
pub mod chatters;
pub mod clock;
pub mod coins;
pub mod commands;
pub mod http;
pub mod log;
pub mod payments;
pub mod random;
pub mod settings;
pub mod storage;
pub mod streams;
pub mod treasury;
pub mod words;

pub use arguments::{Amount, Argument, Arguments, Mention};
pub use bindings::twitchy::command::types::{
    Badge, Channel, Chatter, CommandError, CommandInfo, Invocation, ModuleInfo, Origin, QuotedMessage, Reply, Role,
    SettingInfo, SettingKind, TimerInfo,
};
pub use reply::{Replies, action, answer, say};

/// The two functions that every module implements. [`export!`] makes the type the component's module.
///
/// The type holds no data: it only names the two functions. Use [`storage`] for data that must outlive a call.
pub trait Module {
    /// Returns what this module offers. Called once, at the upload; [`log`] is the only capability that works then.
    fn info() -> ModuleInfo;

    /// Answers one call of one of the module's commands. `invocation.command` is the command's name, never an alias.
    ///
    /// # Errors
    /// A sentence for the chatter, such as [`CommandError::refused`] makes; `?` converts the errors of arguments and of
    /// most capabilities. After an error, no change of the call is kept.
    fn respond(invocation: &Invocation) -> Result<Replies, CommandError>;
}

/// Exports a [`Module`] from this component.
#[macro_export]
macro_rules! export {
    ($module:ty) => {
        const _: () = {
            struct Exported;

            impl $crate::bindings::exports::twitchy::command::module::Guest for Exported {
                fn info() -> $crate::ModuleInfo {
                    $crate::panics::report();
                    <$module as $crate::Module>::info()
                }

                fn respond(invocation: $crate::Invocation) -> Result<Vec<$crate::Reply>, $crate::CommandError> {
                    $crate::panics::report();
                    <$module as $crate::Module>::respond(&invocation).map(Into::into)
                }
            }

            // A build for the author's machine exports nothing: its linker does not accept the names of the exports.
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export_module! { Exported with_types_in $crate::bindings }
        };
    };
}
