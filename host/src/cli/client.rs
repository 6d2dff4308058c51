//! Asks a running host over its API.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Body;
use axum::http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;

use crate::config::ServerAddress;
use crate::config::environment::find_api_key;
use crate::config::http::PublicUrl;
use crate::twitch::server::{Dial, Server};

/// For a whole answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const LARGEST_ANSWER: usize = 4 << 20;

/// A host, and the key that it is asked with.
pub(super) struct Client {
    url: PublicUrl,
    key: SecretString,
}

impl Client {
    /// With the key in TWITCHY_API_KEY: on the command line, others on the machine could read it.
    pub(super) fn new(url: &str) -> anyhow::Result<Client> {
        let url = url.parse().map_err(|error| anyhow::anyhow!("--url must be {error}"))?;
        let key = find_api_key().context("put an API key into the environment variable TWITCHY_API_KEY")?;
        Ok(Client { url, key })
    }

    /// The answer's JSON.
    ///
    /// # Errors
    /// Tells what the host says, where it says no.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let asked = timeout(ANSWERED_WITHIN, self.exchange(method, path, body)).await;
        let (is_success, answer) = asked.with_context(|| format!("{} gives no answer", self.url))??;
        let value: Value =
            serde_json::from_slice(&answer).with_context(|| format!("{} is no host of twitchy", self.url))?;
        if is_success {
            return Ok(value);
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let errors = value["errors"].as_array().into_iter().flatten();
        let errors: Vec<String> = errors
            .map(|error| {
                let text = |key: &str| error[key].as_str().unwrap_or_default();
                format!("\n  {}: {}", text("field"), text("detail"))
            })
            .collect();
        bail!("{} ({}){}", text("detail"), text("code"), errors.concat());
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(bool, Vec<u8>)> {
        let stream = self.server().dial().await.with_context(|| format!("cannot reach {}", self.url))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        let connection = tokio::spawn(connection);
        let port = self.url.port.map_or_else(String::new, |port| format!(":{port}"));
        let mut bearer = header::HeaderValue::from_str(&format!("Bearer {}", self.key.expose_secret()))
            .ok()
            .context("TWITCHY_API_KEY holds no API key")?;
        bearer.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("{}{port}", self.url.host.as_str()))
            .header(header::AUTHORIZATION, bearer);
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))?
            }
            None => request.body(Body::empty())?,
        };
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let answer = Limited::new(body, LARGEST_ANSWER).collect().await;
        let answer = answer.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
        drop(sender);
        connection.abort();
        Ok((parts.status.is_success(), answer.to_vec()))
    }

    /// It refuses to send anything in plain text to another machine.
    fn server(&self) -> Server {
        let host = self.url.host.as_str().trim_matches(['[', ']']).to_owned();
        let port = self.url.port.unwrap_or(if self.url.is_https { 443 } else { 80 });
        Server::new(ServerAddress { is_tls: self.url.is_https, host, port })
    }
}
