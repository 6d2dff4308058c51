//! The OpenAPI document and the answers agree: every documented refusal can be reached, and every refusal is
//! documented.

use std::collections::BTreeMap;

use twitchy::config::HttpConfig;

use super::harness::Site;

mod requests;
mod snapshot;
mod stage;

use requests::{Change, REQUESTS, find_body, find_wish};
use snapshot::Snapshot;
use stage::{Stage, id_of};

#[tokio::test]
async fn every_refusal_of_the_document_can_be_reached_and_no_other() {
    let stage = Stage::open().await;
    let operations = stage.list_operations();
    let mut own: BTreeMap<(&str, u16), Vec<&[Change]>> = BTreeMap::new();
    for (name, status, changes) in REQUESTS {
        let is_there = operations.iter().any(|operation| operation.name == *name);
        assert!(is_there, "REQUESTS has a row for {name}, which the document has not: remove it");
        own.entry((name, *status)).or_default().push(changes);
    }
    let (mut missing, mut snapshot) = (Vec::new(), Snapshot::default());
    for operation in &operations {
        let name = operation.name.as_str();
        for status in operation.list_refusals() {
            // 429 is tested below on another host, and 431 over a socket: no operation decides about it.
            if [429, 431].contains(&status) {
                continue;
            }
            let rows = own.remove(&(name, status)).unwrap_or_default();
            for changes in &rows {
                let asked = stage.changed(stage.good(operation), changes);
                let answer = stage.send(&asked).await;
                operation.check(status, &answer);
                snapshot.add(&asked.line, &answer);
            }
            match stage.refuse(operation, status).await {
                Some(answer) => {
                    operation.check(status, &answer);
                    snapshot.add(name, &answer);
                }
                None if rows.is_empty() => missing.push(format!("    (\"{name}\", {status}, &[...]),")),
                None => {}
            }
        }
    }
    let missing = missing.join("\n");
    assert!(
        missing.is_empty(),
        "the document tells of refusals that nothing reaches. Add a row of each to REQUESTS in \
         tests/it/http/documented/requests.rs, with what is changed of the request that succeeds, or take the status out of \
         the document:\n{missing}"
    );
    let undocumented: Vec<_> = own.keys().collect();
    assert!(undocumented.is_empty(), "REQUESTS has rows that the document does not tell of: {undocumented:?}");
    snapshot.check("refusals.txt");
    drop(operations);
    stage.site.close().await;
}

