//! What committed invocations answered, kept a day.

use super::{Store, StoreError};
use crate::domain::invocation::InvocationId;
use crate::domain::message::Reply;

impl Store {
    /// The replies of an invocation that was committed within the last day.
    pub fn find_outcome(&self, invocation: &InvocationId) -> Result<Option<Vec<Reply>>, StoreError> {
        let _ = invocation;
        todo!()
    }
}
