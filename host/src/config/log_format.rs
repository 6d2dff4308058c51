//! The format of the log.

use crate::domain::named::named;

named! {
    /// The notation of a log record, which is one line in each.
    #[derive(Default)]
    pub enum LogFormat, ParseLogFormatError "\"text\" or \"json\"" {
        /// For people.
        #[default]
        Text "text",
        /// For programs: a JSON object with `timestamp`, `level`, `target`, `message` and the record's own fields.
        Json "json",
    }
}
