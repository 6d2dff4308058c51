//! Turns a component's bytes into a module that can be called.
//!
//! Guarantees: uploaded bytes are parsed and compiled only in a child process that can be killed, and none of their
//! code runs in the host before the gate has accepted them. Not here: calling a module, which is [`super::run`], and
//! publishing one, which is `modules::publish`.

pub(super) mod artefact;
mod capability;
pub mod compiler;
pub mod error;
pub(super) mod gate;
mod info;
mod loaded;
pub mod parts;
pub mod registry;
