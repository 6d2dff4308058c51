//! The document as a page: no script, nothing from outside, readable on a phone and in the dark.

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi;

/// Its style is the only thing that it loads.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("docs.css");

pub(super) fn answer(page: Bytes) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)], page).into_response()
}

/// The style of the page
#[utoipa::path(
    get,
    path = "/api/docs.css",
    tag = "about",
    responses((status = 200, description = "A style sheet.", body = String, content_type = "text/css"))
)]
pub(super) async fn show_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

pub(super) fn write_page(document: &OpenApi) -> String {
    let mut page = String::new();
    write!(page, "<!doctype html><title>{}</title>", escape(&document.info.title)).expect("a String takes all");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
