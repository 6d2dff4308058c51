//! The OpenAPI document as an HTML page: without scripts or external resources, readable on a phone and in dark mode.

use axum::body::Bytes;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::http::error::refusals::REFUSALS;

mod markup;
mod shape;

use markup::{add, add_table, anchor, code, escape, line, prose};
use shape::{add_schema, name_schema, write_example};

/// The page loads only its style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("page.css");

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>twitchy: the API</title>\n\
    <link rel=\"stylesheet\" href=\"/api/docs.css\">\n</head>\n<body>\n";

const INTRODUCTION: &str = include_str!("page/introduction.html");

/// The tags in the order in which a newcomer needs them; other tags follow.
const TAGS: [&str; 6] = ["modules", "channels", "watch", "audit", "keys", "about"];

/// Statuses that the page explains once for all requests.
const EVERYWHERE: [&str; 10] = ["401", "408", "413", "415", "421", "428", "429", "431", "500", "503"];

pub(in crate::http) fn answer(page: Bytes) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)], page).into_response()
}

/// The style of the page
#[utoipa::path(
    get,
    path = "/api/docs.css",
    tag = "about",
    responses((status = 200, description = "A style sheet.", body = String, content_type = "text/css"))
)]
pub(in crate::http) async fn show_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// Writes the page from the very document that is served, so that the two agree.
pub(in crate::http) fn write_page(document: &Value) -> String {
    let groups = group(document);
    let mut page = HEAD.to_owned();
    add(&mut page, "h1", &document["info"]["title"]);
    add(&mut page, "p", &document["info"]["description"]);
    page.push_str(INTRODUCTION);
    add_contents(&mut page, &groups);
    for (tag, operations) in &groups {
        line(&mut page, &format!("<h2 id=\"{0}\">{0}</h2>", escape(tag)));
        for operation in operations {
            add_operation(&mut page, operation, document);
        }
    }
    add_codes(&mut page);
    line(&mut page, "<h2 id=\"shapes\">Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        line(&mut page, &format!("<section id=\"{0}\">\n<h3>{0}</h3>", escape(name)));
        add(&mut page, "p", &schema["description"]);
        add_schema(&mut page, schema);
        page.push_str("</section>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

struct Operation<'d> {
    method: String,
    path: &'d str,
    value: &'d Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        anchor(self.value["operationId"].as_str().unwrap_or(self.path))
    }
}

/// Groups operations by tag.
fn group(document: &Value) -> Vec<(&str, Vec<Operation<'_>>)> {
    let mut groups: Vec<(&str, Vec<Operation<'_>>)> = TAGS.map(|tag| (tag, Vec::new())).into();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, value) in item.as_object().into_iter().flatten() {
            let tag = value["tags"][0].as_str().unwrap_or("other");
            let operation = Operation { method: method.to_uppercase(), path, value };
            match groups.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, operations)) => operations.push(operation),
                None => groups.push((tag, vec![operation])),
            }
        }
    }
    groups.retain(|(_, operations)| !operations.is_empty());
    groups
}

fn add_contents(page: &mut String, groups: &[(&str, Vec<Operation<'_>>)]) {
    page.push_str("<nav>\n");
    for (tag, operations) in groups {
        line(page, &format!("<h2><a href=\"#{0}\">{0}</a></h2>\n<ul>", escape(tag)));
        for operation in operations {
            let Operation { method, path, value } = operation;
            let summary = value["summary"].as_str().unwrap_or_default();
            let (to, path, summary) = (operation.anchor(), escape(path), escape(summary.trim_end_matches('.')));
            let link = format!("<a href=\"#{to}\"><b>{method}</b> <code>{path}</code></a>");
            line(page, &format!("<li>{link} <span>{summary}</span></li>"));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<p><a href=\"#codes\">Codes of refusals</a>, <a href=\"#shapes\">shapes</a></p>\n</nav>\n");
}

fn add_operation(page: &mut String, operation: &Operation<'_>, document: &Value) {
    let (id, Operation { method, path, value }) = (operation.anchor(), operation);
    line(page, &format!("<section id=\"{id}\">\n<h3><b>{method}</b> <code>{}</code></h3>", escape(path)));
    if let Some(summary) = value["summary"].as_str() {
        add(page, "p", &format!("{}.", summary.trim_end_matches('.')).into());
    }
    add(page, "p", &value["description"]);
    if value["security"].as_array().is_some_and(Vec::is_empty) {
        add(page, "p", &"Needs no API key.".into());
    }
    let parameters = value["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let text = |key: &str| parameter[key].as_str().unwrap_or_default();
        let need = if parameter["required"] == true { "" } else { ", optional" };
        [code(text("name")), format!("{}{need}", text("in")), prose(text("description"))]
    });
    add_table(page, ["Parameter", "Where", "What"], parameters);
    for (kind, body) in value["requestBody"]["content"].as_object().into_iter().flatten() {
        let shape = if body["schema"]["$ref"].is_string() { name_schema(&body["schema"]) } else { String::new() };
        line(page, &format!("<p>Body: <code>{}</code> {shape}</p>", escape(kind)));
        write_example(page, &body["schema"], document);
    }
    add_answers(page, value);
    page.push_str("</section>\n");
}

fn add_answers(page: &mut String, operation: &Value) {
    let answers = || operation["responses"].as_object().into_iter().flatten();
    let own = answers().filter(|(status, _)| !EVERYWHERE.contains(&status.as_str()));
    let rows = own.map(|(status, answer)| {
        let contents = answer["content"].as_object().into_iter().flatten();
        let shapes: Vec<String> = contents.map(|(_, content)| name_schema(&content["schema"])).collect();
        [escape(status), prose(answer["description"].as_str().unwrap_or_default()), shapes.join(" ")]
    });
    add_table(page, ["Status", "When", "Body"], rows);
    let others = answers().map(|(status, _)| status.as_str()).filter(|status| EVERYWHERE.contains(status));
    let others: Vec<&str> = others.collect();
    if !others.is_empty() {
        line(
            page,
            &format!("<p class=\"others\">And, as <a href=\"#codes\">everywhere</a>: {}.</p>", others.join(", ")),
        );
    }
}

fn add_codes(page: &mut String) {
    line(page, "<h2 id=\"codes\">Codes of refusals</h2>");
    let text =
        "A code keeps its meaning for ever; others may be added, so treat one that you do not know by its status.";
    add(page, "p", &text.into());
    let rows = REFUSALS.iter().map(|refusal| [refusal.status.to_string(), code(refusal.code), escape(refusal.meaning)]);
    add_table(page, ["Status", "Code", "When"], rows);
}
