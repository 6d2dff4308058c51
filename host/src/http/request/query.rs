//! Refuses query parameters that the endpoint does not have. Otherwise a mistyped `dry_run` would call the command, and
//! a mistyped filter would be ignored.

use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::ApiError;
use crate::http::request::echo::find_name;
use crate::http::state::Api;

/// Middleware for all routes.
pub(in crate::http) async fn check(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    find_unknown(&api, &request).map_or(Ok(()), Err)?;
    Ok(next.run(request).await)
}

fn find_unknown(api: &Api, request: &Request) -> Option<ApiError> {
    let path = request.extensions().get::<MatchedPath>()?;
    let method = if request.method() == Method::HEAD { Method::GET.as_str() } else { request.method().as_str() };
    let names = api.document.get()?.parameters.find(path.as_str(), method)?;
    // The endpoint itself refuses a query that cannot be parsed.
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    let (unknown, _) = query.into_iter().find(|(name, _)| !names.contains(name))?;
    let unknown = find_name(&unknown).map_or_else(|| "of that name".to_owned(), ToOwned::to_owned);
    let there = if names.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", names.join(", ")) };
    Some(ApiError::invalid_query(format!("The query has no parameter {unknown} here; {there}.")))
}
