//! Builds command modules: from guest crates to the components that the host runs.
//!
//! In reading order:
//! - [`toolchain`] finds a compiler with the guests' target, or gets one,
//! - `debian` is its last resort: Debian's packages in the user's cache folder,
//! - `tool` starts programs without the host's variables,
//! - [`project`] finds the crate that an author works on,
//! - [`component`] runs cargo for guest crates and encodes the results,
//! - [`script`] is the thin layer for build scripts; `main.rs` is the one for people.
//!
//! Guarantees: nothing is installed on the system, and a second process waits for the first one instead of repeating
//! its work. Not here: what a module may do, which the SDK and the host know.

pub mod component;
mod debian;
pub mod project;
pub mod script;
mod tool;
pub mod toolchain;

/// Receives a line before each slow step.
pub type Progress<'a> = &'a dyn Fn(&str);

/// The target of guests, whose components import nothing but `wit/`. (`wasm32-wasip2` would add ten interfaces of WASI,
/// none of which the host provides.)
pub const TARGET: &str = "wasm32-unknown-unknown";
