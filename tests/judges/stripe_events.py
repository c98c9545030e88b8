"""Records one event of each kind that Saldo reads, as the provider twin tells it.

    python stripe_events.py PATH/TO/provider-twin EVENTS_FOLDER MESSAGES_FOLDER

The first folder gets the events as the provider posts them, the second the messages in which payment-processing finds them. The same twin, seed and clock give the same files, to the byte. `stripe_objects.py` judges them by the official package.
Kinds that need a manual capture, which Saldo never asks for, are made from a recorded one by changing what Stripe changes.
"""

import copy
import datetime
import hashlib
import json
import pathlib
import sys
import uuid

import stripe

from twin import API_KEY, Twin

INVOICE = "inv_3r8v9x2k5m7n0p4q6s1t8w2y3z"
CUSTOMER = "cus_1h4j7k0m3n6p9q2r5s8t1v4w7x"
REFUND = "ref_5c8d1e4f7g0h3j6k9m2n5p8q1r"
SEEN = {}


def metadata(**more):
    return {"saldo_invoice": INVOICE, **more}


def pay(customer, token, amount=2379, currency="eur", attempt=1, **more):
    more = {"confirm": True, "off_session": True, **more}
    try:
        return stripe.PaymentIntent.create(
            amount=amount, currency=currency, customer=customer, payment_method=token, description="RE-2026-0007",
            metadata=metadata(saldo_attempt=str(attempt)), idempotency_key=f"{INVOICE}/attempt-{attempt}-{token}-{currency}", **more)
    except stripe.CardError as error:
        return error.error.payment_intent


