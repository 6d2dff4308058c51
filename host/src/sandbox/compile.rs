//! From a component's bytes to a module that can be called.
//!
//! Promised: a stranger's bytes are read and compiled only in a child process that can be killed, and no instruction of
//! theirs runs here before the gate has let them through. Absent: calling a module, which is [`super::run`], and publishing
//! one, which is `modules::publish`.

pub(super) mod artefact;
mod capability;
pub mod compiler;
pub mod error;
pub(super) mod gate;
mod info;
mod loaded;
pub mod registry;
pub mod workshop;
