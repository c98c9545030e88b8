//! Sending a mail twice: redelivery, crashes, refusals, lost answers, deliveries at the same time.

use saldo_billing::dunning::ReminderStep;
use saldo_billing::mail::{MailState, Purpose};
use saldo_store::memory::Fate;

use crate::world::{World, sample};

const ISSUED: &str = include_str!("../../../events/reminder-emails/send-issued.json");
const REMIND: &str = include_str!("../../../events/reminder-emails/remind.json");
const NEIGHBOURS: &str = include_str!("../../../events/reminder-emails/poison-neighbours.json");

const FIRST: Purpose = Purpose::Reminder(ReminderStep::from_days(1));

#[tokio::test]
async fn a_redelivered_message_sends_nothing_more() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.handle(sample(ISSUED)).await, [""; 0]);
        assert_eq!(world.handle(sample(REMIND)).await, [""; 0]);
    }
    assert_eq!(
        world.subjects(),
        ["Invoice NW-000001 from Nordwind GmbH", "Reminder: invoice NW-000001 was due on 15 October 2026"]
    );
    let record = world.record(Purpose::Issued).await.unwrap();
    assert_eq!(record.state, MailState::Sent { message_id: "memory-1".to_owned() });
}

#[tokio::test]
async fn two_deliveries_at_once_send_one_mail() {
    let world = World::new().await;
    let (one, other) = (world.send(Purpose::Issued, 1), world.send(Purpose::Issued, 1));
    assert_eq!(tokio::join!(one, other), (true, true));
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn after_a_crash_before_the_mailer_the_mail_is_missing_and_not_doubled() {
    let world = World::new().await;
    world.store.script([Fate::IsNeverHeardOf]);
    assert!(!world.send(Purpose::Issued, 1).await, "it comes again");
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.mailer.sent().len(), 0);
    assert_eq!(world.record(Purpose::Issued).await.unwrap().state, MailState::Planned);
}

#[tokio::test]
async fn after_a_crash_behind_the_mailer_the_mail_is_not_sent_again() {
    let world = World::new().await;
    world.store.script([Fate::Succeeds, Fate::IsNeverHeardOf]);
    assert!(!world.send(Purpose::Issued, 1).await, "it comes again");
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_mail_that_was_refused_is_sent_when_the_message_comes_again() {
    let world = World::new().await;
    world.mailer.refuse_next(true);
    assert!(!world.send(Purpose::Issued, 1).await);
    let MailState::NotSent { reason } = world.record(Purpose::Issued).await.unwrap().state else {
        panic!("not refused")
    };
    assert!(reason.contains("told to refuse") && !reason.contains("zoe@"), "{reason}");
    assert!(world.send(Purpose::Issued, 1).await);
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_reminder_that_was_refused_is_sent_when_the_message_comes_again() {
    let world = World::with_invoice_sent().await;
    world.mailer.refuse_next(true);
    assert!(!world.remind(16).await);
    assert!(world.remind(16).await, "the ladder has moved on, the message still brings it");
    assert!(world.remind(16).await);
    assert_eq!(world.mailer.sent().len(), 2);
    assert!(matches!(world.record(FIRST).await.unwrap().state, MailState::Sent { .. }));
}

#[tokio::test]
async fn a_reminder_that_was_refused_is_not_sent_when_its_reason_is_gone() {
    let world = World::with_invoice_sent().await;
    world.mailer.refuse_next(true);
    assert!(!world.remind(16).await);
    world.pay(10_000, 16).await;
    assert!(world.remind(16).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn when_the_answer_is_lost_the_mail_is_not_sent_again() {
    let world = World::new().await;
    world.mailer.lose_next_answer();
    assert!(world.send(Purpose::Issued, 1).await, "the message is done: repeating it could only do harm");
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!((world.mailer.sent().len(), world.mailing.metrics.counted("UnknownMails")), (1, 1));
    assert_eq!(world.record(Purpose::Issued).await.unwrap().state, MailState::Planned);
}

#[tokio::test]
async fn what_the_mailer_refuses_for_good_ends_among_the_dead_letters() {
    let world = World::new().await;
    world.mailer.refuse_next(false);
    assert!(!world.send(Purpose::Issued, 1).await);
    assert!(matches!(world.record(Purpose::Issued).await.unwrap().state, MailState::NotSent { .. }));
}

#[tokio::test]
async fn bad_neighbours_do_not_stop_a_mail() {
    let world = World::new().await;
    let failed = world.handle(sample(NEIGHBOURS)).await;
    assert_eq!(
        failed,
        [
            "8f0d2c4a-7a51-4b8e-9a35-0c5e2b0f6a11",
            "c7d1a0be-52d4-4b0c-8a64-5f1f3f6c2a93",
            "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
        ]
    );
    assert_eq!(world.mailer.sent().len(), 1);
}
