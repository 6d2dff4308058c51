//! Awaits on the calling thread.

/// Runs a subcommand that awaits. Work on other threads that it no longer waits for, such as a build after Ctrl-C, is left
/// behind.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
