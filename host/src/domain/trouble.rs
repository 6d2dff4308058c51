//! The reason why a part of the host does not work, for observers. Pure.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// Why the last attempt failed; `None` after a success.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Option<Arc<str>>>);

impl Trouble {
    pub fn note_failure(&self, reason: &dyn Display) {
        self.replace(Some(reason.to_string().into()));
    }

    pub fn note_success(&self) {
        self.replace(None);
    }

    /// Records the result of an attempt, and returns the result.
    pub fn note<T, E: Display>(&self, outcome: Result<T, E>) -> Result<T, E> {
        match &outcome {
            Ok(_) => self.note_success(),
            Err(error) => self.note_failure(error),
        }
        outcome
    }

    pub fn reason(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, reason: Option<Arc<str>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_decides() {
        let trouble = Trouble::default();
        assert_eq!(trouble.reason(), None);
        assert_eq!(trouble.note(Err::<(), _>("the disk is full")), Err("the disk is full"));
        assert_eq!(trouble.reason().as_deref(), Some("the disk is full"));
        assert_eq!(trouble.note(Ok::<_, &str>(1)), Ok(1));
        assert_eq!(trouble.reason(), None);
    }
}
