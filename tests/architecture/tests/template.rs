//! What the template promises, and that each promise is really looked at.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use architecture::repository;
use architecture::rules::environment::{config_source, variables_are_those_read};
use architecture::rules::{Findings, alarms, api, functions, nesting, policies, queues, secrets, storage};
use architecture::stack::Stack;
use serde_json::{Value, json};

const ROOT: &str = "template.yaml";
const QUEUES: &str = "infra/queues.yaml";
const TABLES: &str = "infra/tables.yaml";
const API: &str = "infra/api.yaml";
const ALARMS: &str = "infra/alarms.yaml";

fn stack() -> Stack {
    Stack::read(&repository()).unwrap()
}

/// The stack with the value at one place replaced.
fn broken(template: &str, pointer: &str, value: Value) -> Stack {
    let mut stack = stack();
    let place = stack.at(template, pointer);
    assert!(place.is_some(), "there is no {pointer} in {template}");
    *place.unwrap() = value;
    stack
}

/// Holds on the real templates, and is broken by each of the changes.
fn holds_and_bites(rule: impl Fn(&Stack) -> Findings, changes: &[(&str, &str, Value)]) {
    assert_eq!(rule(&stack()), Findings::new());
    assert!(!changes.is_empty(), "a rule that was never seen to fail is no rule");
    for (template, pointer, value) in changes {
        let findings = rule(&broken(template, pointer, value.clone()));
        assert!(!findings.is_empty(), "{pointer} of {template} set to {value} goes unnoticed");
    }
}

#[test]
fn every_queue_has_a_dead_letter_queue() {
    let redrive = "/Resources/InvoicesDueQueue/Properties/RedrivePolicy";
    holds_and_bites(
        queues::every_queue_has_dead_letters,
        &[
            (QUEUES, redrive, Value::Null),
            (QUEUES, &format!("{redrive}/maxReceiveCount"), json!(1000)),
            (QUEUES, "/Resources/InvoicesDueQueueDlq/Properties/MessageRetentionPeriod", json!(345_600)),
            (QUEUES, "/Resources/InvoicesDueQueue/Properties/MessageRetentionPeriod", json!(1_209_600)),
            (QUEUES, "/Resources/EventRelayDlq/Properties/MessageRetentionPeriod", Value::Null),
            (QUEUES, "/Resources/ProviderEventsQueueDlq/Properties/MaximumMessageSize", json!(262_144)),
        ],
    );
}

#[test]
fn the_largest_webhook_fits_into_its_queue() {
    let place = "/Resources/ProviderEventsQueue/Properties/MaximumMessageSize";
    holds_and_bites(queues::webhooks_fit, &[(QUEUES, place, json!(262_144)), (QUEUES, place, Value::Null)]);
}

#[test]
fn every_queue_is_encrypted() {
    let place = "/Resources/RemindersQueueDlq/Properties/SqsManagedSseEnabled";
    holds_and_bites(queues::every_queue_is_encrypted, &[(QUEUES, place, json!(false)), (QUEUES, place, Value::Null)]);
}

#[test]
fn batches_are_partial_and_bounded_and_messages_stay_invisible_for_six_timeouts() {
    let event = "/Resources/PaymentProcessing/Properties/Events/Messages/Properties";
    holds_and_bites(
        queues::readers_are_attached_safely,
        &[
            (QUEUES, "/Resources/ProviderEventsQueue/Properties/VisibilityTimeout", json!(179)),
            (QUEUES, "/Resources/ProviderEventsQueue/Properties/VisibilityTimeout", Value::Null),
            (ROOT, "/Resources/PaymentProcessing/Properties/Timeout", json!(31)),
            (ROOT, &format!("{event}/FunctionResponseTypes"), json!([])),
            (ROOT, &format!("{event}/BatchSize"), json!(1000)),
            (ROOT, &format!("{event}/ScalingConfig"), Value::Null),
            (ROOT, event, Value::Null),
        ],
    );
}

#[test]
fn tables_are_encrypted_recoverable_and_protected() {
    let table = "/Resources/ReportsTable/Properties";
    holds_and_bites(
        storage::tables_are_safe,
        &[
            (TABLES, &format!("{table}/BillingMode"), json!("PROVISIONED")),
            (TABLES, &format!("{table}/SSESpecification/SSEEnabled"), json!(false)),
            (TABLES, &format!("{table}/PointInTimeRecoverySpecification"), Value::Null),
            (TABLES, &format!("{table}/DeletionProtectionEnabled"), json!(false)),
            (TABLES, "/Resources/ReportsTable/DeletionPolicy", json!("Delete")),
            (TABLES, "/Resources/ReportsTable/UpdateReplacePolicy", Value::Null),
        ],
    );
}

