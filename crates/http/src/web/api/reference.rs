//! The description of the management API, read for people.

use std::collections::BTreeMap;

use serde_json::Value;
use supercargo_pages::{
    ApiAnswer, ApiBody, ApiField, ApiGroup, ApiKind, ApiOperation, ApiReference, ApiShape, readme,
};

const SCHEMAS: &str = "#/components/schemas/";
/// In the order in which people read of them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Everything that the page shows.
pub(super) fn of(document: &Value, base: &str) -> ApiReference {
    let introduction = text(&document["info"]["description"]);
    let tags = document["tags"].as_array().into_iter().flatten();
    let groups = tags.map(|tag| {
        let operations = operations(document, base, &tag["name"]);
        ApiGroup {
            name: text(&tag["name"]),
            words: text(&tag["description"]),
            shapes: shapes(document, &operations),
            operations,
        }
    });
    ApiReference {
        base: base.to_owned(),
        introduction: readme(&introduction, None).html,
        groups: groups
            .filter(|group| !group.operations.is_empty())
            .collect(),
        failures: failures(document),
    }
}

/// The shapes that the operations name, and those that are named in these.
fn shapes(document: &Value, operations: &[ApiOperation]) -> Vec<ApiShape> {
    let mut found = BTreeMap::new();
    let mut wanted: Vec<String> = operations
        .iter()
        .flat_map(|it| {
            let parameters = it.parameters.iter().map(|field| &field.kind);
            let body = it.body.iter().map(|body| &body.kind);
            let answers = it.answers.iter().map(|answer| &answer.kind);
            parameters.chain(body).chain(answers)
        })
        .filter_map(|kind| kind.shape.clone())
        .collect();
    while let Some(name) = wanted.pop() {
        let schema = &document["components"]["schemas"][&name];
        if found.contains_key(&name) || schema.is_null() {
            continue;
        }
        let shape = shape(document, &name, schema);
        let inside = shape.fields.iter().map(|field| &field.kind);
        let inside = inside.chain([&shape.kind]);
        wanted.extend(inside.filter_map(|kind| kind.shape.clone()));
        found.insert(name, shape);
    }
    found.into_values().collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Follows a reference.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str();
    let place = place.and_then(|place| place.strip_prefix('#'));
    place
        .and_then(|place| document.pointer(place))
        .unwrap_or(value)
}

fn operations(document: &Value, base: &str, tag: &Value) -> Vec<ApiOperation> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let operation = &methods[method];
            if operation["tags"][0] == *tag {
                found.push(one(document, base, method, path, operation));
            }
        }
    }
    found
}

fn one(document: &Value, base: &str, method: &str, path: &str, operation: &Value) -> ApiOperation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let content = operation["requestBody"]["content"].as_object();
    let content = content.and_then(|content| content.iter().next());
    let body = content.map(|(kind, content)| match &content["example"] {
        Value::Null => ApiBody {
            kind: ApiKind {
                words: format!("a file, as {kind}"),
                ..ApiKind::default()
            },
            example: String::new(),
        },
        example => ApiBody {
            kind: kind_of(&content["schema"]),
            example: format!("{example:#}"),
        },
    });
    let described = operation["responses"].as_object().into_iter().flatten();
    let (answers, failures): (Vec<_>, Vec<_>) =
        described.partition(|(status, _)| status.as_str() < "400");
    let details = text(&operation["description"]);
    let details = details.split("\n\n").map(|part| part.replace('\n', " "));
    ApiOperation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        details: details.filter(|part| !part.is_empty()).collect(),
        audience: audience(&operation["security"]),
        parameters: parameters.map(parameter).collect(),
        body,
        answers: answers
            .into_iter()
            .map(|(status, answer)| self::answer(document, status, answer))
            .collect(),
        failures: failures
            .into_iter()
            .map(|(status, _)| status.clone())
            .collect(),
        command: command(base, method, path, operation),
    }
}

fn audience(security: &Value) -> Option<String> {
    let ways = security.as_array()?;
    let is_open = |way: &Value| way.as_object().is_some_and(serde_json::Map::is_empty);
    let words = match ways.iter().filter(|way| is_open(way)).count() {
        0 => return None,
        open if open == ways.len() => "Needs no token.",
        _ => "Needs no token where the registry is public.",
    };
    Some(words.to_owned())
}

fn parameter(parameter: &Value) -> ApiField {
    let place = match parameter["in"].as_str() {
        Some("path") => "In the address. ",
        _ => "",
    };
    ApiField {
        name: text(&parameter["name"]),
        is_required: parameter["required"] == true,
        kind: kind_of(&parameter["schema"]),
        words: format!("{place}{}", text(&parameter["description"])),
    }
}

fn answer(document: &Value, status: &str, answer: &Value) -> ApiAnswer {
    let answer = resolved(document, answer);
    let schema = &answer["content"]["application/json"]["schema"];
    ApiAnswer {
        status: status.to_owned(),
        words: text(&answer["description"]),
        kind: kind_of(schema),
    }
}

