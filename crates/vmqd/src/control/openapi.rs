//! The OpenAPI 3.1 document: the table of operations, said in the words that tools read.
//!
//! OpenAPI 3.1 takes JSON Schema 2020-12 as it is, which is what the types' own descriptions are. So the document is put
//! together here from both, and there is no second description that could differ.

use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Operation, SchemaOf};
use super::problem::{Kind, PROBLEM_JSON, Problem};

/// What any request can meet, whatever it asks.
const COMMON: [Kind; 3] = [Kind::Malformed, Kind::Unauthorized, Kind::Internal];

/// What a request with a body can meet besides.
const WITH_BODY: [Kind; 4] = [
    Kind::Timeout,
    Kind::TooLarge,
    Kind::UnsupportedMediaType,
    Kind::Invalid,
];

const INTRODUCTION: &str = "\
The control interface of a running switch. On the control socket (a unix socket, `curl --unix-socket`) whoever can open its file \
may ask, without a token. On TCP each request needs the token. HEAD goes wherever GET goes. Whatever is not carried out is answered \
with a problem document (RFC 9457).";

/// The document of these operations.
pub(super) fn document(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| json!({ "parameters": path_parameters(operation.path) }));
        let method = operation.method.as_str().to_ascii_lowercase();
        path[method] = describe(operation, &mut schemas);
    }
    let problem = schemas.subschema_for::<Problem>();
    let problems = Kind::ALL.map(|kind| (kind, problem_response(kind, &problem.clone().into())));
    let responses: Map<String, Value> = problems
        .into_iter()
        .map(|(kind, response)| (name(kind), response))
        .collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "vmq",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": responses,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        }
    });
    bound(&mut document);
    document
}

/// The parameters that a path has between braces.
pub(super) fn parameters_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameters(path: &str) -> Value {
    let parameter = |name| {
        let description = format!("Name of the {name}");
        let schema = json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,32}$" });
        parameter(name, "path", true, Some(description.into()), schema)
    };
    parameters_of(path).map(parameter).collect()
}

fn parameter(
    name: &str,
    place: &str,
    is_required: bool,
    description: Option<Value>,
    schema: Value,
) -> Value {
    let mut parameter =
        json!({ "name": name, "in": place, "required": is_required, "schema": schema });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

fn describe(operation: &Operation, schemas: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [],
        "responses": {}
    });
    let mut parameters = query_parameters(operation.query, schemas);
    let mut responses = Map::new();
    for &status in &operation.successes {
        responses.insert(
            status.as_str().to_owned(),
            success(operation, status, schemas),
        );
    }
    let mut problems = [&COMMON[..], &operation.problems].concat();
    if let Some((media_type, schema)) = operation.body {
        described["requestBody"] =
            json!({ "required": true, "content": { media_type: { "schema": schema(schemas) } } });
        problems.extend(WITH_BODY);
    }
    if operation.is_conditional {
        parameters.extend(conditions(&operation.method));
        if operation.method != Method::GET {
            problems.push(Kind::PreconditionFailed);
        } else {
            let headers = headers(operation, StatusCode::NOT_MODIFIED);
            let description = "It is what If-None-Match names";
            let response = json!({ "description": description, "headers": headers });
            responses.insert("304".to_owned(), response);
        }
    }
    for kind in problems {
        let reference = json!({ "$ref": format!("#/components/responses/{}", name(kind)) });
        responses.insert(kind.status().as_str().to_owned(), reference);
    }
    described["parameters"] = parameters.into();
    described["responses"] = responses.into();
    described
}

/// Says of each whole number how large it may be, wherever a type of 32 or 64 bits left it at a format, which is only a hint.
fn bound(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Object(members) => {
            let maximum = match members.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint" | "uint64") => Some(u64::MAX),
                _ => None,
            };
            if let Some(maximum) = maximum {
                members.entry("maximum").or_insert(maximum.into());
            }
            members.values_mut().for_each(bound);
        }
        _ => {}
    }
}

/// Each member of the query's schema is a parameter.
fn query_parameters(query: SchemaOf, schemas: &mut SchemaGenerator) -> Vec<Value> {
    // The object itself appears nowhere: it is not to become a component.
    let mut own = SchemaGenerator::new(schemas.settings().clone().with(|settings| {
        settings.inline_subschemas = true;
    }));
    let schema = query(&mut own);
    let members = schema.get("properties").and_then(Value::as_object);
    let is_required = |name: &String| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let members = schema.as_object_mut();
        let description = members.and_then(|members| members.remove("description"));
        parameter(name, "query", is_required(name), description, schema)
    };
    members.into_iter().flatten().map(parameter).collect()
}

fn success(operation: &Operation, status: StatusCode, schemas: &mut SchemaGenerator) -> Value {
    let description = match status {
        StatusCode::CREATED => "It was made",
        StatusCode::NO_CONTENT => "It is done",
        _ => operation.summary,
    };
    let mut response = json!({ "description": description, "headers": headers(operation, status) });
    if status != StatusCode::NO_CONTENT {
        for (media_type, schema) in &operation.answers {
            response["content"][*media_type] = json!({ "schema": schema(schemas) });
        }
    }
    response
}

fn headers(operation: &Operation, status: StatusCode) -> Value {
    let mut headers = Map::new();
    if status == StatusCode::CREATED {
        headers.insert("Location".to_owned(), header("Where it is"));
    }
    if operation.is_tagged && status != StatusCode::NO_CONTENT {
        let tag = header("Names it as it is now, for If-Match");
        headers.insert("ETag".to_owned(), tag);
    }
    headers.into()
}

/// The headers with which a client says what it knows.
fn conditions(method: &Method) -> Vec<Value> {
    let header = |name, description: &str| {
        let schema = json!({ "type": "string" });
        parameter(name, "header", false, Some(description.into()), schema)
    };
    match *method {
        Method::GET => vec![header("If-None-Match", "Answer only if it is another")],
        _ => vec![
            header("If-Match", "Only if it is still this one"),
            header(
                "If-None-Match",
                "Only if it is not this one; *: only if there is none",
            ),
        ],
    }
}

fn problem_response(kind: Kind, schema: &Value) -> Value {
    let mut headers = Map::new();
    if kind == Kind::Unauthorized {
        let challenge = header("What is wanted");
        headers.insert("WWW-Authenticate".to_owned(), challenge);
    }
    let content = json!({ PROBLEM_JSON: { "schema": schema } });
    json!({ "description": kind.title(), "headers": headers, "content": content })
}

fn header(description: &str) -> Value {
    json!({ "description": description, "required": true, "schema": { "type": "string" } })
}

fn name(kind: Kind) -> String {
    format!("{kind:?}")
}
