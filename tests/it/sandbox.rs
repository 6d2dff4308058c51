//! The sandbox with real guests: what they may do, how hostile ones are stopped, and that others are not affected.

mod artefacts;
pub(crate) mod bytes;
pub(crate) mod compilers;
mod contract;
pub(crate) mod fixture;
mod hostile;
mod loading;
pub(crate) mod logs;
mod powers;
mod queue;
mod runs;
mod turns;
mod uploads;
