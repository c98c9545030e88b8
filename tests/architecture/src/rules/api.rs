//! The HTTP API: throttled, logged, and wired so that only it can call its functions.

use serde_json::json;

use crate::rules::Findings;
use crate::stack::{Stack, elements, field, fields};

/// The routes that the API has, and no others, each with the end of the source that may call its function.
const ROUTES: [(&str, &str); 4] = [
    ("$default", "${Api}/*/$default"),
    ("ANY /v1/{proxy+}", "${Api}/*/*/v1/*"),
    ("ANY /webhooks/{proxy+}", "${Api}/*/*/webhooks/*"),
    ("POST /webhooks/{provider}/{account}", "${Api}/*/*/webhooks/*"),
];

/// The stage limits every route, and the limit of webhooks is their own.
pub fn stages_are_throttled(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    let mut stages = 0_usize;
    for stage in stack.of_kind("AWS::ApiGatewayV2::Stage") {
        stages = stages.saturating_add(1);
        let mut limits = vec![("every route", stage.property(&["DefaultRouteSettings"]))];
        limits.push(("webhooks", stage.property(&["RouteSettings", "POST /webhooks/{provider}/{account}"])));
        for (what, limit) in limits {
            for name in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
                if field(limit, name).as_u64().is_none_or(|limit| limit == 0) {
                    findings.push(format!("{}: {name} of {what} is missing", stage.address));
                }
            }
        }
    }
    if stages == 0 {
        findings.push("the API has no stage".to_owned());
    }
    findings
}

/// Requests are logged by route, never with path, query, body or address of the caller.
pub fn access_is_logged_without_contents(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for stage in stack.of_kind("AWS::ApiGatewayV2::Stage") {
        let settings = stage.property(&["AccessLogSettings"]);
        if stack.resolve(&stage.address.template, field(settings, "DestinationArn")).is_none() {
            findings.push(format!("{}: requests are not logged", stage.address));
        }
        let format = field(settings, "Format").as_str().unwrap_or_default();
        for told in ["$context.path", "$context.identity", "$context.authorizer", "querystring"] {
            if format.contains(told) {
                findings.push(format!("{}: the access log must not hold {told}", stage.address));
            }
        }
    }
    findings
}

/// Every route leads to a function of this stack that the API alone may call.
pub fn routes_lead_to_functions(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    let mut keys = Vec::new();
    for route in stack.of_kind("AWS::ApiGatewayV2::Route") {
        let key = route.property(&["RouteKey"]).as_str().unwrap_or_default();
        keys.push(key);
        let target = field(route.property(&["Target"]), "Fn::Sub").as_str().unwrap_or_default();
        let integration = target.strip_prefix("integrations/${").and_then(|rest| rest.strip_suffix('}'));
        let integration = integration
            .and_then(|name| stack.resolve_name(&route.address.template, name))
            .and_then(|address| stack.resource(&address));
        let Some(integration) = integration else {
            findings.push(format!("{key}: it leads nowhere"));
            continue;
        };
        if integration.property(&["PayloadFormatVersion"]) != &json!("2.0") {
            findings.push(format!("{key}: the payload must be of version 2.0"));
        }
        let function = stack.resolve(&integration.address.template, integration.property(&["IntegrationUri"]));
        let source = ROUTES.iter().find(|(route, _)| *route == key).map_or("nothing", |(_, source)| source);
        let permitted = stack.of_kind("AWS::Lambda::Permission").any(|permission| {
            let allows = stack.resolve(&permission.address.template, permission.property(&["FunctionName"]));
            let from = field(permission.property(&["SourceArn"]), "Fn::Sub").as_str().unwrap_or_default();
            allows.is_some()
                && allows == function
                && from.ends_with(source)
                && permission.property(&["Principal"]) == &json!("apigateway.amazonaws.com")
        });
        if !permitted {
            findings.push(format!("{key}: the API may not call the function"));
        }
    }
    keys.sort_unstable();
    let expected = ROUTES.map(|(key, _)| key);
    if keys != expected {
        findings.push(format!("the routes must be {expected:?}, found {keys:?}"));
    }
    findings
}

/// A permission names the very API that may call, not the whole service.
pub fn permissions_name_their_source(stack: &Stack) -> Findings {
    let open = stack.of_kind("AWS::Lambda::Permission").filter(|permission| {
        let source = permission.property(&["SourceArn"]);
        let text = field(source, "Fn::Sub").as_str().unwrap_or_default();
        !text.contains("${Api}")
    });
    open.map(|permission| format!("{}: any API could call the function", permission.address)).collect()
}

/// Nothing is exposed to the network beside the API.
pub fn nothing_else_is_exposed(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for function in stack.of_kind("AWS::Serverless::Function") {
        if !function.property(&["FunctionUrlConfig"]).is_null() {
            findings.push(format!("{}: it has a URL of its own", function.address));
        }
        for (name, event) in fields(function.property(&["Events"])) {
            let kind = field(event, "Type").as_str().unwrap_or_default();
            if !["SQS", "DynamoDB", "Schedule"].contains(&kind) {
                findings.push(format!("{}: its event {name} is of the kind {kind}", function.address));
            }
        }
    }
    if elements(field(stack.root(), "Transform")).len() > 1 {
        findings.push("no other transform may add to the template".to_owned());
    }
    findings
}
