//! Reads answers of a host of another version.
//!
//! Guarantees: a field that is missing, or whose form differs from its schema, is empty. Otherwise a command would fail by the
//! shape of its answer although the host has carried it out.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// # Errors
/// If a number is out of its range, or a map has values of another kind.
pub(super) fn read<T: DeserializeOwned + ToSchema>(answer: Value) -> serde_json::Result<T> {
    serde_json::from_value(fill_in::<T>(answer))
}

/// Adds the missing fields, and keeps the fields that the shape does not know.
pub(super) fn fill_in<T: ToSchema>(mut answer: Value) -> Value {
    let mut shapes = Vec::new();
    T::schemas(&mut shapes);
    let shapes: BTreeMap<_, _> = shapes.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    fill(&mut answer, &json!(T::schema()), &shapes);
    answer
}

fn fill(value: &mut Value, schema: &Value, shapes: &BTreeMap<String, Value>) {
    let elements = |key: &str| schema[key].as_array().into_iter().flatten();
    // A field that may be null has a list of types, with null as the last, or null as one of several shapes.
    let kind = schema["type"].as_str().or(schema["type"][0].as_str());
    let is_nullable = schema["type"].is_array() || schema["oneOf"].is_array();
    if is_nullable && value.is_null() {
        return;
    }
    let empty = |of_kind| if is_nullable { Value::Null } else { of_kind };
    let named = schema["$ref"].as_str().and_then(|path| shapes.get(path.rsplit('/').next()?));
    for part in named.into_iter().chain(elements("allOf")).chain(elements("oneOf")) {
        fill(value, part, shapes);
    }
    match kind {
        Some("string") if !value.is_string() => *value = empty(json!("")),
        Some("integer") if !value.is_i64() && !value.is_u64() => *value = empty(json!(0)),
        Some("number") if !value.is_number() => *value = empty(json!(0)),
        Some("boolean") if !value.is_boolean() => *value = empty(json!(false)),
        Some("array") => {
            if !value.is_array() {
                *value = json!([]);
            }
            for item in value.as_array_mut().into_iter().flatten() {
                fill(item, &schema["items"], shapes);
            }
        }
        Some("object") => {
            if !value.is_object() {
                *value = json!({});
            }
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                if value.get(name).is_some() || elements("required").any(|required| required == name) {
                    fill(&mut value[name], property, shapes);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::shapes::channel::Channel;
    use crate::http::shapes::channel_module::ChannelModule;
    use crate::http::shapes::command::CommandAnswer;
    use crate::http::shapes::module::{ModuleDetail, VersionDetail};

    #[test]
    fn a_field_that_an_answer_lacks_is_empty_at_any_depth() {
        let module: ChannelModule = read(json!({ "name": "dice", "waiting": { "version": "2.0.0" } })).unwrap();
        assert_eq!((module.state.name.as_str(), module.state.enabled, module.storage.keys), ("dice", false, 0));
        assert_eq!(module.state.waiting.unwrap().asks_more, [""; 0]);
        let module: ModuleDetail = read(json!({ "versions": [{ "version": "1.0.0" }], "canary": {} })).unwrap();
        assert_eq!((module.versions[0].version.as_str(), module.versions[0].bytes), ("1.0.0", 0));
        let version: VersionDetail =
            read(json!({ "capabilities": [{ "name": "storage" }], "commands": [{}] })).unwrap();
        assert_eq!((version.capabilities[0].name.as_str(), version.capabilities[0].needs_grant), ("storage", false));
        let answer: CommandAnswer =
            read(json!({ "replies": [{ "text": "4" }], "changes": [{ "text": "a" }] })).unwrap();
        assert_eq!((answer.replies[0].text.as_str(), answer.changes.unwrap()[0].kind.as_str()), ("4", ""));
        let channel: Channel = read(json!({ "login": "shop" })).unwrap();
        assert_eq!((channel.login.as_str(), channel.prefix.as_str(), channel.revision), ("shop", "", 0));
    }

    #[test]
    fn a_field_in_another_form_is_empty_and_an_unknown_one_stays() {
        let answer = json!({ "name": null, "enabled": "yes", "grants": [], "latest": null, "new": { "of": "later" } });
        let module: ChannelModule = read(answer.clone()).unwrap();
        assert_eq!((module.state.name.as_str(), module.state.enabled, module.state.latest), ("", false, None));
        let filled = fill_in::<ChannelModule>(answer.clone());
        assert_eq!((&filled["new"], &filled["grants"]["capabilities"]), (&answer["new"], &json!([])));
        assert!(read::<ChannelModule>(Value::Null).is_ok());
        let setting = json!({ "key": "chance", "kind": "number", "least": 0.5, "default": 1 });
        let version: VersionDetail = read(json!({ "settings": [setting] })).unwrap();
        assert_eq!((version.settings[0].key.as_str(), version.settings[0].least), ("chance", None));
    }
}