#[test]
fn only_idempotency_records_expire() {
    let expiry = json!({ "AttributeName": "expires_at", "Enabled": true });
    holds_and_bites(
        storage::only_housekeeping_expires,
        &[
            (TABLES, "/Resources/BillingTable/Properties/TimeToLiveSpecification/AttributeName", json!("due_at")),
            (TABLES, "/Resources/BillingTable/Properties/TimeToLiveSpecification/Enabled", json!(false)),
            (TABLES, "/Resources/BillingTable/Properties/TimeToLiveSpecification", Value::Null),
            (TABLES, "/Resources/InboxTable/Properties", json!({ "TimeToLiveSpecification": expiry })),
        ],
    );
}

#[test]
fn the_books_are_streamed_with_both_images() {
    let view = "/Resources/BillingTable/Properties/StreamSpecification/StreamViewType";
    holds_and_bites(storage::books_are_streamed, &[(TABLES, view, json!("KEYS_ONLY"))]);
}

#[test]
fn documents_are_private_encrypted_and_versioned() {
    let bucket = "/Resources/DocumentsBucket/Properties";
    let denial = "/Resources/DocumentsBucketPolicy/Properties/PolicyDocument/Statement/0";
    holds_and_bites(
        storage::documents_are_private,
        &[
            (TABLES, &format!("{bucket}/PublicAccessBlockConfiguration/RestrictPublicBuckets"), json!(false)),
            (TABLES, &format!("{bucket}/BucketEncryption"), Value::Null),
            (TABLES, &format!("{bucket}/VersioningConfiguration/Status"), json!("Suspended")),
            (TABLES, &format!("{denial}/Effect"), json!("Allow")),
            (TABLES, &format!("{denial}/Condition"), Value::Null),
            (TABLES, "/Resources/DocumentsBucket/DeletionPolicy", json!("Delete")),
        ],
    );
}

#[test]
fn the_functions_of_the_template_are_the_crates() {
    let rule = |stack: &Stack| functions::functions_are_the_crates(stack, &repository());
    let code = "/Resources/EventRelay/Properties/CodeUri";
    holds_and_bites(
        rule,
        &[
            (ROOT, code, json!("target/lambda/event-sender/")),
            (ROOT, code, json!("target/lambda/crm-api/")),
            (ROOT, "/Resources/EventRelay/Type", json!("AWS::Lambda::Function")),
        ],
    );
}

#[test]
fn every_function_has_its_own_role() {
    let role = "/Resources/EventRelay/Properties/Role";
    holds_and_bites(
        functions::every_function_has_its_own_role,
        &[
            (ROOT, role, json!({ "Fn::GetAtt": ["CrmApiRole", "Arn"] })),
            (ROOT, role, Value::Null),
            (ROOT, role, json!("arn:aws:iam::123456789012:role/admin")),
        ],
    );
}

#[test]
fn every_function_has_its_own_log_with_the_set_retention() {
    let log = "/Resources/EventRelay/Properties/LoggingConfig";
    holds_and_bites(
        functions::every_log_is_kept_for_the_set_time,
        &[
            (ROOT, log, Value::Null),
            (ROOT, &format!("{log}/LogGroup"), json!({ "Ref": "CrmApiLog" })),
            (ROOT, "/Resources/EventRelayLog/Properties/RetentionInDays", Value::Null),
            (API, "/Resources/AccessLog/Properties/RetentionInDays", json!(3653)),
        ],
    );
}

#[test]
fn functions_run_the_built_binary_with_a_stated_timeout() {
    holds_and_bites(
        functions::functions_run_the_built_binary,
        &[
            (ROOT, "/Globals/Function/Runtime", json!("provided.al2")),
            (ROOT, "/Globals/Function/Architectures", json!(["x86_64"])),
            (ROOT, "/Resources/BillingTick/Properties/Timeout", Value::Null),
            (ROOT, "/Resources/CrmApi/Properties/Timeout", json!(30)),
        ],
    );
}

