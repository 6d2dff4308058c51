//! What an author of command modules works with.
//!
//! A module offers one or more commands. The host runs it as a WebAssembly component, in a fresh sandbox each time one of
//! its commands is called, and shows its replies in chat. This is a whole one:
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
//! Its manifest says `[lib] crate-type = ["cdylib", "rlib"]`: the first is the module, the second its tests. The guide
//! in `guest-sdk/README.md` takes it from here to a channel.
//!
//! # Capabilities
//!
//! A capability is a module of this crate that reaches out of the sandbox. Using one requests it: it then stands among what
//! the component imports, and has to be granted before the command runs in a channel. What is not used is not requested.
//!
//! | granted by | |
//! |---|---|
//! | nobody: always there | [`clock`], [`log`], [`random`] |
//! | the creator of the channel | [`balances`], [`chatters`], [`coins`], [`commands`], [`payments`], [`storage`], [`streams`], [`words`] |
//! | the operator of the host | [`channels`], [`http`], [`settings`], [`treasury`] |
//!
//! A chatter's name and role, the words typed and the module's own settings are in the [`Invocation`] and need none.
//!
//! # One call is one transaction
//!
//! What a call changed takes effect when it returns `Ok`, and only then. A call may be run again from its start, so nothing
//! may be kept in a `static` between calls; there, every call starts anew anyway.
//!
//! # Tests
//!
//! `cargo test` runs on your machine, without a host: a function of a capability panics there, and names itself. So put what
//! is worth a test into functions that take what they need, and call the capabilities from `respond`.

// Tested where the author works, used in the module.
#[cfg(any(target_arch = "wasm32", test))]
mod arena;
pub mod arguments;
#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod host;
pub mod info;
pub mod invocation;
pub mod lists;
#[doc(hidden)]
pub mod panics;
pub mod reply;
pub mod spans;

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

/// What an author implements, once a component; [`export!`] makes it the component's.
///
/// The type holds nothing: it is a name for the two functions. What is to outlive a call goes into [`storage`].
pub trait Module {
    /// What this module offers. Asked once, at the upload; no capability answers then, except [`log`].
    fn info() -> ModuleInfo;

    /// Answers one call of one of its commands: `invocation.command` says which. An alias never stands there.
    ///
    /// # Errors
    /// A sentence for the chatter, such as [`CommandError::refused`] makes; the errors of arguments and of most capabilities become
    /// one by `?`. Nothing that the call changed is kept then.
    fn respond(invocation: &Invocation) -> Result<Replies, CommandError>;
}

/// Makes a [`Module`] the module of this component.
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

            // On the author's machine nothing is exported: its linker does not take such names.
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export_module! { Exported with_types_in $crate::bindings }
        };
    };
}