def open_page(customer):
    return stripe.checkout.Session.create(
        mode="payment", customer=customer, success_url="https://saldo.example/paid", cancel_url="https://saldo.example/later",
        client_reference_id=INVOICE, locale="de", adaptive_pricing={"enabled": False},
        metadata=metadata(saldo_customer=CUSTOMER),
        line_items=[{"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 2379, "product_data": {"name": "RE-2026-0007"}}}],
        payment_intent_data={"metadata": metadata(), "setup_future_usage": "off_session", "description": "RE-2026-0007"}).id


def live(twin, at):
    """A few days of a small business; after each step the clock moves on, so that times differ as in life."""

    def later(seconds=7):
        twin.admin("POST", "clock", {"advance_seconds": seconds})

    twin.admin("POST", "clock", {"now": at})
    customer = stripe.Customer.create(email="zoe@example.com", name="Zoë Müller").id
    method = stripe.PaymentMethod.attach("pm_card_visa", customer=customer).id
    later()
    stripe.SetupIntent.create(customer=customer, payment_method="pm_card_mastercard", confirm=True,
                              metadata={"saldo_customer": CUSTOMER})
    try:
        stripe.SetupIntent.create(customer=customer, payment_method="pm_card_chargeDeclined", confirm=True,
                                  metadata={"saldo_customer": CUSTOMER})
    except stripe.CardError:
        pass
    later()
    first = pay(customer, method)
    later(86_400)
    stripe.Refund.create(payment_intent=first.id, amount=379, metadata={"saldo_refund": REFUND})
    later()
    pay(customer, "pm_card_visa_chargeDeclinedInsufficientFunds", attempt=2)
    later()
    pay(customer, "pm_card_authenticationRequired", attempt=3, off_session=False)
    later()
    waiting = stripe.PaymentIntent.create(amount=2379, currency="eur", customer=customer, metadata=metadata())
    stripe.PaymentIntent.cancel(waiting.id, cancellation_reason="abandoned")
    later()
    debit = pay(customer, "pm_sepa_debit", amount=11900, attempt=4)
    later(3 * 86_400)
    twin.admin("POST", f"payment_intents/{debit.id}/settle", {})
    back = stripe.Refund.create(payment_intent=debit.id, amount=11900)
    later(86_400)
    twin.admin("POST", f"refunds/{back.id}/finish", {"failure_reason": "declined"})
    disputed = pay(customer, method, amount=9900, attempt=5)
    later(86_400)
    dispute = twin.admin("POST", "disputes", {"payment_intent": disputed.id, "reason": "product_not_received"})
    later(86_400)
    twin.admin("POST", f"disputes/{dispute['id']}/close", {"won": True})
    for token, ending in [("pm_sepa_debit", {}), ("pm_sepa_debit", {"decline_code": "insufficient_funds"})]:
        session = open_page(customer)
        intent = twin.admin("POST", f"sessions/{session}/pay", {"payment_method": token})["payment_intent"]
        later(86_400)
        twin.admin("POST", f"payment_intents/{intent}/settle", ending)
    twin.admin("POST", f"sessions/{open_page(customer)}/pay", {"payment_method": "pm_card_visa"})
    stripe.checkout.Session.expire(open_page(customer))
    later()
    stripe.PaymentMethod.modify(method, metadata={"saldo_customer": CUSTOMER})
    twin.admin("POST", f"payment_methods/{method}", {"exp_year": 2034, "exp_month": 2})
    stripe.PaymentMethod.detach(method)
    for ending in [{}, {"failure_code": "account_closed"}]:
        pay(customer, "pm_card_visa", amount=5000, attempt=6 + len(ending))
        payout = twin.admin("POST", "payouts", {"currency": "eur"})
        later(86_400)
        twin.admin("POST", f"payouts/{payout['id']}/finish", ending)
    pay(customer, "pm_card_visa", amount=500, currency="jpy", attempt=8)
    pay(customer, "pm_card_visa", amount=5120, currency="kwd", attempt=9)
    lost = pay(customer, "pm_card_visa", amount=4200, attempt=10)
    dispute = twin.admin("POST", "disputes", {"payment_intent": lost.id})
    later(86_400)
    twin.admin("POST", f"disputes/{dispute['id']}/close", {"won": False})
    pay(customer, "pm_card_visa_chargeDeclinedLostCard", attempt=11)
    asked = pay(customer, "pm_card_visa", amount=1900, attempt=12)
    inquiry = twin.admin("POST", "disputes", {"payment_intent": asked.id, "inquiry": True, "reason": "unrecognized"})
    later(86_400)
    twin.admin("POST", f"disputes/{inquiry['id']}/close", {})
    stripe.PaymentIntent.create(amount=700, currency="eur", payment_method="pm_card_visa", confirm=True)


def name_of(event):
    """The kind, and what tells this event from another of the kind."""
    item, kind = event["data"]["object"], event["type"]
    if kind in ("payment_intent.succeeded", "charge.succeeded") and item["currency"] != "eur":
        return f"{kind}.{item['currency']}"
    if kind == "charge.dispute.closed" and item["status"] != "won":
        return f"{kind}.{item['status']}"
    if kind == "checkout.session.completed" and item["payment_status"] == "unpaid":
        return f"{kind}.unpaid"
    if kind in ("payment_intent.payment_failed", "charge.failed") and "lost_card" in json.dumps(item):
        return f"{kind}.lost_card"
    if kind in ("payment_intent.succeeded", "charge.succeeded") and not item["metadata"]:
        return f"{kind}.not_ours"
    return kind


def changed(event, kind, **fields):
    made = copy.deepcopy(event)
    made["type"] = kind
    made["id"] = event["id"][:-4] + kind.replace(".", "")[-4:]
    made["data"]["object"].update(fields)
    return made


def message_of(event):
    """What Lambda hands payment-processing after webhook-intake has taken the event, a second after it was made."""
    at = datetime.datetime.fromtimestamp(event["created"] + 1, datetime.timezone.utc)
    signature = f"t={event['created'] + 1},v1={hashlib.sha256(event['id'].encode()).hexdigest()}"
    body = json.dumps({"do": "take", "v": 1, "event": {
        "account": "stripe/main", "event_id": event["id"], "kind": event["type"],
        "received_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "headers": {"stripe-signature": signature},
        "body": json.dumps(event, indent=2, ensure_ascii=False)}}, ensure_ascii=False, separators=(",", ":"))
    millis = (event["created"] + 1) * 1000
    return {"Records": [{
        "messageId": str(uuid.uuid5(uuid.NAMESPACE_URL, event["id"])), "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1", "SentTimestamp": str(millis), "SenderId": "AROAEXAMPLEROLEID00:saldo-webhook-intake",
            "ApproximateFirstReceiveTimestamp": str(millis + 9)},
        "messageAttributes": {}, "md5OfBody": hashlib.md5(body.encode()).hexdigest(), "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:saldo-provider-events", "awsRegion": "eu-central-1"}]}


def write(folder, name, content):
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    pathlib.Path(folder, f"{name}.json").write_text(text, encoding="utf-8")


def main(binary, target, messages):
    with Twin(binary, "--seed", "20261031") as twin:
        stripe.api_key, stripe.api_base, stripe.max_network_retries = API_KEY, twin.base, 0
        live(twin, "2026-10-31T08:00:00Z")
        events = [event.to_dict() for event in stripe.Event.list(limit=100).auto_paging_iter()]
    drawn = {}
    for event in reversed(events):
        # The client draws the keys that it is not given; here they follow from their place.
        key = event["request"]["idempotency_key"]
        if key and not key.startswith(INVOICE):
            event["request"]["idempotency_key"] = drawn.setdefault(key, str(uuid.UUID(int=len(drawn) + 1, version=4)))
        SEEN.setdefault(name_of(event), event)
    intent, charge = SEEN["payment_intent.succeeded"], SEEN["charge.succeeded"]
    SEEN["payment_intent.amount_capturable_updated"] = changed(
        intent, "payment_intent.amount_capturable_updated", status="requires_capture", capture_method="manual",
        amount_capturable=2379, amount_received=0)
    SEEN["charge.captured"] = changed(charge, "charge.captured")
    SEEN["charge.updated"] = changed(charge, "charge.updated", description="RE-2026-0007, paid")
    payout = SEEN["payout.created"]
    SEEN["payout.canceled"] = made = changed(
        payout, "payout.canceled", status="canceled", reconciliation_status="not_applicable",
        failure_balance_transaction="txn_C4nceledP4youtMadeFromCr")
    made["created"] += 3600
    SEEN["payout.updated"] = made = changed(payout, "payout.updated", status="in_transit")
    made["created"] += 86400
    made["data"]["previous_attributes"] = {"status": "pending"}
    for folder in (target, messages):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for file in pathlib.Path(folder).glob("*.json"):
            file.unlink()
    for name, event in sorted(SEEN.items()):
        if not name.startswith("customer.") and name != "setup_intent.created":
            write(target, name, event)
            write(messages, name, message_of(event))
    print(f"stripe_events: {len(SEEN)} kinds recorded")


if __name__ == "__main__":
    main(*sys.argv[1:])
