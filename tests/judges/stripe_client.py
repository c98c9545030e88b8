"""Judge: the official Stripe client drives the provider twin over every call that Saldo and its tests use.

    python stripe_client.py PATH/TO/provider-twin

Ends with 0 when the client finds nothing to object to.
"""

import http.server
import sys
import threading
import time

import stripe

from twin import API_KEY, Twin

SECRET = "whsec_judge"
received = []


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Takes deliveries, and lets the official verifier judge each; refuses the first of all, to see it come again."""

    refused = False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], SECRET)
        status = 200 if Endpoint.refused else 503
        Endpoint.refused = True
        if status == 200:
            received.append(event)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not as Stripe does it: {what}")


def raises(kind, call, what, **wanted):
    try:
        call()
    except kind as error:
        for name, value in wanted.items():
            expect(getattr(error, name) == value, f"{what}: {name} is {getattr(error, name)!r}, not {value!r}")
        return error
    raise SystemExit(f"not as Stripe does it: {what} raises nothing")


def pay(customer, method, amount=2379, key=None, **more):
    return stripe.PaymentIntent.create(
        amount=amount, currency="eur", customer=customer, payment_method=method, confirm=True, off_session=True,
        metadata={"saldo_invoice": "inv_1", "saldo_attempt": "1"}, idempotency_key=key, **more)


def charges(twin):
    customer = stripe.Customer.create(email="zoe@example.com", name="Zoë 名前", metadata={"crm": "42"})
    expect(stripe.Customer.retrieve(customer.id).name == "Zoë 名前", "a name survives")
    expect(stripe.Customer.modify(customer.id, metadata={"crm": ""}).metadata.to_dict() == {}, "an empty value removes metadata")
    method = stripe.PaymentMethod.attach("pm_card_visa", customer=customer.id)
    expect(method.card.last4 == "4242" and method.customer == customer.id, "a test card is attached")
    expect([m.id for m in stripe.PaymentMethod.list(customer=customer.id)] == [method.id], "methods are listed")

    first = pay(customer.id, method.id, key="attempt-1", expand=["latest_charge"])
    expect(first.status == "succeeded" and first.latest_charge.captured, "an off-session charge succeeds")
    again = pay(customer.id, method.id, key="attempt-1", expand=["latest_charge"])
    expect(again.id == first.id, "a repeated key answers the same")
    expect(again.last_response.headers.get("Idempotent-Replayed") == "true", "and says so")
    raises(stripe.IdempotencyError, lambda: pay(customer.id, method.id, amount=9999, key="attempt-1"), "another amount",
           http_status=400)
    expect(stripe.PaymentIntent.retrieve(first.id).amount_received == 2379, "the intent is kept")
    expect(stripe.Charge.retrieve(first.latest_charge.id).payment_intent == first.id, "so is the charge")

    for token, code, decline in [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ]:
        error = raises(stripe.CardError, lambda: pay(customer.id, token, key=token), token, code=code, http_status=402)
        expect(error.error.decline_code == decline or decline is None, f"{token}: {error.error.decline_code}")
        expect(error.error.payment_intent.status == "requires_payment_method", "the error carries its intent")
        raises(stripe.CardError, lambda: pay(customer.id, token, key=token), "a decline is kept under its key", code=code)

    raises(stripe.InvalidRequestError, lambda: pay(customer.id, "pm_none"), "an unknown method", code="resource_missing")
    raises(stripe.InvalidRequestError, lambda: pay(customer.id, method.id, amount=1), "one cent", code="amount_too_small")
    raises(stripe.InvalidRequestError, lambda: stripe.PaymentIntent.retrieve("pi_none"), "an unknown intent", http_status=404)

    debit = pay(customer.id, "pm_sepa_debit", key="debit")
    expect(debit.status == "processing", "a direct debit is processing")
    twin.admin("POST", f"payment_intents/{debit.id}/settle", {})
    expect(stripe.PaymentIntent.retrieve(debit.id).status == "succeeded", "and settled later")

    open_intent = stripe.PaymentIntent.create(amount=500, currency="eur", customer=customer.id)
    expect(open_intent.status == "requires_payment_method", "an intent waits for a method")
    expect(stripe.PaymentIntent.modify(open_intent.id, description="later").description == "later", "and is changed")
    expect(stripe.PaymentIntent.confirm(open_intent.id, payment_method=method.id).status == "succeeded", "and confirmed")
    called_off = stripe.PaymentIntent.create(amount=500, currency="eur")
    canceled = stripe.PaymentIntent.cancel(called_off.id, cancellation_reason="abandoned", expand=["latest_charge"])
    expect((canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned"), "or called off")
    raises(stripe.InvalidRequestError, lambda: stripe.PaymentIntent.cancel(first.id), "calling off what was taken",
           http_status=400, code="payment_intent_unexpected_state")

    found = list(stripe.PaymentIntent.list(customer=customer.id, created={"gte": first.created - 60}, limit=2).auto_paging_iter())
    expect(len({intent.id for intent in found}) == len(found) == 6, f"paging gives each once: {len(found)}")
    expect(found == sorted(found, key=lambda intent: -intent.created), "newest first")
    return customer, method, first


def refunds(first):
    refund = stripe.Refund.create(payment_intent=first.id, amount=379, metadata={"saldo_refund": "ref_1"}, idempotency_key="r1")
    expect(refund.status == "succeeded" and refund.charge == first.latest_charge.id, "a part is refunded")
    expect(stripe.Refund.create(payment_intent=first.id, amount=379, metadata={"saldo_refund": "ref_1"}, idempotency_key="r1").id
           == refund.id, "once")
    raises(stripe.InvalidRequestError, lambda: stripe.Refund.create(payment_intent=first.id, amount=2001), "more than is left")
    stripe.Refund.create(charge=first.latest_charge.id, amount=2000)
    raises(stripe.InvalidRequestError, lambda: stripe.Refund.create(payment_intent=first.id), "nothing left",
           code="charge_already_refunded")
    expect(len(stripe.Refund.list(payment_intent=first.id, limit=100).data) == 2, "refunds are listed")
    expect(stripe.Refund.retrieve(refund.id).metadata["saldo_refund"] == "ref_1", "with their metadata")


def pages(twin):
    def open_page(key):
        return stripe.checkout.Session.create(
            mode="payment", success_url="https://saldo.example/paid", cancel_url="https://saldo.example/later",
            client_reference_id="inv_1", customer_creation="always", customer_email="zoe@example.com", locale="de",
            adaptive_pricing={"enabled": False}, metadata={"saldo_invoice": "inv_1"}, expires_at=int(time.time()) + 3600,
            line_items=[{"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 2379, "product_data": {"name": "RE-1"}}}],
            payment_intent_data={"metadata": {"saldo_invoice": "inv_1"}, "setup_future_usage": "off_session"},
            idempotency_key=key)

    session = open_page("page-1")
    expect(session.status == "open" and session.url and open_page("page-1").id == session.id, "a page is opened once")
    expect(stripe.checkout.Session.expire(session.id).status == "expired", "and closed")
    raises(stripe.InvalidRequestError, lambda: stripe.checkout.Session.expire(session.id), "closing it again", http_status=400)
    second = open_page("page-2")
    twin.admin("POST", f"sessions/{second.id}/pay", {"payment_method": "pm_card_visa"})
    second = stripe.checkout.Session.retrieve(second.id)
    expect(second.status == "complete" and second.payment_status == "paid", "a page is paid")
    expect(stripe.PaymentIntent.retrieve(second.payment_intent).metadata["saldo_invoice"] == "inv_1", "for its invoice")


def faults(twin, customer, method):
    def fault(kind, **more):
        twin.admin("POST", "faults", {"kind": kind, "path": "/v1/payment_intents", "method": "POST", **more})

    fault("error")
    raises(stripe.APIError, lambda: pay(customer.id, method.id, key="broken"), "a failure", http_status=500)
    raises(stripe.APIError, lambda: pay(customer.id, method.id, key="broken"), "is kept under its key", http_status=500)
    fault("lose_answer")
    raises(stripe.APIConnectionError, lambda: pay(customer.id, method.id, key="lost"), "a lost answer")
    expect(pay(customer.id, method.id, key="lost").status == "succeeded", "is found again under its key")
    fault("rate_limit")
    raises(stripe.RateLimitError, lambda: pay(customer.id, method.id, key="limited"), "too many requests")
    fault("delay", delay_ms=800)
    slow = threading.Thread(target=pay, args=(customer.id, method.id), kwargs={"key": "slow"})
    slow.start()
    time.sleep(0.3)
    raises(stripe.StripeError, lambda: pay(customer.id, method.id, key="slow"), "a key in use", http_status=409)
    slow.join()
    expect(pay(customer.id, method.id, key="slow").status == "succeeded", "is free when its answer has left")
    books = twin.admin("GET", "books")["payments"]
    expect(all(payment["charges"] == 1 for payment in books.values()), "no payment is charged twice")


def disputes_and_payouts(twin, customer, method):
    intent = pay(customer.id, method.id, amount=9900, key="disputed")
    dispute = twin.admin("POST", "disputes", {"payment_intent": intent.id})
    kept = stripe.Dispute.retrieve(dispute["id"])
    expect(kept.balance_transactions[0].amount == -9900 and kept.balance_transactions[0].fee > 0, "a dispute takes money")
    twin.admin("POST", f"disputes/{kept.id}/close", {"won": True})
    kept = stripe.Dispute.retrieve(kept.id)
    expect(kept.status == "won" and sum(moved.net for moved in kept.balance_transactions) == 0, "and gives it back when won")
    expect([d.id for d in stripe.Dispute.list(payment_intent=intent.id)] == [kept.id], "disputes are listed")
    payout = twin.admin("POST", "payouts", {"currency": "eur"})
    moved = list(stripe.BalanceTransaction.list(payout=payout["id"], limit=100).auto_paging_iter())
    expect(sum(line.net for line in moved if line.type != "payout") == payout["amount"], "a payout is the sum of its lines")
    twin.admin("POST", f"payouts/{payout['id']}/finish", {})
    expect(stripe.Payout.retrieve(payout["id"]).status == "paid", "and arrives")


def deliveries(twin):
    twin.admin("POST", "clock", {"advance_seconds": 60})
    deadline = time.monotonic() + 20
    while twin.admin("GET", "deliveries")["waiting"] and time.monotonic() < deadline:
        time.sleep(0.05)
    told = {event.id for event in stripe.Event.list(limit=100).auto_paging_iter()}
    expect(told == {event.id for event in received}, "every event was delivered, the refused one again")
    twice = received[0]
    twin.admin("POST", "deliver", {"events": [twice.id], "times": 2})
    while sum(event.id == twice.id for event in received) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    expect(sum(event.id == twice.id for event in received) == 3, "an event is delivered again when told to")


def main(binary):
    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{endpoint.server_port}/webhooks/stripe/main"
    with Twin(binary, "--webhook-url", url, "--webhook-secret", SECRET) as twin:
        stripe.api_key, stripe.api_base, stripe.max_network_retries = API_KEY, twin.base, 0
        customer, method, first = charges(twin)
        refunds(first)
        pages(twin)
        faults(twin, customer, method)
        disputes_and_payouts(twin, customer, method)
        setup = stripe.SetupIntent.create(customer=customer.id, payment_method="pm_card_visa", confirm=True)
        expect(stripe.SetupIntent.retrieve(setup.id).status == "succeeded", "a method is set up")
        expect(stripe.PaymentMethod.detach(method.id).customer is None, "a method is detached")
        stripe.api_key = "sk_test_nobody"
        raises(stripe.AuthenticationError, lambda: stripe.Customer.create(), "an unknown key", http_status=401)
        stripe.api_key = API_KEY
        deliveries(twin)
    print(f"stripe_client: {len(received)} deliveries verified, nothing to object to")


if __name__ == "__main__":
    main(sys.argv[1])