#[test]
fn t8_the_schedule_ticks_hourly_or_more_often_and_knows_no_time_of_day() {
    let event = "/Resources/BillingTick/Properties/Events/Tick";
    let schedule = format!("{event}/Properties/Schedule");
    holds_and_bites(
        functions::schedules_know_no_time_of_day,
        &[
            (ROOT, &schedule, json!("cron(0 2 * * ? *)")),
            (ROOT, &schedule, json!("rate(1 day)")),
            (ROOT, &schedule, json!("rate(2 hours)")),
            (ROOT, &schedule, Value::Null),
            (ROOT, &format!("{event}/Type"), json!("ScheduleV2")),
            (ROOT, event, Value::Null),
        ],
    );
}

#[test]
fn streams_neither_block_nor_lose() {
    let event = "/Resources/ReportAggregation/Properties/Events/BillingStream/Properties";
    holds_and_bites(
        functions::streams_do_not_block,
        &[
            (ROOT, &format!("{event}/FunctionResponseTypes"), Value::Null),
            (ROOT, &format!("{event}/BisectBatchOnFunctionError"), json!(false)),
            (ROOT, &format!("{event}/MaximumRetryAttempts"), Value::Null),
            (ROOT, &format!("{event}/DestinationConfig"), Value::Null),
            (ROOT, &format!("{event}/StartingPosition"), json!("LATEST")),
        ],
    );
}

#[test]
fn a_tick_that_is_not_delivered_or_fails_is_kept() {
    let tick = "/Resources/BillingTick/Properties";
    holds_and_bites(
        functions::schedules_are_caught,
        &[
            (ROOT, &format!("{tick}/Events/Tick/Properties/DeadLetterConfig"), Value::Null),
            (ROOT, &format!("{tick}/Events/Tick/Properties/RetryPolicy"), Value::Null),
            (ROOT, &format!("{tick}/EventInvokeConfig"), Value::Null),
        ],
    );
}

#[test]
fn policies_have_no_wildcards() {
    let statements = "/Resources/EventRelayRole/Properties/Policies/0/PolicyDocument/Statement";
    let statement = &format!("{statements}/1");
    let bucket_statement = "/Resources/DocumentsBucketPolicy/Properties/PolicyDocument/Statement/0/Effect";
    holds_and_bites(
        policies::policies_name_actions_and_resources,
        &[
            (ROOT, &format!("{statement}/Action"), json!("dynamodb:*")),
            (ROOT, &format!("{statement}/Action"), json!("dynamodb:Pu?Item")),
            (ROOT, &format!("{statement}/Resource"), json!("arn:aws:sqs:eu-central-1:111122223333:saldo-?")),
            (ROOT, statements, json!({ "Effect": "Allow", "Action": "*", "Resource": { "Ref": "X" } })),
            (ROOT, &format!("{statement}/Resource"), json!("*")),
            (ROOT, &format!("{statement}/Resource"), json!({ "Fn::Sub": "${Tables.Outputs.BillingTableArn}/index/*" })),
            (ROOT, &format!("{statement}/Resource"), Value::Null),
            (ROOT, statement, json!({ "Effect": "Allow", "NotAction": "iam:PassRole", "Resource": { "Ref": "X" } })),
            (TABLES, bucket_statement, json!("Allow")),
        ],
    );
}

#[test]
fn roles_borrow_no_policies() {
    let managed = json!({ "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"] });
    let function = json!({ "Policies": ["DynamoDBCrudPolicy"] });
    holds_and_bites(
        policies::roles_borrow_no_policies,
        &[
            (ROOT, "/Resources/EventRelayRole/Properties", managed),
            (ROOT, "/Resources/EventRelay/Properties", function),
        ],
    );
}

#[test]
fn the_api_is_throttled() {
    let stage = "/Resources/Stage/Properties";
    holds_and_bites(
        api::stages_are_throttled,
        &[
            (API, &format!("{stage}/DefaultRouteSettings/ThrottlingRateLimit"), Value::Null),
            (API, &format!("{stage}/DefaultRouteSettings/ThrottlingBurstLimit"), json!(0)),
            (API, &format!("{stage}/RouteSettings"), Value::Null),
            (API, "/Resources/Stage/Type", json!("AWS::ApiGateway::Stage")),
        ],
    );
}

