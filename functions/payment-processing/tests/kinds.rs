//! Every kind of event that Stripe posts, in the message in which the queue hands it over.

use std::collections::BTreeMap;
use std::path::Path;

use saldo_messages::ProviderEventsMessage;
use saldo_store::inbox::InboxStatus;
use serde_json::Value;

use crate::world::{World, sample};

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn every_kind_is_kept_and_is_taken_or_waits_for_what_it_is_about() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut became: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(events.join("providers/stripe")).unwrap() {
        let posted = entry.unwrap().path();
        let name = posted.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(kind) = name.strip_suffix(".json") else { continue };
        let text = std::fs::read_to_string(events.join("payment-processing/stripe").join(&name)).expect(kind);
        let posted = json(&posted);
        let body = sample(&text).records[0].body.clone().unwrap();
        let ProviderEventsMessage::Take { event, .. } = saldo_messages::decode(&body).unwrap() else {
            panic!("{kind}")
        };
        assert_eq!(serde_json::from_str::<Value>(&event.body).unwrap(), posted, "{kind}");

        let world = World::empty().await;
        assert!(world.take(&text).await, "{kind}");
        let status = world.status(posted["id"].as_str().unwrap()).await.unwrap();
        became.entry(format!("{status:?}")).or_default().push(kind.to_owned());
    }
    let of = |status: InboxStatus| became.get(&format!("{status:?}")).cloned().unwrap_or_default();
    assert_eq!(of(InboxStatus::GivenUp), Vec::<String>::new());
    assert!(
        of(InboxStatus::Ignored).iter().all(|kind| kind.starts_with("payout.") || kind == "setup_intent.setup_failed")
    );
    let waiting = of(InboxStatus::Parked);
    assert!(waiting.iter().any(|kind| kind == "payment_intent.canceled") && waiting.len() > 15, "{waiting:?}");
    assert!(of(InboxStatus::Applied).iter().any(|kind| kind == "charge.succeeded.not_ours"), "{became:?}");
}
