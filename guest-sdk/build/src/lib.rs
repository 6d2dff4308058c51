//! Builds command modules: from guest crates to the components that the host runs.
//!
//! In reading order:
//! - [`toolchain`] finds a compiler with the guests' target, or gets one,
//! - `debian` is the last of its ways: Debian's packages in the user's cache folder,
//! - [`component`] runs cargo for guest crates and encodes what comes out,
//! - [`script`] is the thin layer for build scripts; `main.rs` is the one for people.
//!
//! Promised: nothing is installed on the system, and a second caller waits for the first one instead of doing the work
//! twice. Absent: any knowledge of what a module is; that is the SDK's and the host's.

pub mod component;
mod debian;
pub mod script;
pub mod toolchain;

/// Told, in one line, what takes long.
pub type Say<'a> = &'a dyn Fn(&str);

/// Guests are built for this target: their components import nothing but `wit/`. (`wasm32-wasip2` would add ten
/// interfaces of WASI, which no host call of ours serves.)
pub const TARGET: &str = "wasm32-unknown-unknown";