#[test]
fn the_access_log_tells_the_route_and_not_the_contents() {
    let settings = "/Resources/Stage/Properties/AccessLogSettings";
    holds_and_bites(
        api::access_is_logged_without_contents,
        &[
            (API, settings, Value::Null),
            (API, &format!("{settings}/Format"), json!("$context.requestId $context.path")),
            (API, &format!("{settings}/Format"), json!("$context.requestId $context.identity.sourceIp")),
        ],
    );
}

#[test]
fn every_route_leads_to_a_function_that_the_api_may_call() {
    holds_and_bites(
        api::routes_lead_to_functions,
        &[
            (API, "/Resources/CrmRoute/Properties/RouteKey", json!("$default")),
            (API, "/Resources/CrmRoute/Properties/Target", Value::Null),
            (API, "/Resources/CrmIntegration/Properties/PayloadFormatVersion", json!("1.0")),
            (API, "/Resources/CrmPermission/Type", json!("AWS::Lambda::Url")),
            (API, "/Resources/CrmPermission/Properties/FunctionName", json!({ "Ref": "WebhookIntakeArn" })),
            (API, "/Resources/OtherPermission/Properties/SourceArn", json!({ "Fn::Sub": "arn:…:${Api}/*/*/other" })),
        ],
    );
}

#[test]
fn only_this_api_may_call_its_functions() {
    let place = "/Resources/WebhooksPermission/Properties/SourceArn";
    holds_and_bites(api::permissions_name_their_source, &[(API, place, Value::Null)]);
}

#[test]
fn nothing_but_the_api_is_exposed() {
    let event = json!({ "Type": "HttpApi" });
    holds_and_bites(
        api::nothing_else_is_exposed,
        &[
            (ROOT, "/Resources/CrmApi/Properties", json!({ "FunctionUrlConfig": { "AuthType": "NONE" } })),
            (ROOT, "/Resources/BillingTick/Properties/Events/Tick", event),
        ],
    );
}

#[test]
fn everything_that_can_fail_has_an_alarm() {
    let metric = |alarm: &str| format!("/Resources/{alarm}/Properties/MetricName");
    let gone = || json!("Duration");
    holds_and_bites(
        alarms::everything_that_can_fail_has_an_alarm,
        &[
            (ALARMS, &metric("BillingTickDlqDepth"), gone()),
            (ALARMS, &metric("CollectionsQueueAge"), gone()),
            (ALARMS, &metric("CrmApiErrors"), gone()),
            (ALARMS, &metric("CrmApiThrottles"), gone()),
            (ALARMS, &metric("EventRelayIteratorAge"), gone()),
            (ALARMS, &metric("BillingTickSilence"), gone()),
            (ALARMS, &metric("UnknownPayments"), gone()),
            (ALARMS, &metric("UnknownMails"), gone()),
            (ALARMS, &metric("DeferredWebhooks"), gone()),
            (ALARMS, &metric("UnprovenWebhooks"), gone()),
            (ALARMS, &metric("ApiFailures"), gone()),
            (ROOT, "/Resources/Alarms/Properties/Parameters/CrmApiName", json!({ "Ref": "EventRelay" })),
        ],
    );
}

#[test]
fn alarms_measure_what_they_say() {
    let of = |alarm: &str, property: &str| format!("/Resources/{alarm}/Properties/{property}");
    holds_and_bites(
        alarms::alarms_measure_what_they_say,
        &[
            (ALARMS, &of("CrmApiErrors", "MetricName"), json!("Errorz")),
            (ALARMS, &of("CrmApiErrors", "Namespace"), json!("AWS/SQS")),
            (ALARMS, &of("CrmApiErrors", "Statistic"), json!("Average")),
            (ALARMS, &of("CrmApiErrors", "Dimensions/0/Name"), json!("Function")),
            (ALARMS, &of("CollectionsQueueAge", "Dimensions/0/Name"), json!("FunctionName")),
            (ALARMS, &of("CrmApiErrors", "ComparisonOperator"), json!("LessThanThreshold")),
            (ALARMS, &of("CrmApiErrors", "ComparisonOperator"), Value::Null),
            (ALARMS, &of("BillingTickSilence", "ComparisonOperator"), json!("GreaterThanOrEqualToThreshold")),
            (ALARMS, &of("ReportAggregationDlqDepth", "Threshold"), json!(100)),
            (ALARMS, &of("ReportAggregationDlqDepth", "Threshold"), json!(0)),
            (ALARMS, &of("CollectionsQueueAge", "EvaluationPeriods"), json!(1_000)),
        ],
    );
}

