//! The readiness of the host, which `app` reports.

/// Reports which parts of the host are not ready. `app` implements it, because it knows the connections.
pub trait Readiness: Send + Sync + 'static {
    /// The parts that are not ready, each with the reason; empty if all are ready. Must not block.
    fn list_unready(&self) -> Vec<(String, String)>;
}
