//! The format of the log.

/// The notation of a log record, which is one line in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object with `timestamp`, `level`, `target`, `message` and the record's own fields.
    Json,
}
