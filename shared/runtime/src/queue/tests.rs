use super::*;
use crate::aws::recorded::{answers, asked};
use serde_json::{Value, json};

const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/reminders";

fn bodies(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("body-{n}")).collect()
}

/// An answer of SQS that took these entries and refused those.
fn sqs(taken: &[usize], refused: &[(usize, bool)]) -> String {
    let taken =
        taken.iter().map(|id| json!({ "Id": id.to_string(), "MessageId": format!("m-{id}"), "MD5OfMessageBody": "" }));
    let refused = refused.iter().map(|(id, is_senders)| {
        let code = if *is_senders { "InvalidMessageContents" } else { "InternalError" };
        json!({ "Id": id.to_string(), "Code": code, "SenderFault": is_senders })
    });
    json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": refused.collect::<Vec<_>>() }).to_string()
}

/// The bodies that one call to SQS carried.
fn carried(request: &str) -> Vec<String> {
    let request: Value = serde_json::from_str(request).unwrap();
    let entries = request["Entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()).collect()
}

async fn send(answered: &[(u16, &str)], count: usize) -> (Result<(), QueueError>, Vec<Vec<String>>) {
    let (aws, client) = answers(answered);
    let queue = AwsQueue::to_queues(aws.sqs(), [(Destination::Reminders, URL.to_owned())]);
    let result = queue.send(Destination::Reminders, bodies(count)).await;
    let calls = asked(&client).iter().map(|request| carried(request)).collect();
    (result, calls)
}

#[tokio::test]
async fn many_messages_travel_in_tens_and_in_order() {
    let ten = sqs(&(0..10).collect::<Vec<_>>(), &[]);
    let (result, calls) = send(&[(200, &ten), (200, &ten), (200, &sqs(&[0, 1], &[]))], 22).await;
    result.unwrap();
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 2]);
    assert_eq!(calls.concat(), bodies(22));
}

#[tokio::test(start_paused = true)]
async fn only_what_was_refused_is_handed_over_again() {
    let (result, calls) = send(&[(200, &sqs(&[0, 2], &[(1, false), (3, false)])), (200, &sqs(&[0, 1], &[]))], 4).await;
    result.unwrap();
    assert_eq!(calls, [vec!["body-0", "body-1", "body-2", "body-3"], vec!["body-1", "body-3"]]);
}

#[tokio::test(start_paused = true)]
async fn a_success_that_took_nothing_is_an_error() {
    let nothing = sqs(&[], &[(0, false)]);
    let (result, calls) = send(&[(200, &nothing), (200, &nothing), (200, &nothing)], 1).await;
    let error = result.unwrap_err();
    assert_eq!((error.sent, error.refused, error.reason.as_str(), calls.len()), (1, 1, "InternalError", 3));
}

#[tokio::test]
async fn what_the_service_will_never_take_is_not_repeated() {
    let (result, calls) = send(&[(200, &sqs(&[1], &[(0, true)]))], 2).await;
    assert_eq!(result.unwrap_err().reason, "InvalidMessageContents");
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn an_answer_that_forgets_a_message_is_an_error() {
    let (result, _) = send(&[(200, &sqs(&[0], &[]))], 2).await;
    assert!(result.unwrap_err().reason.contains("every message"));
}

#[tokio::test]
async fn a_broken_call_says_how_much_is_open() {
    let ten = sqs(&(0..10).collect::<Vec<_>>(), &[]);
    let (result, _) = send(&[(200, &ten), (500, "{}")], 25).await;
    let error = result.unwrap_err();
    assert_eq!((error.sent, error.refused), (25, 15));
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_queue_the_function_does_not_have_is_an_error() {
    let (aws, _) = answers(&[]);
    let queue = AwsQueue::to_queues(aws.sqs(), [(Destination::Reminders, URL.to_owned())]);
    for to in [Destination::Collections, Destination::DomainEvents] {
        assert!(queue.send(to, bodies(1)).await.unwrap_err().reason.contains("this function has no"));
    }
    queue.send(Destination::Reminders, Vec::new()).await.unwrap();
}

#[test]
fn a_call_is_bounded_in_bytes_too() {
    let sizes = |bodies: Vec<usize>| {
        let calls = calls(bodies.into_iter().map(|size| "x".repeat(size)).collect());
        calls.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(sizes(vec![100_000, 100_000, 100_000]), [2, 1]);
    assert_eq!(sizes(vec![10, 1_000_000, 10]), [1, 1, 1]);
    assert_eq!(sizes(vec![BYTES_PER_CALL - BYTES_PER_ENVELOPE, 0]), [1, 1]);
    assert_eq!(sizes(Vec::new()), [0; 0]);
}

fn event(id: &str) -> String {
    json!({ "v": 1, "id": id, "kind": "invoice.finalised", "at": "2026-01-01T00:00:00Z", "data": { "number": "R-1" } })
        .to_string()
}

async fn put(answered: &[(u16, &str)], events: Vec<String>) -> (Result<(), QueueError>, Vec<Value>) {
    let (aws, client) = answers(answered);
    let result = AwsQueue::to_bus(aws.eventbridge(), "saldo".to_owned()).send(Destination::DomainEvents, events).await;
    (result, asked(&client).iter().map(|request| serde_json::from_str(request).unwrap()).collect())
}

#[tokio::test]
async fn a_domain_event_is_an_event_of_its_kind_on_the_bus() {
    let (result, calls) =
        put(&[(200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#)], vec![event("e1")]).await;
    result.unwrap();
    let expected = json!({ "Entries": [{
        "Time": 1_767_225_600, "Source": "saldo", "DetailType": "invoice.finalised", "Detail": event("e1"), "EventBusName": "saldo",
    }]});
    assert_eq!(calls, [expected]);
}

#[tokio::test(start_paused = true)]
async fn an_event_refused_by_a_successful_call_is_put_again() {
    let half = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException"}]}"#;
    let rest = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"2"}]}"#;
    let (result, calls) = put(&[(200, half), (200, rest)], vec![event("e1"), event("e2")]).await;
    result.unwrap();
    assert_eq!(calls[1]["Entries"][0]["Detail"], event("e2"));
    assert_eq!(calls[1]["Entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_domain_event_never_reaches_the_bus() {
    let (result, calls) = put(&[], vec!["{}".to_owned()]).await;
    assert!(result.unwrap_err().reason.contains("no domain event"));
    assert!(calls.is_empty());
}
