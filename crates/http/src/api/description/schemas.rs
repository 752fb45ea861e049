//! What `utoipa` cannot know of shapes: whether they are sent to us, or by us.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// What is sent to us has no fields that are not described: they are refused by name. What we send has all that are: a field
/// without a value is null.
pub(super) fn tell_requests_from_answers(document: &mut Value) {
    let requests = reachable(document, "requestBody");
    let answers = reachable(document, "responses");
    let schemas = document["components"]["schemas"].as_object_mut();
    for (name, schema) in schemas.into_iter().flatten() {
        match (requests.contains(name), answers.contains(name)) {
            (true, false) => each_object(schema, close),
            (false, true) => each_object(schema, complete),
            _ => {}
        }
    }
}

/// The shapes that a part of the operations uses, with those that they use themselves.
fn reachable(document: &Value, part: &str) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.filter_map(|(_, methods)| methods.as_object());
    let parts = operations.flat_map(Map::values).map(|one| &one[part]);
    let mut found = BTreeSet::new();
    let mut open: Vec<_> = parts.collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                open.extend(fields.values());
                let reference = fields.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|place| place.strip_prefix("#/components/schemas/"));
                if let Some(name) = name
                    && found.insert(name.to_owned())
                {
                    open.push(&document["components"]["schemas"][name]);
                }
            }
            _ => {}
        }
    }
    found
}

/// The objects of a shape, but for those that have a name of their own.
fn each_object(schema: &mut Value, change: fn(&mut Map<String, Value>)) {
    match schema {
        Value::Array(parts) => {
            for part in parts {
                each_object(part, change);
            }
        }
        Value::Object(fields) => {
            for key in ["oneOf", "allOf", "items", "additionalProperties"] {
                if let Some(part) = fields.get_mut(key) {
                    each_object(part, change);
                }
            }
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for property in properties.values_mut() {
                    each_object(property, change);
                }
                change(fields);
            }
        }
        _ => {}
    }
}

fn close(object: &mut Map<String, Value>) {
    object
        .entry("additionalProperties")
        .or_insert_with(|| json!(false));
}

fn complete(object: &mut Map<String, Value>) {
    let required: BTreeSet<_> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = object.get("properties").and_then(Value::as_object);
    let all: Vec<_> = properties
        .into_iter()
        .flatten()
        .filter(|(name, property)| required.contains(name.as_str()) || may_be_null(property))
        .map(|(name, _)| name.clone())
        .collect();
    if !all.is_empty() {
        object.insert("required".to_owned(), json!(all));
    }
}

fn may_be_null(property: &Value) -> bool {
    let is_null = |value: &Value| *value == "null" || value["type"] == "null";
    ["type", "oneOf"].iter().any(|key| {
        let choices = property[*key].as_array().into_iter().flatten();
        choices.into_iter().any(is_null)
    })
}
