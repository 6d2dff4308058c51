//! The guests and the load test, shared by the tests and the program `load`.

pub mod guests;
pub mod load;

/// The program that the tests start never finishes compiling a component that ends with these bytes.
pub const ENDLESS: &[u8] = b"compiled for ever";
