//! What the tests share.

pub mod guests;
pub mod load;

/// A component that ends with these bytes is never compiled to its end by the program that the tests start.
pub const ENDLESS: &[u8] = b"compiled for ever";
