//! The backend: one SQLite file, many connections that read and one thread that writes.
//!
//! Here is all that is specific to SQLite: opening and checking the file, the schema, connections, the writer's
//! batches, and the columns' types. Not here: the rows themselves (`channel`, `host`).

mod apply;
pub(crate) mod columns;
mod create;
mod fault;
#[cfg(test)]
mod killed;
pub(crate) mod migrate;
pub(crate) mod open;
mod purge;
mod readers;
pub(crate) mod savepoint;
pub(crate) mod scopes;
pub(crate) mod sql;
mod writer;
