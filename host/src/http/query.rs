//! What stands behind the `?` is what the endpoint takes, and nothing else: a `dry_run` with a typing error in it would call
//! the command, and a filter with one would be none.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};

use super::Api;
use super::echo::find_name;
use super::error::ApiError;
use super::error::refusals::INVALID_QUERY;
use super::openapi::{in_place, list_operations, method_name};

/// The parameters of each endpoint whose document tells that a request may be malformed; a probe of `/healthz?now=1` is
/// none of them.
pub(super) struct Parameters(HashMap<String, HashMap<&'static str, Vec<String>>>);

impl Parameters {
    pub(super) fn of(document: &mut OpenApi) -> Parameters {
        let mut all: HashMap<String, HashMap<_, _>> = HashMap::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in list_operations(item) {
                if operation.responses.responses.contains_key("400") {
                    all.entry(path.clone()).or_default().insert(method_name(&method), list_names(operation));
                }
            }
        }
        Parameters(all)
    }
}

fn list_names(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten().filter_map(in_place);
    let queries = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
    queries.map(|parameter| parameter.name.clone()).collect()
}

/// The middleware.
pub(super) async fn check(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match find_unknown(&api, &request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn find_unknown(api: &Api, request: &Request) -> Option<ApiError> {
    let path = request.extensions().get::<MatchedPath>()?;
    let method =
        if request.method() == Method::HEAD { method_name(&HttpMethod::Get) } else { request.method().as_str() };
    let names = api.document.get()?.parameters.0.get(path.as_str())?.get(method)?;
    // What cannot be read is told by the endpoint.
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    let (unknown, _) = query.into_iter().find(|(name, _)| !names.contains(name))?;
    let unknown = find_name(&unknown).map_or_else(|| "of that name".to_owned(), ToOwned::to_owned);
    let there = if names.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", names.join(", ")) };
    Some(INVALID_QUERY.because(format!("The query has no parameter {unknown} here; {there}.")))
}
