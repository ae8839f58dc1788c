//! `admin-api.md` and `booking-api.md`: what the program's own OpenAPI descriptions say.

use std::fmt::Write;

use fairgate::admin::AdminApi;
use fairgate_booking::http::Api;
use fairgate_booking::http::organizer::OrganizerApi;
use serde_json::Value;
use utoipa::OpenApi;

use crate::GENERATED;

const ADMIN: &str = "\
The edge serves this at `admin.listen`, on loopback unless configured otherwise. `fairgate room` is
a client of it. The same as OpenAPI: `GET /openapi.json`.

- Calls below `/api/v1` need `Authorization: Bearer` and a token. Its role decides: *viewer* may
  look; *organizer* may also change messages, sold out, the end of the sale, and pause, drain and
  resume; *sre* may also change everything else.
- Errors are [problem details](problems.md). Wrong tokens are counted by address: ten at once, six
  a minute, then 429.
- `Host` has to be an address, `localhost` or one of `admin.hosts`; else 421.
- A change is made as a whole or not at all. With `?dry_run=true` it is only checked. Each change
  is in the audit log.
";

const BOOKING: &str = "\
The booking core serves two APIs: fans reach the first one through the edge, operators the second
one at `--metrics-listen`. Each describes itself as OpenAPI at its `/openapi.json`.

- Errors are [problem details](problems.md).
- What changes something takes an `Idempotency-Key`: the same key and body get the same answer,
  byte for byte.
- Amounts are in the smallest unit of their currency. Times are RFC 3339.
";

/// The document of the admin API.
pub(crate) fn admin() -> String {
    let mut text = format!("# Admin API\n\n{GENERATED}\n\n{ADMIN}");
    describe(&mut text, &serde_json::to_value(AdminApi::openapi()).unwrap(), "##");
    text
}

/// The document of the booking core's APIs.
pub(crate) fn booking() -> String {
    let mut text = format!("# Booking API\n\n{GENERATED}\n\n{BOOKING}\n## For fans and the shop's pages\n");
    describe(&mut text, &serde_json::to_value(Api::openapi()).unwrap(), "###");
    text.push_str(
        "\n## For organizers\n\nThe token is in the environment variable `FAIRGATE_ORGANIZER_TOKEN` of the core.\n",
    );
    describe(&mut text, &serde_json::to_value(OrganizerApi::openapi()).unwrap(), "###");
    text
}

fn describe(text: &mut String, api: &Value, level: &str) {
    for (path, operations) in api["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            write!(text, "\n{level} `{} {path}`\n\n", method.to_uppercase()).unwrap();
            call(text, operation);
        }
    }
    write!(text, "\n{level} Objects\n").unwrap();
    for (name, schema) in api["components"]["schemas"].as_object().into_iter().flatten() {
        object(text, name, schema, level);
    }
}

fn call(text: &mut String, operation: &Value) {
    for said in [&operation["summary"], &operation["description"]].into_iter().filter_map(Value::as_str) {
        write!(text, "{}\n\n", said.trim()).unwrap();
    }
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        text.push_str("| parameter | in | kind | meaning |\n|---|---|---|---|\n");
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let needed = if parameter["required"] == true { "" } else { ", optional" };
            let (kind, meaning) = (kind(&parameter["schema"]), one_line(&parameter["description"]));
            writeln!(text, "| `{name}` | {place}{needed} | {kind} | {meaning} |").unwrap();
        }
        text.push('\n');
    }
    if let Some(body) = body(&operation["requestBody"]) {
        write!(text, "Body: {body}\n\n").unwrap();
    }
    text.push_str("| answer | body | meaning |\n|---|---|---|\n");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let body = body(answer).unwrap_or_default();
        writeln!(text, "| {status} | {body} | {} |", one_line(&answer["description"])).unwrap();
    }
}

/// What a body is, by the first of its media types.
fn body(message: &Value) -> Option<String> {
    let (media, content) = message["content"].as_object()?.iter().next()?;
    let kind = kind(&content["schema"]);
    Some(if kind.is_empty() || kind == "text" { format!("`{media}`") } else { kind })
}

fn object(text: &mut String, name: &str, schema: &Value, level: &str) {
    write!(text, "\n{level}# {name}\n\n").unwrap();
    if let Some(said) = schema["description"].as_str() {
        write!(text, "{}\n\n", said.trim()).unwrap();
    }
    let parts: Vec<&Value> = [schema].into_iter().chain(schema["allOf"].as_array().into_iter().flatten()).collect();
    let members =
        parts.iter().filter_map(|part| part["properties"].as_object().map(|members| (members, &part["required"])));
    let mut rows = String::new();
    for (members, required) in members {
        for (member, schema) in members {
            let is_needed = required.as_array().is_some_and(|required| required.iter().any(|name| name == member));
            let needed = if is_needed { "" } else { ", optional" };
            writeln!(rows, "| `{member}` | {}{needed} | {} |", kind(schema), one_line(&schema["description"])).unwrap();
        }
    }
    match rows.as_str() {
        "" => writeln!(text, "{}", kind(schema)).unwrap(),
        rows => write!(text, "| member | kind | meaning |\n|---|---|---|\n{rows}").unwrap(),
    }
}

/// What kind of value a schema describes, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(kinds) = schema[several].as_array() {
            let kinds: Vec<String> = kinds.iter().map(kind).filter(|kind| !kind.is_empty()).collect();
            return kinds.join(if several == "allOf" { " and " } else { " or " });
        }
    }
    match &schema["type"] {
        Value::Array(types) => types.iter().map(|name| named(name, schema)).collect::<Vec<_>>().join(" or "),
        name => named(name, schema),
    }
}

fn named(name: &Value, schema: &Value) -> String {
    match name.as_str().unwrap_or_default() {
        "array" => format!("list: {}", kind(&schema["items"])),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    }
}

fn one_line(text: &Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
