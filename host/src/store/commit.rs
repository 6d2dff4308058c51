//! Commits of invocations.

use super::{Store, StoreError};
use crate::domain::effect::{Commit, Committed};

impl Store {
    /// Makes all changes of an invocation, once, or none.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let _ = (commit, &self.clock);
        todo!()
    }
}
