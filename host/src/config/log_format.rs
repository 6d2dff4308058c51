//! How the log is written.

/// How a record of the log is written; one line each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object with `timestamp`, `level`, `target`, `message` and the record's own fields.
    Json,
}
