//! The finished document, as it is served, and the names of parameters in it.

use std::collections::HashMap;

use axum::body::Bytes;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// What does not change as long as the process runs.
pub(in crate::http) struct Served {
    pub(super) json: Bytes,
    pub(super) page: Bytes,
    pub(in crate::http) parameters: Parameters,
}

/// The names of the parameters of the query, by path and method. Only of endpoints whose document has a refusal for a malformed
/// request: a probe of `/healthz?now=1` is none of them.
pub(in crate::http) struct Parameters(HashMap<String, HashMap<&'static str, Vec<String>>>);

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

    pub(in crate::http) fn find(&self, path: &str, method: &str) -> Option<&Vec<String>> {
        self.0.get(path)?.get(method)
    }
}

fn list_names(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten().filter_map(find_inline);
    let queries = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
    queries.map(|parameter| parameter.name.clone()).collect()
}

/// Of those methods that we answer.
pub(super) fn list_operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let operations = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

pub(super) fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Head => "HEAD",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Trace => "TRACE",
    }
}

/// None of ours stands elsewhere in the document.
pub(super) fn find_inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}
