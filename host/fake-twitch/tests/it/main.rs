//! Every rule, watched being broken over the in-memory connection with a paused clock.

mod client;
mod joining;
mod login;
mod modes;
mod sending;
mod speech;
mod trouble;
