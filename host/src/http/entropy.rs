//! Where randomness comes from. Tests pass one that repeats itself.

/// Fills bytes that nobody can foretell.
pub trait Entropy: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // A key made without randomness would open the API to everybody.
        getrandom::fill(bytes).expect("the system has randomness");
    }
}
