//! Secrets that no `Debug` output shows, and where the issued ones come from.

use std::borrow::Borrow;
use std::fmt;

use super::clock::mix;

const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Secrets that are remembered for tests that search for leaks.
const REMEMBERED: usize = 400_000;

/// A token, a code or a client secret. `Debug` hides the text; [`expose`](Self::expose) returns it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Lets a map with secrets as keys be searched by a text.
impl Borrow<str> for Secret {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes tokens and codes from a seed, so that every run has the same. They are secret from nobody who knows the seed.
#[derive(Debug)]
pub(crate) struct SecretSource {
    seed: u64,
    made: u64,
    /// The first [`REMEMBERED`].
    pub(crate) issued: Vec<Secret>,
}

impl SecretSource {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, made: 0, issued: Vec::new() }
    }

    pub(crate) fn issue(&mut self, length: usize) -> Secret {
        let text = self.make(length);
        self.note(text)
    }

    /// Eight capital letters and digits, for a person to type.
    pub(crate) fn issue_user_code(&mut self) -> Secret {
        let text = self.make(8).to_ascii_uppercase();
        self.note(text)
    }

    fn make(&mut self, length: usize) -> String {
        self.made += 1;
        let mut state = mix(self.seed) ^ self.made;
        let letters = (0..length).map(|_| {
            state = mix(state);
            char::from(LETTERS[(state % 36) as usize])
        });
        letters.collect()
    }

    fn note(&mut self, text: String) -> Secret {
        let secret = Secret(text);
        if self.issued.len() < REMEMBERED {
            self.issued.push(secret.clone());
        }
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_in_every_run_and_never_shown() {
        let (mut source, mut other) = (SecretSource::new(1), SecretSource::new(1));
        let (first, second) = (source.issue(30), source.issue(30));
        assert_eq!((&first, &second), (&other.issue(30), &other.issue(30)));
        assert_ne!(first, second);
        assert_ne!(first, SecretSource::new(2).issue(30));
        assert_eq!((first.expose().len(), source.issue_user_code().expose().len()), (30, 8));
        assert_eq!(source.issued.len(), 3);
        assert!(!format!("{source:?}").contains(first.expose()));
    }
}
