//! The backend: one SQLite file, many connections that read and one thread that writes.
//!
//! Here is what another database would not need: opening and checking the file, its schema, connections, the writer's batches,
//! and how values stand in columns. Absent: which rows there are (`channel`, `host`).

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
