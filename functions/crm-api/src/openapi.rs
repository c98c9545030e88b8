//! The document: taken from the same declarations that make the routes, completed by what holds for all of them.
//!
//! Handlers declare what is their own: path, method, body, good answer. Authentication, idempotency, paging and the ways to go
//! wrong are the same everywhere and are added here, by rule, so that no handler can forget them.

use serde_json::{Map, Value, json};

use crate::idempotency;
use crate::problem;
use crate::reports;
use crate::request;
use crate::wire;

/// What is said about the API as a whole.
const DESCRIPTION: &str = "\
Invoices, subscriptions, payments and reports. Amounts are decimal text beside their currency, rates and quantities decimal \
text; there are no numbers that could lose a digit. Dates are civil dates, instants are UTC.

Send the API key as `Authorization: Bearer …`. The first key is the secret that the deployment generated; make others with \
`POST /v1/api-keys`.

Send an `Idempotency-Key` of your own with every POST: a repetition of the same request under the same key gets the same answer, \
marked with `Idempotent-Replayed: true`, and has no second effect. Answers are remembered for a day. A request that was refused \
is not remembered.

Lists are newest first. `next_cursor` is `null` on the last page.

Everything that goes wrong is told as `application/problem+json` (RFC 9457), but for 429, which the gateway before us answers; \
`errors` names the fields that are to blame. Nothing is stored when a request is refused; only a payment page that asked for \
another amount is closed before the next is opened, also where that is refused then. Text that looks like a card number is \
refused everywhere.";

/// What the parameter after this part of a path is.
const PATH_PARAMETERS: [(&str, &str); 10] = [
    ("sellers", "SellerId"),
    ("customers", "CustomerId"),
    ("products", "ProductId"),
    ("prices", "PriceId"),
    ("subscriptions", "SubscriptionId"),
    ("invoices", "InvoiceId"),
    ("payments", "PaymentId"),
    ("refunds", "RefundId"),
    ("api-keys", "ApiKeyId"),
    ("reports", "ReportName"),
];

/// The ways to go wrong, by status.
const PROBLEMS: [(&str, &str); 13] = [
    ("400", "BadRequest"),
    ("401", "Unauthorised"),
    ("403", "Forbidden"),
    ("404", "NotFound"),
    ("405", "MethodNotAllowed"),
    ("409", "Conflict"),
    ("413", "TooLarge"),
    ("415", "UnsupportedMediaType"),
    ("422", "Unprocessable"),
    ("429", "TooManyRequests"),
    ("500", "Internal"),
    ("502", "Provider"),
    ("503", "Unavailable"),
];

/// Completes what the routes declared to the whole document.
pub fn complete(mut document: Value) -> Value {
    if let Some(root) = document.as_object_mut() {
        root.insert("openapi".to_owned(), json!("3.1.0"));
        root.insert("info".to_owned(), info());
        root.insert("jsonSchemaDialect".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("servers".to_owned(), json!([{"url": "/", "description": "where this document came from"}]));
        root.insert("security".to_owned(), json!([{"api_key": []}]));
        root.insert("tags".to_owned(), tags());
        let components = root.entry("components").or_insert_with(|| json!({}));
        add_components(components);
        if let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) {
            for (path, item) in paths.iter_mut() {
                let operations = item.as_object_mut().into_iter().flatten();
                for (method, operation) in operations {
                    complete_operation(path, method, operation);
                }
            }
        }
    }
    forget_null_defaults(&mut document);
    document
}

