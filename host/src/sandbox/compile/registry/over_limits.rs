//! Remembers for a while which components exceeded the compiler's limits: compiling them again would cost the same, and
//! delay all other uploads.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::super::error::CompileError;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::SizeClass;

/// Most remembered components. Beyond that the oldest is dropped, which costs at most one more compilation.
const MOST: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not zero");
/// After this time the same bytes are compiled once more, because a compilation's cost varies.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// By component and size class: the large class has higher limits.
pub(super) struct OverLimits(Mutex<LruCache<(ModuleDigest, SizeClass), (Instant, CompileError)>>);

impl OverLimits {
    pub(super) fn new() -> OverLimits {
        OverLimits(Mutex::new(LruCache::new(MOST)))
    }

    /// Records errors that are limits of the compiler; others say nothing about the next attempt.
    pub(super) fn note(&self, digest: ModuleDigest, size: SizeClass, error: &CompileError, now: Instant) {
        if matches!(error, CompileError::CompileTime | CompileError::CompileMemory) {
            self.lock().put((digest, size), (now, error.clone()));
        }
    }

    /// Refuses a component that recently exceeded a limit.
    pub(super) fn check(&self, digest: ModuleDigest, size: SizeClass, now: Instant) -> Result<(), CompileError> {
        let over = self.lock();
        match over.peek(&(digest, size)) {
            Some((noted_at, error)) if now < *noted_at + REMEMBERED_FOR => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Poisoning is ignored: the state is consistent after every statement.
    fn lock(&self) -> MutexGuard<'_, LruCache<(ModuleDigest, SizeClass), (Instant, CompileError)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOMB: ModuleDigest = ModuleDigest([1; 32]);

    #[test]
    fn what_went_over_a_limit_is_remembered_for_a_while_in_its_size_class() {
        let (over, now) = (OverLimits::new(), Instant::now());
        for error in [CompileError::CompileTime, CompileError::CompileMemory] {
            over.note(BOMB, SizeClass::Small, &error, now);
            let almost = now + REMEMBERED_FOR - Duration::from_secs(1);
            assert_eq!(over.check(BOMB, SizeClass::Small, almost), Err(error));
            assert_eq!(over.check(BOMB, SizeClass::Small, now + REMEMBERED_FOR), Ok(()));
            assert_eq!(over.check(BOMB, SizeClass::Large, now), Ok(()));
            assert_eq!(over.check(ModuleDigest([2; 32]), SizeClass::Small, now), Ok(()));
        }
    }

    #[test]
    fn other_errors_are_not_remembered() {
        let (over, now) = (OverLimits::new(), Instant::now());
        for error in [CompileError::Busy, CompileError::Killed, CompileError::Host("full".into())] {
            over.note(BOMB, SizeClass::Small, &error, now);
            assert_eq!(over.check(BOMB, SizeClass::Small, now), Ok(()), "{error}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (over, now) = (OverLimits::new(), Instant::now());
        for number in 0..2_000_u16 {
            let mut digest = ModuleDigest([0; 32]);
            digest.0[..2].copy_from_slice(&number.to_le_bytes());
            over.note(digest, SizeClass::Small, &CompileError::CompileTime, now);
        }
        assert_eq!(over.lock().len(), MOST.get());
    }
}
