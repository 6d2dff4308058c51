//! The API's listener, opened before any channel is joined, and the health check of `/readyz`.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::status::Observer;
use super::status::problems::list_problems;
use crate::config::HttpConfig;

/// Opens the listener; `None` if `http.listen` is "off".
///
/// # Errors
/// If the address cannot be used. The text names the key of the configuration to change.
pub(super) async fn listen(config: &HttpConfig) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    let Some(wanted) = config.listen else { return Ok(None) };
    let advice = || format!("cannot listen on {wanted}: change http.listen in the configuration, or set it to \"off\"");
    let listener = TcpListener::bind(wanted).await.with_context(advice)?;
    let address = listener.local_addr().with_context(advice)?;
    Ok(Some((listener, address)))
}

/// The host is ready unless it has a problem that keeps it from its work.
pub(super) fn list_unready(observer: &Observer) -> Vec<(String, String)> {
    let problems = list_problems(&observer.observe()).into_iter();
    problems.filter_map(|problem| Some((problem.subject, problem.unready?))).collect()
}
