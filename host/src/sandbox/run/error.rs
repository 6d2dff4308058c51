//! Errors of starting the sandbox.

/// Why the sandbox could not be built. The machine or the operator is at fault.
#[derive(Debug, thiserror::Error)]
pub enum StartSandboxError {
    #[error("engine: {0}")]
    Engine(String),
    #[error("artefact cache: {0}")]
    Cache(std::io::Error),
    #[error("compiler: {0}")]
    Compiler(std::io::Error),
    #[error("guest threads: {0}")]
    Runtime(std::io::Error),
}
