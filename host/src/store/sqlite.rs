//! The backend: one SQLite file, many connections that read and one thread that writes.
//!
//! Here is what another database would not need: opening and checking the file, its schema, connections, the writer's batches,
//! and how values stand in columns. Absent: which rows there are (`channel`, `host`).

mod apply;
pub(in crate::store) mod columns;
mod create;
mod fault;
#[cfg(test)]
mod killed;
pub(in crate::store) mod migrate;
pub(in crate::store) mod open;
mod purge;
mod readers;
pub(in crate::store) mod savepoint;
pub(in crate::store) mod scopes;
pub(in crate::store) mod sql;
mod writer;
