//! What the DynamoDB adapter makes of answers that are lost, late or refusals: a scripted connection in place of the
//! network, and time that passes only by waiting.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use saldo_store::dynamodb::{DynamoStore, TableNames};
use saldo_store::{
    AttributeValue, CommitError, Committed, Condition, Consistency, Item, Key, Query, Store, StoreError, Table,
    Transaction, TransactionError, deadline,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What the connection does with one request.
#[derive(Debug, Clone)]
enum Step {
    /// The engine answers.
    Answer(u16, Value),
    /// The connection breaks before the answer.
    Lost,
    /// There is nobody to connect to.
    Refused,
    /// No answer ever comes.
    Hang,
}

/// An error answer of the engine.
fn error(status: u16, code: &str) -> Step {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Step::Answer(status, json!({ "__type": kind, "message": "as scripted" }))
}

fn done() -> Step {
    Step::Answer(200, json!({}))
}

/// A cancelled transaction with these reasons.
fn cancelled(codes: &[&str]) -> Step {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code, "Item": old(code) })).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Step::Answer(400, json!({ "__type": kind, "Message": "cancelled", "CancellationReasons": reasons }))
}

fn old(code: &str) -> Value {
    if code == "ConditionalCheckFailed" { json!({ "pk": { "S": "P" }, "sk": { "S": "old" } }) } else { Value::Null }
}

/// A connection that follows a script, its last step for ever, and notes what it was sent.
#[derive(Debug, Clone)]
struct Script {
    steps: Arc<Mutex<Vec<Step>>>,
    sent: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap().rsplit('.').next().unwrap().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.sent.lock().unwrap().push((target, body));
        let mut steps = self.steps.lock().unwrap();
        let step = if steps.len() > 1 { steps.remove(0) } else { steps[0].clone() };
        let broken = |kind| Err(ConnectorError::io(Box::new(io::Error::from(kind))));
        match step {
            Step::Answer(status, body) => {
                let body = SdkBody::from(body.to_string());
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
            }
            Step::Lost => HttpConnectorFuture::ready(broken(io::ErrorKind::ConnectionReset)),
            Step::Refused => HttpConnectorFuture::ready(broken(io::ErrorKind::ConnectionRefused)),
            Step::Hang => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> (Self, DynamoStore) {
        let steps = Arc::new(Mutex::new(steps.into_iter().collect()));
        let script = Self { steps, sent: Arc::default() };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "script"))
            .http_client(script.clone());
        let tables = TableNames::default().with(Table::Billing, "billing-table");
        (script, DynamoStore::new(&Client::from_conf(config.build()), tables))
    }

    fn sent(&self) -> Vec<(String, Value)> {
        self.sent.lock().unwrap().clone()
    }
}

fn item(sk: &str) -> Item {
    let attributes = [("pk", "P"), ("sk", sk)];
    attributes
        .map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())))
        .into_iter()
        .collect::<HashMap<_, _>>()
        .into()
}

/// Two writes, of which the first would refuse a second application.
fn guarded() -> Transaction {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("1"), Condition::Absent).unwrap();
    transaction.add(Table::Billing, Key::new("P", "2"), BTreeMap::new(), Item::default()).unwrap();
    transaction
}

/// Two writes that would act a second time.
fn unguarded() -> Transaction {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("1"), Condition::Always).unwrap();
    transaction.add(Table::Billing, Key::new("P", "2"), BTreeMap::new(), Item::default()).unwrap();
    transaction
}

fn single(condition: Condition) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("1"), condition).unwrap();
    transaction
}

/// Commits on a scripted connection within two seconds; says the result and what was sent.
async fn commit(
    transaction: Transaction,
    steps: impl IntoIterator<Item = Step>,
) -> (Result<Committed, CommitError>, Vec<(String, Value)>) {
    let (script, store) = Script::new(steps);
    let end = Instant::now().checked_add(Duration::from_secs(2)).unwrap();
    let result = deadline::scope(end, store.commit(transaction)).await;
    assert!(Instant::now() <= end, "went on after the deadline");
    (result, script.sent())
}