/// What the failures of all operations mean: a status means the same everywhere, unless an operation says otherwise.
fn failures(document: &Value) -> Vec<ApiAnswer> {
    let mut found = BTreeMap::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for operation in paths.flat_map(|(_, methods)| methods.as_object().into_iter().flatten()) {
        for (status, described) in operation.1["responses"].as_object().into_iter().flatten() {
            if !described["$ref"].is_null() {
                let told = answer(document, status, described);
                found.insert(status.clone(), told);
            }
        }
    }
    found.into_values().collect()
}

/// A line for a shell. What stands in braces in the address is there with an example.
fn command(base: &str, method: &str, path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let schema = &parameter["schema"];
        let example = text(&schema["examples"][0]);
        let name = text(&parameter["name"]);
        path = path.replace(&format!("{{{name}}}"), &example);
    }
    let mut words = vec!["curl".to_owned()];
    if operation["security"] != serde_json::json!([{}]) {
        words.push("-H \"Authorization: Bearer $SUPERCARGO_TOKEN\"".to_owned());
    }
    if method != "get" {
        words.push(format!("-X {}", method.to_uppercase()));
    }
    let content = &operation["requestBody"]["content"];
    if let Some(example) = content["application/json"].get("example") {
        let example = example.to_string().replace('\'', "'\\''");
        words.push(format!(
            "-H 'Content-Type: application/json' -d '{example}'"
        ));
    } else if !content.is_null() {
        words.push("--data-binary @demo-1.0.0.crate".to_owned());
    }
    let asked = operation["parameters"].as_array().into_iter().flatten();
    let needed =
        asked.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let query: Vec<_> = needed
        .map(|parameter| {
            let example = text(&parameter["schema"]["examples"][0]);
            let last = path.rsplit('/').next().unwrap_or_default();
            let value = if example.is_empty() { last } else { &example };
            format!("{}={value}", text(&parameter["name"]))
        })
        .collect();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    words.push(format!("'{base}{path}{query}'"));
    words.join(" ")
}

fn shape(document: &Value, name: &str, schema: &Value) -> ApiShape {
    let mut fields = Vec::new();
    gather(document, schema, &mut fields);
    let kind = if fields.is_empty() {
        kind_of(schema)
    } else {
        ApiKind::default()
    };
    ApiShape {
        name: name.to_owned(),
        words: text(&schema["description"]).replace('\n', " "),
        fields,
        kind,
    }
}

/// The fields of an object, with those of the parts that it is put together of.
fn gather(document: &Value, schema: &Value, fields: &mut Vec<ApiField>) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        gather(document, resolved(document, part), fields);
    }
    let required: Vec<_> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let inner = property["oneOf"].as_array().into_iter().flatten();
        let mut words = std::iter::once(property).chain(inner);
        let words = words.find_map(|part| part["description"].as_str());
        fields.push(ApiField {
            name: name.clone(),
            is_required: required.iter().any(|one| *one == name),
            kind: kind_of(property),
            words: words.unwrap_or_default().replace('\n', " "),
        });
    }
}

fn words(words: impl Into<String>) -> ApiKind {
    ApiKind {
        words: words.into(),
        ..ApiKind::default()
    }
}

/// What a value can be, in words.
fn kind_of(schema: &Value) -> ApiKind {
    if let Some(name) = schema["$ref"].as_str() {
        return ApiKind {
            shape: name.strip_prefix(SCHEMAS).map(str::to_owned),
            ..ApiKind::default()
        };
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        return words(choices.join(", "));
    }
    if let Some(parts) = schema["oneOf"].as_array() {
        return either(parts);
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return ApiKind::default(),
    };
    let mut kind = match types[..] {
        ["array", ..] => {
            let mut kind = kind_of(&schema["items"]);
            kind.words.insert_str(0, "list of ");
            kind.words.truncate(kind.words.trim_end().len());
            kind
        }
        ["object", ..] if schema["additionalProperties"].is_object() => words("names and texts"),
        ["string", ..] if schema["format"] == "date-time" => words("time"),
        ["string", ..] => words(sized("text", schema)),
        ["integer" | "number", ..] => words(ranged("number", schema)),
        ["boolean", ..] => words("true or false"),
        _ => words("object"),
    };
    if types.contains(&"null") {
        kind.rest += " or null";
    }
    kind
}

fn either(parts: &[Value]) -> ApiKind {
    let is_null = |part: &&Value| part["type"] == "null";
    let mut kinds = parts.iter().filter(|part| !is_null(part)).map(kind_of);
    let mut kind = kinds.next().unwrap_or_default();
    for other in kinds {
        // at most one of them can be a link; it is the last
        if kind.shape.is_none() {
            let before = format!("{}{} or {}", kind.words, kind.rest, other.words);
            kind = ApiKind {
                words: before.trim_end().to_owned(),
                ..other
            };
        } else {
            let name = other.shape.unwrap_or_default();
            let ApiKind { words, rest, .. } = other;
            kind.rest.extend([" or ", &words, &name, &rest]);
        }
    }
    if parts.iter().any(|part| is_null(&part)) {
        kind.rest += " or null";
    }
    kind
}

fn sized(what: &str, schema: &Value) -> String {
    match schema["maxLength"].as_u64() {
        Some(longest) => format!("{what} of at most {longest} characters"),
        None => what.to_owned(),
    }
}

fn ranged(what: &str, schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!("{what} from {least} to {most}"),
        _ => what.to_owned(),
    }
}
