//! The document itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{conforms, customer, document, invoice, operation, resolved};

/// Calls `visit` with every object in a value.
fn walk(value: &'static Value, visit: &mut impl FnMut(&'static serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|child| walk(child, visit));
        }
        Value::Array(items) => items.iter().for_each(|child| walk(child, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn it_is_openapi_3_1_and_every_reference_leads_somewhere() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = 0;
    walk(document, &mut |object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            references += 1;
        }
    });
    assert!(references > 300, "{references}");
}

#[test]
fn operations_have_names_of_their_own_and_say_what_they_do() {
    let mut names = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
            let expected: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let declared = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            let declared: BTreeSet<&str> =
                declared.iter().filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(declared, expected, "{method} {path}");
            assert!(operation["responses"].as_object().unwrap().len() >= 4, "{method} {path}");
        }
    }
}

#[test]
fn schemas_are_described_and_requests_are_closed() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name} says nothing");
    }
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(body) = operation.get("requestBody") else { continue };
            let schema = &body["content"]["application/json"]["schema"];
            let schema = schema["oneOf"]
                .as_array()
                .map_or(schema, |any| any.iter().find(|one| one.get("$ref").is_some()).unwrap());
            assert_eq!(resolved(schema)["additionalProperties"], Value::Bool(false), "{method} {path}");
        }
    }
}

#[test]
fn every_list_says_how_it_is_paged() {
    let mut lists = 0;
    for (path, item) in document()["paths"].as_object().unwrap() {
        let Some(get) = item.get("get") else { continue };
        let schema = get.pointer("/responses/200/content/application~1json/schema/$ref").and_then(Value::as_str);
        if !schema.is_some_and(|schema| schema.contains("/Page_")) {
            continue;
        }
        let parameters = get["parameters"].to_string();
        assert!(parameters.contains("parameters/Limit") && parameters.contains("parameters/Cursor"), "{path}");
        lists += 1;
    }
    assert_eq!(lists, 12);
}

#[test]
fn no_query_parameter_may_be_null() {
    walk(document(), &mut |object| {
        if object.get("in").is_some_and(|place| place == "query") {
            assert!(!object["schema"].to_string().contains("null"), "{object:?}");
        }
    });
}

#[test]
fn the_schema_of_a_request_tells_right_from_wrong() {
    let schema = |path: &str| {
        let operation = operation(&http::Method::POST, path).unwrap();
        &operation["requestBody"]["content"]["application/json"]["schema"]
    };
    let customers = schema("/v1/customers");
    conforms(customers, &customer()).unwrap();
    for (field, bad) in
        [("zone", "Mars/Base"), ("country", "UK"), ("email", "zoe@"), ("language", "german"), ("name", " \t ")]
    {
        let mut body = customer();
        body[field] = Value::from(bad);
        assert!(conforms(customers, &body).is_err(), "{field}");
    }
    let invoices = schema("/v1/invoices");
    conforms(invoices, &invoice("cus_01hqzv5w3e8m4tq2cyx7n9bkda")).unwrap();
    for (field, bad) in
        [("quantity", "0"), ("quantity", "0.000"), ("tax_rate", "1.1"), ("unit_amount", "01"), ("product", "prd_x")]
    {
        let mut body = invoice("cus_01hqzv5w3e8m4tq2cyx7n9bkda");
        body["lines"][0][field] = Value::from(bad);
        assert!(conforms(invoices, &body).is_err(), "{field}");
    }
}