fn unknown(result: &Result<Committed, CommitError>) -> bool {
    matches!(result, Err(CommitError::Store(StoreError::Unknown { .. })))
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_answer_was_lost_is_sent_again_under_the_same_token() {
    for lost in [Step::Lost, error(500, "InternalServerError"), Step::Answer(200, json!("no answer"))] {
        let (result, sent) = commit(guarded(), [lost, error(400, "TransactionInProgressException"), done()]).await;
        result.unwrap();
        let tokens: Vec<&Value> = sent.iter().map(|(_, body)| &body["ClientRequestToken"]).collect();
        assert_eq!(tokens.len(), 3);
        assert!(tokens[0].as_str().is_some_and(|token| token.len() == 32));
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }
    let (_, one) = commit(guarded(), [done()]).await;
    let (_, other) = commit(guarded(), [done()]).await;
    assert_ne!(one[0].1["ClientRequestToken"], other[0].1["ClientRequestToken"]);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_fails_after_a_lost_answer_is_an_unknown_outcome() {
    let (result, sent) = commit(guarded(), [Step::Lost, cancelled(&["ConditionalCheckFailed", "None"])]).await;
    assert!(unknown(&result) && sent.len() == 2, "{result:?}");
    let failed = error(400, "ConditionalCheckFailedException");
    for condition in [Condition::Absent, Condition::Version(4)] {
        let (result, sent) = commit(single(condition), [Step::Lost, failed.clone()]).await;
        assert!(unknown(&result) && sent.len() == 2, "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_act_twice_is_never_sent_twice() {
    // The item carries no version, so `Version(0)` would hold again after the first application.
    let weak = [Condition::Always, Condition::Present, Condition::Version(0)].map(single);
    for transaction in weak.into_iter().chain([unguarded()]) {
        for lost in [Step::Lost, Step::Hang, error(500, "InternalServerError")] {
            let (result, sent) = commit(transaction.clone(), [lost, done()]).await;
            assert!(unknown(&result), "{result:?}");
            assert_eq!(sent.len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_after_a_lost_answer_leaves_the_outcome_unknown() {
    let (result, _) = commit(guarded(), [Step::Lost, error(400, "ThrottlingException")]).await;
    assert!(unknown(&result), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_ends_at_the_deadline() {
    let (result, sent) = commit(guarded(), [Step::Hang]).await;
    assert!(unknown(&result) && sent.len() == 1, "{result:?}");
    let (_, store) = Script::new([Step::Hang]);
    let start = Instant::now();
    let read = store.get(Table::Billing, &Key::new("P", "1"), Consistency::Strong).await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(start.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_or_reported_as_not_done() {
    let throttles = ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];
    for code in throttles {
        for transaction in [unguarded(), single(Condition::Always)] {
            let (result, sent) = commit(transaction.clone(), [error(400, code), error(400, code), done()]).await;
            assert!(result.is_ok() && sent.len() == 3, "{result:?}");
            let (result, sent) = commit(transaction, [error(400, code)]).await;
            assert!(matches!(result, Err(CommitError::Store(StoreError::Throttled { .. }))), "{result:?}");
            assert!(sent.len() > 3);
        }
    }
    let (result, sent) = commit(unguarded(), [cancelled(&["SomethingNew", "None"]), done()]).await;
    assert!(result.is_ok() && sent.len() == 2, "what was cancelled was not done: {result:?}");
    let (result, _) = commit(unguarded(), [cancelled(&["None", "ThrottlingError"])]).await;
    assert!(matches!(result, Err(CommitError::Store(StoreError::Throttled { .. }))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_transaction_is_waited_out_or_is_contention() {
    let held = || cancelled(&["TransactionConflict", "None"]);
    let (result, sent) = commit(unguarded(), [held(), held(), done()]).await;
    assert!(result.is_ok() && sent.len() == 3, "{result:?}");
    let (result, sent) = commit(unguarded(), [held()]).await;
    assert!(matches!(result, Err(CommitError::Contention { .. })) && sent.len() > 3, "{result:?}");
    let (result, sent) = commit(single(Condition::Always), [error(400, "TransactionConflictException"), done()]).await;
    assert!(result.is_ok() && sent.len() == 2, "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_condition_outweighs_other_reasons_and_keeps_its_place() {
    let (result, sent) = commit(guarded(), [cancelled(&["TransactionConflict", "ConditionalCheckFailed"])]).await;
    assert_eq!(sent.len(), 1);
    let error = result.unwrap_err();
    let failed = error.failed(1).unwrap();
    assert_eq!(failed.key, Key::new("P", "2"));
    assert_eq!(failed.existing, Some(item("old")));
    assert!(error.failed(0).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again() {
    for refusal in [error(400, "ValidationException"), cancelled(&["TransactionConflict", "ValidationError"])] {
        let (result, sent) = commit(guarded(), [refusal, done()]).await;
        assert!(matches!(result, Err(CommitError::Store(StoreError::Rejected { .. }))), "{result:?}");
        assert_eq!(sent.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_door_is_reported_at_once_and_is_no_fault_of_the_work() {
    for code in ["AccessDeniedException", "ResourceNotFoundException", "ExpiredTokenException", "SomethingNewException"]
    {
        let (result, sent) = commit(unguarded(), [error(400, code), done()]).await;
        assert!(matches!(result, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{result:?}");
        assert_eq!(sent.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_refused_has_done_nothing() {
    let (result, sent) = commit(unguarded(), [Step::Refused, Step::Refused, done()]).await;
    assert!(result.is_ok() && sent.len() == 3, "{result:?}");
    let (result, _) = commit(unguarded(), [Step::Refused]).await;
    assert!(matches!(result, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn one_write_alone_is_no_transaction() {
    let one = |add: &dyn Fn(&mut Transaction) -> Result<usize, TransactionError>| {
        let mut transaction = Transaction::new();
        add(&mut transaction).unwrap();
        transaction
    };
    let key = || Key::new("P", "1");
    let put = one(&|t| t.put(Table::Billing, item("1"), Condition::Absent));
    let add = one(&|t| t.add(Table::Billing, key(), BTreeMap::new(), Item::default()));
    let delete = one(&|t| t.delete(Table::Billing, key(), Condition::Present));
    let check = one(&|t| t.check(Table::Billing, key(), Condition::Present));
    for (transaction, operation) in
        [(put, "PutItem"), (add, "UpdateItem"), (delete, "DeleteItem"), (check, "TransactWriteItems")]
    {
        let (_, sent) = commit(transaction, [done()]).await;
        assert_eq!(sent[0].0, operation);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_go_on_through_faults() {
    let found = json!({ "Item": { "pk": { "S": "P" }, "sk": { "S": "1" } } });
    let steps = [Step::Lost, Step::Refused, error(500, "InternalServerError"), error(400, "ThrottlingException")];
    let (script, store) = Script::new(steps.into_iter().chain([Step::Answer(200, found)]));
    let read = store.get(Table::Billing, &Key::new("P", "1"), Consistency::Eventual).await;
    assert_eq!(read.unwrap(), Some(item("1")));
    assert_eq!(script.sent().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn keys_left_unprocessed_are_asked_for_again() {
    let key = |sk: &str| json!({ "pk": { "S": "P" }, "sk": { "S": sk } });
    let part = json!({
        "Responses": { "billing-table": [key("2")] },
        "UnprocessedKeys": { "billing-table": { "Keys": [key("1")], "ConsistentRead": true } },
    });
    let rest = json!({ "Responses": { "billing-table": [key("1")] } });
    let (script, store) = Script::new([Step::Answer(200, part.clone()), Step::Answer(200, rest)]);
    let keys = [Key::new("P", "1"), Key::new("P", "2")];
    assert_eq!(store.get_many(Table::Billing, &keys).await.unwrap(), [item("1"), item("2")]);
    assert_eq!(script.sent()[1].1["RequestItems"]["billing-table"]["Keys"], json!([key("1")]));
    let (_, store) = Script::new([Step::Answer(200, part)]);
    let never = store.get_many(Table::Billing, &keys).await;
    assert!(matches!(never, Err(StoreError::Throttled { .. })), "{never:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_the_engine_cut_short_goes_on() {
    let key = json!({ "pk": { "S": "P" }, "sk": { "S": "1" } });
    let (script, store) = Script::new([Step::Answer(200, json!({ "Items": [key], "LastEvaluatedKey": key }))]);
    let query = Query::table(Table::Billing, "P").limit(10);
    let page = store.query(query.clone()).await.unwrap();
    assert_eq!(page.items, [item("1")]);
    store.query(query.after(page.next)).await.unwrap();
    assert_eq!(script.sent()[1].1["ExclusiveStartKey"], key);
    assert_eq!(script.sent()[1].1["Limit"], 11, "one more than wanted tells whether there is a next page");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_the_function_does_not_know_is_named() {
    let (script, store) = Script::new([done()]);
    let refused = store.get(Table::Inbox, &Key::new("P", "1"), Consistency::Strong).await.unwrap_err();
    assert_eq!(refused.to_string(), "a request on the inbox table was refused");
    assert!(script.sent().is_empty());
}