#[test]
fn nested_templates_get_their_parameters() {
    let parameters = "/Resources/Alarms/Properties/Parameters";
    holds_and_bites(
        nesting::nested_templates_get_their_parameters,
        &[
            (ROOT, parameters, json!({})),
            (ROOT, parameters, Value::Null),
            (ROOT, "/Resources/Api/Properties/Location", json!("infra/nowhere.yaml")),
            (ALARMS, "/Parameters", json!({ "Prefix": { "Type": "String" } })),
        ],
    );
}

#[test]
fn parameters_reach_what_they_set() {
    let tick = "/Resources/BillingTick/Properties/Events/Tick/Properties/State";
    holds_and_bites(
        nesting::parameters_reach_what_they_set,
        &[
            (ROOT, "/Resources/Alarms/Properties/Parameters/TopicArn", json!("")),
            (ROOT, "/Resources/Tables/Properties/Parameters/DeletionProtection", json!("false")),
            (ROOT, "/Resources/Api/Properties/Parameters/LogRetentionDays", json!(1)),
            (ROOT, "/Globals/Function/Environment/Variables/LOG_LEVEL", json!("info")),
            (ROOT, "/Globals/Function/Architectures", json!(["x86_64"])),
            (ROOT, tick, json!("DISABLED")),
            (ROOT, "/Parameters/DeletionProtection/Default", json!("false")),
            (ROOT, "/Parameters/TickState", json!(null)),
            (ROOT, "/Parameters", json!({ "Novelty": { "Type": "String" } })),
        ],
    );
}

#[test]
fn alarms_tell_the_topic_and_what_they_mean() {
    let alarm = "/Resources/CrmApiErrors/Properties";
    holds_and_bites(
        alarms::alarms_tell_the_topic,
        &[
            (ALARMS, &format!("{alarm}/AlarmActions"), Value::Null),
            (ALARMS, &format!("{alarm}/OKActions"), Value::Null),
            (ALARMS, &format!("{alarm}/AlarmDescription"), json!("")),
            (ALARMS, &format!("{alarm}/TreatMissingData"), json!("breaching")),
            (ALARMS, "/Resources/BillingTickSilence/Properties/TreatMissingData", json!("notBreaching")),
        ],
    );
}

#[test]
fn templates_hold_no_secrets() {
    holds_and_bites(
        secrets::templates_hold_no_secrets,
        &[
            (ROOT, "/Resources/ProviderApiKeys/Properties/SecretString", json!("{\"stripe/main\": \"sk_live\"}")),
            (ROOT, "/Resources/FirstApiKey/Properties/GenerateSecretString/PasswordLength", json!(8)),
            (ROOT, "/Parameters/SenderAddress", json!({ "Type": "String", "NoEcho": true })),
            (ROOT, "/Resources/EventRelay/Properties/Description", json!("{{resolve:secretsmanager:key}}")),
        ],
    );
}

#[test]
fn functions_get_secrets_by_arn_only() {
    let variables = "/Resources/CrmApi/Properties/Environment/Variables";
    holds_and_bites(
        secrets::functions_get_secrets_by_arn,
        &[
            (ROOT, &format!("{variables}/FIRST_API_KEY_ARN"), json!("arn:aws:secretsmanager:eu-central-1:1:secret:x")),
            (ROOT, &format!("{variables}/FIRST_API_KEY_ARN"), json!({ "Ref": "FirstApiKey" })),
            (ROOT, variables, json!({ "API_KEY": { "Fn::GetAtt": ["FirstApiKey", "Id"] } })),
            (ROOT, variables, json!({ "API_KEY": "sk_live_1" })),
        ],
    );
}

#[test]
fn functions_read_exactly_the_variables_that_the_template_sets() {
    let rule = |stack: &Stack| variables_are_those_read(stack, |name| config_source(&repository(), name));
    let variables = "/Resources/EventRelay/Properties/Environment/Variables";
    let bus = json!({ "Ref": "DomainEventsBus" });
    holds_and_bites(
        rule,
        &[
            (ROOT, variables, json!({})),
            (ROOT, variables, json!({ "EVENT_BUS_NAME": bus, "SPARE": bus })),
            (ROOT, "/Globals/Function/Environment/Variables", json!({})),
        ],
    );
}
