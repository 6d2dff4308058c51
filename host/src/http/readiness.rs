//! Whether the host is ready, as `app` knows it.

/// Tells what of the host is not ready; `app` knows the connections.
pub trait Readiness: Send + Sync + 'static {
    /// What is not ready, and why; nothing where all is well. Waits for nobody.
    fn list_unready(&self) -> Vec<(String, String)>;
}
