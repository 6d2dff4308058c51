//! The document as a page: no script, nothing from outside, readable on a phone and in the dark.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Bytes;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::OpenApi;

/// Its style is the only thing that it loads.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("docs.css");

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>twitchy: the API</title>\n\
    <link rel=\"stylesheet\" href=\"/api/docs.css\">\n</head>\n<body>\n";

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

/// Of the very document that is served.
pub(super) fn write_page(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).expect("the document is made of texts and maps by text");
    let mut page = HEAD.to_owned();
    add(&mut page, "h1", &document["info"]["title"]);
    add(&mut page, "p", &document["info"]["description"]);
    page.push_str("<p>A program reads <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.</p>\n");
    for (tag, operations) in group(&document) {
        add(&mut page, "h2", &tag.into());
        for (method, path, operation) in operations {
            add_operation(&mut page, &method, path, operation);
        }
    }
    add(&mut page, "h2", &"Shapes".into());
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        writeln!(page, "<section id=\"{0}\">\n<h3>{0}</h3>", escape(name)).expect("a String takes all");
        add(&mut page, "p", &schema["description"]);
        add_schema(&mut page, schema);
        page.push_str("</section>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

type Operations<'d> = Vec<(String, &'d str, &'d Value)>;

/// By tag.
fn group(document: &Value) -> BTreeMap<&str, Operations<'_>> {
    let mut groups: BTreeMap<&str, Operations<'_>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            groups.entry(tag).or_default().push((method.to_uppercase(), path, operation));
        }
    }
    groups
}

fn add_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    page.push_str("<section>\n");
    writeln!(page, "<h3><b>{method}</b> <code>{}</code></h3>", escape(path)).expect("a String takes all");
    add(page, "p", &operation["summary"]);
    add(page, "p", &operation["description"]);
    if operation["security"].is_array() {
        add(page, "p", &"Needs an API key.".into());
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| {
        let text = |key: &str| escape(parameter[key].as_str().unwrap_or_default());
        [format!("<code>{}</code>", text("name")), text("in"), text("description")]
    });
    add_table(page, ["Parameter", "Where", "What"], parameters);
    for (kind, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let shape = name_schema(&body["schema"]);
        writeln!(page, "<p>Body: <code>{}</code> {shape}</p>", escape(kind)).expect("a String takes all");
    }
    let answers = operation["responses"].as_object().into_iter().flatten();
    let answers = answers.map(|(status, answer)| {
        let contents = answer["content"].as_object().into_iter().flatten();
        let shapes: Vec<String> = contents.map(|(_, content)| name_schema(&content["schema"])).collect();
        [escape(status), escape(answer["description"].as_str().unwrap_or_default()), shapes.join(" ")]
    });
    add_table(page, ["Status", "When", "Body"], answers);
    page.push_str("</section>\n");
}

fn add_schema(page: &mut String, schema: &Value) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // A shape that takes in another one has its own fields in the last of its parts.
    let parts = schema["allOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
    for part in parts.iter().filter(|part| part["$ref"].is_string()) {
        writeln!(page, "<p>All of {}, and:</p>", name_schema(part)).expect("a String takes all");
    }
    let fields = parts.iter().flat_map(|part| part["properties"].as_object().into_iter().flatten());
    let fields = fields.map(|(name, field)| {
        let need = if required.contains(&name.as_str()) { "" } else { " (may be absent)" };
        let what = escape(field["description"].as_str().unwrap_or_default());
        [format!("<code>{}</code>", escape(name)), format!("{}{need}", name_schema(field)), what]
    });
    add_table(page, ["Field", "Kind", "What"], fields);
}

fn name_schema(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", name_schema(&schema["items"])),
        Value::String(kind) => escape(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
            escape(&kinds.join(" or "))
        }
        _ => "any".to_owned(),
    }
}

/// Nothing where there are no rows.
fn add_table(page: &mut String, head: [&str; 3], rows: impl Iterator<Item = [String; 3]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let [a, b, c] = head;
    writeln!(page, "<table>\n<tr><th>{a}</th><th>{b}</th><th>{c}</th></tr>").expect("a String takes all");
    for [a, b, c] in rows {
        writeln!(page, "<tr><td>{a}</td><td>{b}</td><td>{c}</td></tr>").expect("a String takes all");
    }
    page.push_str("</table>\n");
}

/// Nothing where there is no text.
fn add(page: &mut String, element: &str, text: &Value) {
    if let Some(text) = text.as_str() {
        writeln!(page, "<{element}>{}</{element}>", escape(text)).expect("a String takes all");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
