//! What the tests share.

pub mod guests;
pub mod load;
