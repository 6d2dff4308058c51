//! The source of randomness. Tests pass one that repeats itself.

/// Must be unpredictable: API keys are made from these bytes.
pub trait Entropy: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's random number generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // A key made without randomness would open the API to everybody.
        getrandom::fill(bytes).expect("the system has randomness");
    }
}
