//! Why there is no sandbox.

/// Why the sandbox could not be built: the machine's fault or the operator's.
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
