//! The sandbox with real guests: what they may do, what becomes of the ones that do worse, and that nobody else notices.

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
