//! What our own accounts said lately, so that no other account of ours takes it for a chatter's words.

/// Shared by all accounts of a host. Bounded, and forgets.
#[derive(Debug, Default)]
pub struct OwnMessages {}
