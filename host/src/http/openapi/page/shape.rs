//! The shapes of bodies: as tables, and as examples made from the fields' own examples.

use serde_json::{Map, Value, json};

use super::markup::{add_table, code, escape, line, prose};

/// Largest depth of nested shapes in an example, because a shape may contain itself.
const DEEPEST: usize = 8;

pub(super) fn add_schema(page: &mut String, schema: &Value) {
    let required: Vec<&str> = list_parts(schema)
        .iter()
        .flat_map(|part| part["required"].as_array().into_iter().flatten().filter_map(Value::as_str))
        .collect();
    for part in list_parts(schema).iter().filter(|part| part["$ref"].is_string()) {
        line(page, &format!("<p>All of {}, and:</p>", name_schema(part)));
    }
    let values: Vec<String> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(code).collect();
    if !values.is_empty() {
        line(page, &format!("<p>One of {}.</p>", values.join(", ")));
    }
    let fields = list_parts(schema).iter().flat_map(|part| part["properties"].as_object().into_iter().flatten());
    let fields = fields.map(|(name, field)| {
        let need = if required.contains(&name.as_str()) { "" } else { ", optional" };
        // Only the first paragraph: the rest is the list of codes, which has its own table.
        let what = field["description"].as_str().unwrap_or_default();
        let what = what.split("\n\n").next().unwrap_or_default();
        [code(name), format!("{}{need}", name_schema(field)), prose(what)]
    });
    add_table(page, ["Field", "Kind", "What"], fields);
}

/// The parts of a schema. In an `allOf`, the last part has the shape's own fields.
fn list_parts(schema: &Value) -> &[Value] {
    schema["allOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice)
}

pub(super) fn name_schema(schema: &Value) -> String {
    if let Some(name) = find_name(schema) {
        let name = escape(name);
        return format!("<a href=\"#{name}\">{}</a>", name.replace('_', "_<wbr>"));
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let names =
            choices.iter().map(|choice| if choice["type"] == "null" { "null".to_owned() } else { name_schema(choice) });
        return names.collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "object" && schema["additionalProperties"].is_object() => {
            format!("{} by name", name_schema(&schema["additionalProperties"]))
        }
        Value::String(kind) if kind == "array" => format!("list of {}", name_schema(&schema["items"])),
        Value::String(kind) => escape(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            escape(&kinds.join(" or "))
        }
        _ => "any".to_owned(),
    }
}

fn find_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Adds an example of a JSON body; nothing for a body without a named shape.
pub(super) fn write_example(page: &mut String, schema: &Value, document: &Value) {
    if find_name(schema).is_none() {
        return;
    }
    let example = make_example(schema, document, DEEPEST);
    line(page, &format!("<pre>{}</pre>", escape(&format!("{example:#}"))));
}

fn make_example(schema: &Value, document: &Value, depth: usize) -> Value {
    let own = schema.get("example").or_else(|| schema.get("default")).filter(|example| !example.is_null());
    if let (Some(example), false) = (own, schema["$ref"].is_string()) {
        return example.clone();
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(name) = find_name(schema) {
        return make_example(&document["components"]["schemas"][name], document, depth);
    }
    if let Some(choice) = schema["oneOf"]
        .as_array()
        .or(schema["anyOf"].as_array())
        .and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"))
    {
        return make_example(choice, document, depth);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let fields: Map<String, Value> = list_parts(schema)
        .iter()
        .flat_map(|part| part["properties"].as_object().into_iter().flatten())
        .map(|(name, field)| (name.clone(), make_example(field, document, depth)))
        .collect();
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("array") => json!([make_example(&schema["items"], document, depth)]),
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some("string") => json!("text"),
        _ => Value::Object(fields),
    }
}
