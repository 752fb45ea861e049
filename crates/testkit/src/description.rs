//! What the server says of its management API, held against what it answers: each answer that a test gets from there.
//!
//! The description is asked for once per test. An answer fits when its address, its method and its status are described, and
//! its body has the described shape: no field is missing, and none is there that is not described.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
};

use http::StatusCode;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::Answer;

const PREFIX: &str = "/api/v1/";
const SCHEMAS: &str = "#/components/schemas/";

/// The same for every server of a test: they are one program.
static DESCRIPTION: OnceCell<Description> = OnceCell::const_new();

struct Description {
    document: Value,
    /// Where each operation is, by the pieces of its address.
    paths: Vec<(Vec<String>, String)>,
    validators: Mutex<HashMap<String, Validator>>,
}

/// Compares an answer with the description that the server at `base` gives.
///
/// # Panics
/// When it does not fit; the message says why and has the whole answer.
pub(crate) async fn check(http: &reqwest::Client, base: &str, line: &str, answer: &Answer) {
    let Some((method, path)) = line.split_once(' ') else {
        return;
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    if !path.starts_with(PREFIX) || path == PREFIX {
        return;
    }
    // a server that is going down has nothing more to say, and the test that does it sees that
    let Ok(description) = DESCRIPTION
        .get_or_try_init(|| Description::of(http, base))
        .await
    else {
        return;
    };
    if let Err(what) = description.fits(method, path, answer) {
        panic!("the description of the management API does not fit: {what}\n{answer}");
    }
}

impl Description {
    async fn of(http: &reqwest::Client, base: &str) -> Result<Self, reqwest::Error> {
        let url = format!("{base}{PREFIX}openapi.json");
        let answer = http.get(url).send().await?.error_for_status()?;
        let mut document: Value = answer.json().await?;
        let schemas = document["components"]["schemas"].as_object_mut();
        for (_, schema) in schemas.into_iter().flatten() {
            close_inside(schema);
        }
        let paths = document["paths"].as_object().into_iter().flatten();
        let paths = paths.map(|(path, _)| (pieces(path), path.clone()));
        Ok(Self {
            paths: paths.collect(),
            document,
            validators: Mutex::default(),
        })
    }

    fn fits(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let status = answer.status;
        let Some(path) = self.path(path) else {
            // credentials come first, and a path that is no text is none
            return match status {
                StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED => Ok(()),
                _ => Err(format!("`{path}` is not described, and not 404")),
            };
        };
        let methods = &self.document["paths"][path];
        let operation = match method {
            "HEAD" => &methods["get"],
            _ => &methods[method.to_ascii_lowercase()],
        };
        if operation.is_null() {
            if status != StatusCode::METHOD_NOT_ALLOWED {
                return Err(format!("`{method} {path}` is not described, and not 405"));
            }
            return allows(methods, answer);
        }
        let described = self.resolved(&operation["responses"][status.as_str()]);
        if described.is_null() {
            return Err(format!("{status} of `{method} {path}` is not described"));
        }
        if method == "HEAD" {
            return Ok(());
        }
        let Some(contents) = described["content"].as_object() else {
            return match answer.body.len() {
                0 => Ok(()),
                _ => Err(format!("{status} of `{method} {path}` has no body")),
            };
        };
        let kind = answer.header("content-type").unwrap_or("none");
        let kind = kind.split(';').next().unwrap_or(kind);
        let Some(content) = contents.get(kind) else {
            return Err(format!("{status} of `{method} {path}` is not {kind}"));
        };
        if kind != "application/json" {
            return Ok(());
        }
        let key = format!("{status} of `{method} {path}`");
        self.holds(&key, &content["schema"], &answer.json())
    }

    /// The described address, of those that fit the one with the fewest names.
    fn path(&self, path: &str) -> Option<&str> {
        let asked = pieces(path);
        let fits = |described: &[String]| {
            described.len() == asked.len()
                && described.iter().zip(&asked).all(|(described, asked)| {
                    described == asked || (described.starts_with('{') && !asked.is_empty())
                })
        };
        let fitting = self.paths.iter().filter(|(pieces, _)| fits(pieces));
        let names =
            |pieces: &[String]| pieces.iter().filter(|piece| piece.starts_with('{')).count();
        let found = fitting.min_by_key(|(pieces, _)| names(pieces))?;
        Some(&found.1)
    }

    fn resolved<'a>(&'a self, part: &'a Value) -> &'a Value {
        let place = part["$ref"].as_str().unwrap_or("#no");
        let place = place.trim_start_matches('#');
        self.document.pointer(place).unwrap_or(part)
    }

    fn holds(&self, key: &str, schema: &Value, body: &Value) -> Result<(), String> {
        let mut validators = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let validator = match validators.entry(schema.to_string()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let validator = jsonschema::options()
                    .with_draft(jsonschema::Draft::Draft202012)
                    .should_validate_formats(true)
                    .build(&self.whole(schema))
                    .map_err(|error| format!("{key} is described by no schema: {error}"))?;
                place.insert(validator)
            }
        };
        let wrong: Vec<_> = validator
            .iter_errors(body)
            .map(|error| format!("{key}: at `{}`: {error}", error.instance_path()))
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(wrong.join("\n"))
    }

    /// A shape with all that it refers to.
    fn whole(&self, schema: &Value) -> Value {
        let mut schemas = Map::new();
        let mut open = vec![schema];
        while let Some(part) = open.pop() {
            match part {
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => {
                    open.extend(fields.values());
                    let place = fields.get("$ref").and_then(Value::as_str);
                    let name = place.and_then(|place| place.strip_prefix(SCHEMAS));
                    if let Some(name) = name
                        && !schemas.contains_key(name)
                    {
                        let found = &self.document["components"]["schemas"][name];
                        schemas.insert(name.to_owned(), found.clone());
                        open.push(found);
                    }
                }
                _ => {}
            }
        }
        let mut whole = schema.clone();
        close(&mut whole);
        whole["components"] = json!({ "schemas": schemas });
        whole
    }
}

fn allows(methods: &Value, answer: &Answer) -> Result<(), String> {
    let allowed = answer.header("allow").unwrap_or("").to_ascii_lowercase();
    let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
    let described = methods.as_object().into_iter().flatten();
    let missing = described
        .map(|(method, _)| method)
        .find(|method| !allowed.contains(&method.as_str()));
    match missing {
        None => Ok(()),
        Some(method) => Err(format!("`Allow` has no {method}")),
    }
}

fn pieces(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

/// Lets no object have a field that is not described. `unevaluatedProperties` sees through references and through what is put
/// together of parts, so it is said where a schema is used, and not in the parts.
fn close(schema: &mut Value) {
    close_inside(schema);
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    let is_object = ["properties", "$ref", "allOf", "oneOf"]
        .iter()
        .any(|key| schema.contains_key(*key));
    if is_object && !schema.contains_key("additionalProperties") {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

fn close_inside(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    for key in ["allOf", "oneOf"] {
        let parts = schema.get_mut(key).and_then(Value::as_array_mut);
        parts.into_iter().flatten().for_each(close_inside);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(part) = schema.get_mut(key) {
            close(part);
        }
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, property) in properties.into_iter().flatten() {
        close(property);
    }
}
