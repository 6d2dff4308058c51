//! `http`: requests by the guarded web client. Waits, for as long as the answer takes.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::http::{Host, HttpError, Method, Request, Response};
use crate::sandbox::run::door::{Run, told};
use crate::sandbox::web;

impl Host for Run {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let sent = self.enter(Capability::Http)?.send(request.into()).await;
        told(sent.map(Response::from))
    }
}

impl From<Request> for web::WebRequest {
    fn from(request: Request) -> Self {
        let method = match request.method {
            Method::Get => web::Method::Get,
            Method::Head => web::Method::Head,
            Method::Post => web::Method::Post,
            Method::Put => web::Method::Put,
            Method::Patch => web::Method::Patch,
            Method::Delete => web::Method::Delete,
        };
        web::WebRequest { method, url: request.url, headers: request.headers, body: request.body }
    }
}

impl From<web::WebResponse> for Response {
    fn from(response: web::WebResponse) -> Self {
        Response { status: response.status, headers: response.headers, body: response.body }
    }
}

impl From<web::SendRequestError> for HttpError {
    fn from(error: web::SendRequestError) -> Self {
        match error {
            web::SendRequestError::InvalidRequest(why) => HttpError::InvalidRequest(why),
            web::SendRequestError::NotGranted(host) => HttpError::NotGranted(host),
            web::SendRequestError::TimedOut => HttpError::TimedOut,
            web::SendRequestError::TooLarge => HttpError::TooLarge,
            web::SendRequestError::OverBudget => HttpError::OverBudget,
            web::SendRequestError::NotSent => HttpError::NotSent,
            web::SendRequestError::Unreachable(why) => HttpError::Unreachable(why),
        }
    }
}