/// Generated clients name their methods by the operations' ids, and document each field by its description.
#[tokio::test]
async fn a_client_can_be_generated_from_the_document() {
    let stage = Stage::open().await;
    let mut names: Vec<&str> =
        stage.list_operations().iter().map(|operation| operation.value["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    let doubled: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubled.is_empty(), "operations need operation_id = \"...\" of their own: {doubled:?}");
    let mut silent = Vec::new();
    for (name, schema) in stage.document["components"]["schemas"].as_object().unwrap() {
        for (field, value) in schema["properties"].as_object().into_iter().flatten() {
            let is_plain = ["string", "integer", "number"].iter().any(|kind| value["type"] == *kind);
            let is_told = value["description"].is_string() || value["$ref"].is_string() || value["oneOf"].is_array();
            let is_shown = ["example", "default", "enum"].iter().any(|key| !value[key].is_null());
            if !is_told || is_plain && !is_shown {
                silent.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "these fields need a description, and an example where they are texts or numbers: {silent:?}"
    );
    stage.site.close().await;
}

/// The parts of the document that hold for all operations.
#[tokio::test]
async fn the_document_tells_its_licence_its_server_and_what_needs_no_key() {
    let stage = Stage::open().await;
    let document = &stage.document;
    assert_eq!(document["info"]["license"]["identifier"], env!("CARGO_PKG_LICENSE"));
    assert_eq!(document["servers"], serde_json::json!([{ "url": "/" }]));
    let mut open: Vec<_> = stage.list_operations().into_iter().filter(|operation| !operation.needs_key()).collect();
    for operation in open.drain(..) {
        assert_eq!(operation.value["security"], serde_json::json!([]), "{}", operation.name);
    }
    stage.site.close().await;
}

/// A generated client sends what a schema allows, so each schema must be satisfiable and its values accepted.
#[tokio::test]
async fn every_parameter_has_one_schema_that_can_be_met() {
    let stage = Stage::open().await;
    for operation in stage.list_operations() {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let told = format!("{} {name}: {schema}", operation.name);
            assert!(schema["type"].is_string(), "{told}: a parameter has one type, and is left out rather than null");
            for mixed in ["allOf", "anyOf", "oneOf", "not"] {
                assert!(schema[mixed].is_null(), "{told}");
            }
            let is_limited =
                ["pattern", "enum", "format", "maximum", "maxLength"].iter().any(|key| !schema[key].is_null());
            let is_free = schema["type"] == "boolean"
                || name == "If-Match"
                || name == "name" && operation.name.contains("commands");
            assert!(is_limited || is_free, "{told}: a text needs a format or a pattern");
            if let Some(values) = schema["enum"].as_array().filter(|_| !schema["default"].is_null()) {
                assert!(values.contains(&schema["default"]), "{told}");
            }
        }
        for (content, body) in operation.value["requestBody"]["content"].as_object().into_iter().flatten() {
            let is_binary = body["schema"] == serde_json::json!({ "type": "string", "format": "binary" });
            assert_eq!(is_binary, content != "application/json", "{} {content}: {body}", operation.name);
        }
    }
    let class = &stage.document["paths"]["/api/v1/modules"]["post"]["parameters"][0]["schema"];
    assert_eq!((&class["type"], &class["default"]), (&"string".into(), &"small".into()), "{class}");
    stage.site.close().await;
}

/// Calls each operation with each key: clients do not expect a status that the document does not name.
#[tokio::test]
async fn no_operation_answers_what_the_document_does_not_tell_of() {
    let stage = Stage::open().await;
    let canary = [Change::Query("canary={channel}")];
    let force = [Change::Query("force=true")];
    for operation in stage.list_operations() {
        let wishes: [&[Change]; 4] = [&[], find_wish(&operation.name), &canary, &force];
        for wish in wishes {
            for key in [&stage.site.own, &stage.site.other, ""] {
                let asked = stage::Asked { key: key.to_owned(), ..stage.changed(stage.good(&operation), wish) };
                let answer = stage.send(&asked).await;
                operation.check(answer.status, &answer);
            }
        }
    }
    stage.site.close().await;
}

/// Chat changes the channel each time after the request has read it.
#[tokio::test]
async fn a_change_that_is_overtaken_again_and_again_may_be_asked_again() {
    let stage = Stage::open().await;
    for name in [
        "PATCH /api/v1/channels/{channel}",
        "PUT /api/v1/channels/{channel}/modules/{name}",
        "DELETE /api/v1/channels/{channel}/modules/{name}",
        "POST /api/v1/channels/{channel}/modules/{name}/rollback",
    ] {
        let operations = stage.list_operations();
        let operation = operations.iter().find(|operation| operation.name == name).unwrap();
        let asked = stage::Asked { key: stage.site.operator.clone(), ..stage.good(operation) };
        let asked = match name.starts_with("PUT") {
            true => stage.changed(asked, &[Change::Body(r#"{"enabled": true, "version": "0.1.0"}"#)]),
            false => asked,
        };
        let answer = stage.overtake(&asked).await;
        let found = (answer.status, answer.code(), answer.header("retry-after").to_owned());
        assert_eq!(found, (503, "busy".to_owned(), "1".to_owned()), "{name}: {}", answer.show());
    }
    stage.site.close().await;
}

/// A caller who mistypes `dry_run` does not want a real call.
#[tokio::test]
async fn no_operation_overlooks_a_parameter_that_it_does_not_know() {
    let stage = Stage::open().await;
    for operation in stage.list_operations().iter().filter(|operation| operation.list_refusals().contains(&400)) {
        let asked = stage.changed(stage.good(operation), &[Change::Query("no-such=1")]);
        let answer = stage.send(&asked).await;
        operation.check(400, &answer);
        assert_eq!(answer.code(), "invalid_query", "{}: {}", operation.name, answer.show());
    }
    stage.site.close().await;
}

/// Refused requests are made from these by one change, so each of these must succeed.
#[tokio::test]
async fn every_operation_of_the_document_succeeds() {
    let (stage, mut snapshot) = (Stage::open().await, Snapshot::default());
    for operation in stage.list_operations() {
        // An operation that changes something gets a host of its own, so that the next one finds the usual state.
        let changed = if operation.name.starts_with("GET") { None } else { Some(Stage::open().await) };
        let on = changed.as_ref().unwrap_or(&stage);
        let asked = on.changed(on.good(&operation), find_wish(&operation.name));
        let answer = on.send(&asked).await;
        operation.check(answer.status, &answer);
        snapshot.add(&asked.line, &answer);
        assert!((200..300).contains(&answer.status), "{}: {}", operation.name, answer.show());
        if let Some(changed) = changed {
            changed.site.close().await;
        }
    }
    snapshot.check("successes.txt");
    stage.site.close().await;
}

#[tokio::test]
async fn every_operation_of_the_document_may_be_asked_too_often() {
    let stage = Stage::open().await;
    let once = HttpConfig { burst: 1, burst_without_key: 1, ..HttpConfig::default() };
    let site = Site::with(once).await;
    // The burst is one request for each key and for each address, and the clock stands still: these two use it up.
    for key in [&site.operator, ""] {
        assert!(site.ask("GET /api/v1/keys/self", key).await.status != 429);
    }
    for operation in stage.list_operations() {
        let key = if operation.needs_key() { &site.operator } else { "" };
        let answer = site.ask(&operation.name.replace(['{', '}'], ""), key).await;
        operation.check(429, &answer);
    }
    site.close().await;
    stage.site.close().await;
}

#[tokio::test]
async fn the_document_says_what_it_said_before() {
    let stage = Stage::open().await;
    Snapshot::of(format!("{:#}\n", stage.document)).check("openapi.json");
    stage.site.close().await;
}

/// Compares the metrics' names, descriptions and labels, because dashboards and alerts depend on them.
#[tokio::test]
async fn the_metrics_are_those_that_there_were() {
    let stage = Stage::open().await;
    let call = format!("POST /api/v1/channels/{}/commands/echo", id_of("shop"));
    let body = find_body("POST /api/v1/channels/{channel}/commands/{name}");
    assert_eq!(stage.site.send(&call, &stage.site.operator, &[], body).await.status, 200);
    let text = stage.site.ask("GET /metrics", &stage.site.operator).await.body;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = if line.starts_with('#') { line.to_owned() } else { without_values(line) };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Snapshot::of(lines.join("\n") + "\n").check("metrics.txt");
    stage.site.close().await;
}

/// `name{label="value"} 1` -> `name{label}`
fn without_values(sample: &str) -> String {
    let Some((name, rest)) = sample.split_once('{') else { return sample.split(' ').next().unwrap().to_owned() };
    let names = rest.split("=\"").filter_map(|part| part.rsplit(['"', ',', '{']).next());
    let names: Vec<&str> = names.take(rest.matches("=\"").count()).collect();
    format!("{name}{{{}}}", names.join(","))
}
