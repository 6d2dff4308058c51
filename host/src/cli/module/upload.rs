//! Uploads a component with a progress bar.

use std::time::Duration;

use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Method;
use hyper::body::{Bytes, Frame};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_stream::StreamExt;

use crate::cli::api_client::{Answer, ApiClient, Question};

/// Bytes of one frame of the request's body.
const PIECE: usize = 64 << 10;

/// Sends `bytes`. The progress bar goes to standard error, and only if that is a terminal.
pub(super) async fn send(client: &ApiClient, path: &str, bytes: Vec<u8>) -> anyhow::Result<Answer> {
    let bar = ProgressBar::new(bytes.len() as u64);
    bar.set_style(style("{msg} [{bar:30}] {bytes} of {total_bytes}"));
    bar.set_message("uploading");
    let sent = bar.clone();
    let pieces: Vec<Bytes> = bytes.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let frames = tokio_stream::iter(pieces).map(move |piece| {
        sent.inc(piece.len() as u64);
        if sent.position() >= sent.length().unwrap_or_default() {
            sent.set_style(style("{msg} {spinner} {elapsed}"));
            sent.set_message("checking and compiling");
            sent.enable_steady_tick(Duration::from_millis(100));
        }
        Ok(Frame::data(piece))
    });
    let body = if bytes.is_empty() { Full::default().boxed() } else { BodyExt::boxed(StreamBody::new(frames)) };
    let answer = client.ask(Question::new(Method::POST, path).with_body("application/wasm", body)).await;
    bar.finish_and_clear();
    answer
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is sound")
}
