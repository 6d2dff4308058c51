//! The complete document in its served forms, and the names of its query parameters.

use std::collections::HashMap;

use axum::body::Bytes;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// Everything built from the document, once for the life of the process.
pub(in crate::http) struct Served {
    pub(super) json: Bytes,
    pub(super) page: Bytes,
    pub(in crate::http) parameters: Parameters,
}

/// The names of query parameters, by path and method. Only of endpoints that document a refusal of malformed requests,
/// so that a probe of `/healthz?now=1` is not refused.
pub(in crate::http) struct Parameters(HashMap<String, HashMap<&'static str, Vec<String>>>);

impl Parameters {
    pub(super) fn of(document: &mut OpenApi) -> Parameters {
        let mut all: HashMap<String, HashMap<_, _>> = HashMap::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in list_operations(item) {
                if operation.responses.responses.contains_key("400") {
                    all.entry(path.clone()).or_default().insert(method, list_names(operation));
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

/// The operations of the methods that the API uses.
pub(super) fn list_operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let operations = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Our parameters are always inline; `Ref` cannot occur.
pub(super) fn find_inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}