/// Where everything can be left out, the derive says that `null` is the default, also of what may not be null.
fn forget_null_defaults(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            object.values_mut().for_each(forget_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_null_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn info() -> Value {
    json!({
        "title": "Saldo",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "The books between a CRM and its payment providers.",
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}

fn tags() -> Value {
    let tag = |name: &str, description: &str| json!({"name": name, "description": description});
    json!([
        tag("sellers", "Legal entities that sell, each with its own invoice numbers."),
        tag("customers", "Who buys."),
        tag("products", "What is sold."),
        tag("prices", "What it costs, and how often."),
        tag("subscriptions", "Agreements to be billed at an interval."),
        tag("invoices", "Drafted, finalised with a number, paid, void or given up."),
        tag("payments", "What providers reported about money."),
        tag("refunds", "Money given back."),
        tag("reports", "Kept up to date as things happen."),
        tag("api-keys", "Who may call this API."),
        tag("document", "This document."),
    ])
}

fn add_components(components: &mut Value) {
    let Some(components) = components.as_object_mut() else { return };
    components.insert(
        "securitySchemes".to_owned(),
        json!({"api_key": {"type": "http", "scheme": "bearer", "description": "An API key."}}),
    );
    let schemas = components.entry("schemas").or_insert_with(|| json!({}));
    if let Some(schemas) = schemas.as_object_mut() {
        for (name, schema) in wire::schemas().into_iter().chain(reports::schemas()) {
            schemas.insert(name.to_owned(), schema);
        }
    }
    components.insert("responses".to_owned(), responses());
    components.insert("headers".to_owned(), headers());
    components.insert("parameters".to_owned(), parameters());
}

fn responses() -> Value {
    let problem = |description: &str, headers: Value| {
        json!({
            "description": description,
            "headers": headers,
            "content": {problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        })
    };
    let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    let challenge = || json!({"WWW-Authenticate": header("WwwAuthenticate")});
    let retry = || json!({"Retry-After": header("RetryAfter")});
    json!({
        "BadRequest": problem("The request is not what this document asks for; `errors` names the field.", json!({})),
        "Unauthorised": problem("No API key, or one that is not known or was revoked.", challenge()),
        "Forbidden": problem("The API key lacks the scope for this.", challenge()),
        "NotFound": problem("There is no such thing, or something that the request refers to is not there.", json!({})),
        "MethodNotAllowed": problem("The path has no such method.", json!({"Allow": header("Allow")})),
        "Conflict": problem(
            "It is not in a state for this, it is on its way, or the `Idempotency-Key` was used for another request.",
            json!({"Retry-After": header("RetryAfter")}),
        ),
        "TooLarge": problem("The request is larger than can be taken or kept.", json!({})),
        "UnsupportedMediaType": problem("The body is not declared as JSON.", json!({})),
        "Unprocessable": problem(
            "A field does not go with the others, or with what there is.",
            json!({}),
        ),
        "TooManyRequests": {
            "description": "More requests than the deployment lets through; try again later. Answered before the API is asked.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "Internal": problem("The fault is ours.", json!({})),
        "Provider": problem("The payment provider refused what we asked of it.", json!({})),
        "Unavailable": problem("Something that we need does not answer; the same request may succeed later.", retry()),
    })
}

fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "WwwAuthenticate": text("How to authenticate (RFC 6750)."),
        "Allow": text("The methods that the path has."),
        "RetryAfter": {"description": "After how many seconds to try again.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
        "IdempotentReplayed": {
            "description": "Says that this was answered before and nothing was done again.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    })
}

fn parameters() -> Value {
    json!({
        "Limit": {
            "name": "limit",
            "in": "query",
            "required": false,
            "description": "How many things the page shall have at most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": request::PAGE_MAX, "default": request::PAGE_DEFAULT},
        },
        "Cursor": {
            "name": "cursor",
            "in": "query",
            "required": false,
            "description": "The `next_cursor` of the page before; of the same list, with the same filters.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 8192},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "A text of your own, new for each request: repeating the request under it has no second effect.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": idempotency::LONGEST,
                "pattern": "^[ -~]*[!-~][ -~]*$",
            },
            "example": "order-2027-000123",
        },
    })
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    let is_open = operation
        .get("security")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().all(|one| one.as_object().is_none_or(Map::is_empty)));
    let has_body = operation.contains_key("requestBody");
    let is_post = method == "post";
    let mut refs = vec!["500", "503", "429", "405"];
    if is_open {
        operation.insert("security".to_owned(), json!([]));
    } else {
        refs.extend(["401", "403", "400", "404"]);
    }
    if has_body || is_post {
        refs.extend(["413", "415", "422"]);
    }
    if matches!(method, "post" | "patch" | "delete") {
        refs.push("409");
    }
    add_parameters(path, is_post, operation);
    if method == "get" && is_list(operation) {
        add(operation, ["Limit", "Cursor"].map(parameter));
    }
    if let Some(body) = operation.get_mut("requestBody") {
        forget_null_body(body);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        if is_post {
            mark_replays(responses);
        }
        for status in refs {
            responses.entry(status).or_insert_with(|| json!({}));
        }
        // A handler that names one of these only says that it answers so; what it looks like is the same everywhere.
        for (status, name) in PROBLEMS {
            if let Some(response) = responses.get_mut(status) {
                *response = json!({"$ref": format!("#/components/responses/{name}")});
            }
        }
    }
}

/// A body that may be left out is declared as one that may be `null`; it may not.
fn forget_null_body(body: &mut Value) {
    let Some(schema) = body.pointer_mut("/content/application~1json/schema") else { return };
    let real =
        schema.get("oneOf").and_then(Value::as_array).and_then(|any| any.iter().find(|one| one.get("$ref").is_some()));
    if let Some(real) = real.cloned() {
        *schema = real;
        if let Some(body) = body.as_object_mut() {
            body.insert("required".to_owned(), json!(false));
        }
    }
}

fn add_parameters(path: &str, is_post: bool, operation: &mut Map<String, Value>) {
    let mut added: Vec<Value> = path
        .split('/')
        .zip(path.split('/').skip(1))
        .filter_map(|(before, part)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            let (_, schema) = PATH_PARAMETERS.iter().find(|(known, _)| *known == before)?;
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
        })
        .collect();
    if is_post {
        added.push(parameter("IdempotencyKey"));
    }
    add(operation, added);
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

fn add(operation: &mut Map<String, Value>, added: impl IntoIterator<Item = Value>) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.extend(added);
    }
}

/// Whether the good answer is a page of a list.
fn is_list(operation: &Map<String, Value>) -> bool {
    let schema = operation.get("responses").and_then(|all| all.pointer("/200/content/application~1json/schema/$ref"));
    schema.and_then(Value::as_str).is_some_and(|name| name.starts_with("#/components/schemas/Page_"))
}

fn mark_replays(responses: &mut Map<String, Value>) {
    let good = responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
    for (_, response) in good {
        if let Some(response) = response.as_object_mut() {
            let header = json!({"$ref": "#/components/headers/IdempotentReplayed"});
            response.insert("headers".to_owned(), json!({"Idempotent-Replayed": header}));
        }
    }
}
