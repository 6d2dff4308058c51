//! Delays retries of modules that could not be loaded.

use std::time::Duration;

use tokio::time::Instant;

use super::super::error::CompileError;

/// How long a module that could not be loaded is not retried, so that frequent calls do not keep the compiler busy.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Why the last attempt to load a module failed.
#[derive(Default)]
pub(super) struct LastFailure(Option<(Instant, CompileError)>);

impl LastFailure {
    /// The error for a call that waited since `asked_at`: of the attempt that it waited for, or of a recent one.
    pub(super) fn find(&self, asked_at: Instant, now: Instant) -> Option<CompileError> {
        let (failed_at, error) = self.0.as_ref()?;
        // `Busy` as well: no queue of calls is ever full, so the compiler lacked processor time, and still would.
        (asked_at <= *failed_at || now < *failed_at + TRY_AGAIN_AFTER).then(|| error.clone())
    }

    pub(super) fn note(&mut self, error: Option<&CompileError>, now: Instant) {
        self.0 = error.map(|error| (now, error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stands_for_those_who_waited_and_for_a_while() {
        let (before, failed_at) = (Instant::now(), Instant::now() + Duration::from_secs(5));
        let second = Duration::from_secs(1);
        let mut last = LastFailure::default();
        assert_eq!(last.find(before, failed_at), None);
        let late = failed_at + TRY_AGAIN_AFTER;
        for error in [CompileError::CompileTime, CompileError::Busy] {
            last.note(Some(&error), failed_at);
            assert_eq!(last.find(before, late).as_ref(), Some(&error), "it waited for that very attempt");
            assert_eq!(last.find(late - second, late - second), Some(error), "or it would keep the one compiler busy");
            assert_eq!(last.find(late, late), None);
        }
        last.note(None, failed_at);
        assert_eq!(last.find(before, failed_at), None);
    }
}
