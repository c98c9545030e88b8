//! Stripe's JSON. Every field of API version 2026-10-28 that a plain account sees is there, most of them empty.

use serde_json::{Value, json};

use crate::object::{
    Charge, ChargeStatus, Customer, Dispute, DisputeStatus, Intent, IntentStatus, Method, MethodKind, No,
    PaymentFailure, Payout, PayoutStatus, Refund, RefundStatus, Session, SessionStatus, Setup, Transaction,
};

/// The version of the API whose objects these are.
pub(crate) const API_VERSION: &str = "2026-10-28.endive";

/// What the address of a page ends with, twelve times: the provider's are that long.
const PAGE_FRAGMENT: &str = "fidkdWxOYHwnPyd1blpxYHZxWjA0";

fn address() -> Value {
    json!({ "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null })
}

fn billing_details() -> Value {
    json!({ "address": address(), "email": null, "name": null, "phone": null, "tax_id": null })
}

pub(crate) fn customer(customer: &Customer) -> Value {
    json!({
        "id": customer.id, "object": "customer", "address": null, "balance": 0, "created": customer.created,
        "currency": null, "customer_account": null, "default_source": null, "delinquent": false, "description": null, "email": customer.email,
        "invoice_prefix": "7A31F0C2", "invoice_settings": { "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null },
        "livemode": false, "metadata": customer.metadata, "name": customer.name, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null
    })
}

fn card(method: &Method, brand: &str, exp_month: i64, exp_year: i64) -> Value {
    json!({
        "brand": brand, "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
        "country": "DE", "display_brand": brand, "exp_month": exp_month, "exp_year": exp_year, "fingerprint": "Xt5EWLLDS7FJjR1c",
        "funding": "credit", "generated_from": null, "last4": method.last4, "networks": { "available": [brand], "preferred": null },
        "regulated_status": "unregulated", "three_d_secure_usage": { "supported": true }, "wallet": null
    })
}

pub(crate) fn method(method: &Method) -> Value {
    let mut value = json!({
        "id": method.id, "object": "payment_method", "allow_redisplay": "unspecified", "billing_details": billing_details(),
        "created": method.created, "customer": method.customer, "customer_account": null, "livemode": false, "metadata": method.metadata,
        "type": method.kind.name()
    });
    let details = match &method.kind {
        MethodKind::Card { brand, exp_month, exp_year } => card(method, brand, *exp_month, *exp_year),
        MethodKind::SepaDebit => json!({
            "bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": "vOPcWkWqDuMSJQTt",
            "generated_from": { "charge": null, "setup_attempt": null }, "last4": method.last4
        }),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert(method.kind.name().to_owned(), details);
    }
    value
}

fn method_details(used: &Method) -> Value {
    match &used.kind {
        MethodKind::Card { brand, exp_month, exp_year } => json!({ "type": "card", "card": {
            "amount_authorized": null, "authorization_code": null, "brand": brand,
            "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": null },
            "country": "DE", "exp_month": exp_month, "exp_year": exp_year,
            "extended_authorization": { "status": "disabled" }, "fingerprint": "Xt5EWLLDS7FJjR1c", "funding": "credit",
            "incremental_authorization": { "status": "unavailable" }, "installments": null, "last4": used.last4, "mandate": null,
            "multicapture": { "status": "unavailable" }, "network": brand, "network_token": { "used": false },
            "network_transaction_id": "105018920719031", "overcapture": { "maximum_amount_capturable": 0, "status": "unavailable" },
            "regulated_status": "unregulated", "three_d_secure": null, "wallet": null
        } }),
        MethodKind::SepaDebit => json!({ "type": "sepa_debit", "sepa_debit": {
            "bank_code": "37040044", "branch_code": "", "country": "DE", "expected_debit_date": null,
            "fingerprint": "vOPcWkWqDuMSJQTt", "last4": used.last4, "mandate": "mandate_1TwinSepaDebit000000"
        } }),
    }
}

fn error(no: &No, message: &str, charge: Option<&str>, failed: Option<&Method>, kind: &str) -> Value {
    let mut value = json!({ "type": kind, "code": no.code, "message": message, "doc_url": format!("https://docs.stripe.com/error-codes/{}", no.code.replace('_', "-")) });
    if let Some(fields) = value.as_object_mut() {
        let mut add = |name: &str, field: Option<Value>| {
            if let Some(field) = field {
                fields.insert(name.to_owned(), field);
            }
        };
        add("charge", charge.map(|charge| json!(charge)));
        add("decline_code", no.decline_code.as_ref().map(|code| json!(code)));
        add("advice_code", no.advice_code.as_ref().map(|code| json!(code)));
        add("network_decline_code", no.network_decline_code.as_ref().map(|code| json!(code)));
        add("payment_method", failed.map(method));
    }
    value
}

/// `last_payment_error`, and the error that an answer carries.
pub(crate) fn failure(failure: &PaymentFailure, failed: Option<&Method>) -> Value {
    error(&failure.no, &failure.message, Some(&failure.charge), failed, "card_error")
}

const fn intent_status(status: IntentStatus) -> &'static str {
    match status {
        IntentStatus::RequiresPaymentMethod => "requires_payment_method",
        IntentStatus::RequiresConfirmation => "requires_confirmation",
        IntentStatus::RequiresAction => "requires_action",
        IntentStatus::Processing => "processing",
        IntentStatus::Succeeded => "succeeded",
        IntentStatus::Canceled => "canceled",
    }
}

pub(crate) fn intent(intent: &Intent, failed: Option<&Method>, latest_charge: Option<Value>) -> Value {
    let next_action = (intent.status == IntentStatus::RequiresAction).then(|| {
        json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": "https://hooks.stripe.com/redirect/authenticate/src_1Twin" } })
    });
    json!({
        "id": intent.id, "object": "payment_intent", "amount": intent.amount, "amount_capturable": 0,
        "amount_details": { "tip": {} }, "amount_received": intent.amount_received, "application": null,
        "application_fee_amount": null, "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
        "canceled_at": intent.canceled_at, "cancellation_reason": intent.cancellation_reason, "capture_method": "automatic_async",
        "client_secret": format!("{}_secret_{}", intent.id, "kVcIJ3gVIpBBbvs0ZjUnJ7HGd"), "confirmation_method": "automatic",
        "created": intent.created, "currency": intent.currency, "customer": intent.customer, "customer_account": null,
        "description": intent.description, "excluded_payment_method_types": null,
        "last_payment_error": intent.failure.as_ref().map(|told| failure(told, failed)),
        "latest_charge": latest_charge.or_else(|| intent.latest_charge.as_ref().map(|charge| json!(charge))),
        "livemode": false, "metadata": intent.metadata, "next_action": next_action, "on_behalf_of": null,
        "payment_method": intent.method, "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card", "sepa_debit"], "processing": null, "receipt_email": null, "review": null,
        "setup_future_usage": intent.setup_future_usage, "shipping": null, "source": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": intent_status(intent.status), "transfer_data": null, "transfer_group": null
    })
}

fn outcome(charge: &Charge) -> Value {
    match &charge.no {
        None => json!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal", "risk_score": 12,
            "seller_message": "Payment complete.", "type": "authorized"
        }),
        Some(no) => json!({
            "advice_code": no.advice_code, "network_advice_code": null, "network_decline_code": no.network_decline_code,
            "network_status": "declined_by_network", "reason": no.decline_code.as_ref().unwrap_or(&no.code), "risk_level": "normal",
            "risk_score": 41, "seller_message": "The bank did not return any further details with this decline.", "type": "issuer_declined"
        }),
    }
}

pub(crate) fn charge(charge: &Charge, used: Option<&Method>) -> Value {
    let (status, paid) = match charge.status {
        ChargeStatus::Succeeded => ("succeeded", true),
        ChargeStatus::Pending => ("pending", false),
        ChargeStatus::Failed => ("failed", false),
    };
    let settles_at_once = used.is_none_or(|method| method.kind.name() == "card");
    json!({
        "id": charge.id, "object": "charge", "amount": charge.amount,
        "amount_captured": if paid { charge.amount } else { 0 }, "amount_refunded": charge.amount_refunded, "application": null,
        "application_fee": null, "application_fee_amount": null, "balance_transaction": charge.transaction,
        "billing_details": billing_details(), "calculated_statement_descriptor": "SALDO",
        "captured": paid, "created": charge.created, "currency": charge.currency, "customer": charge.customer,
        "description": charge.description, "disputed": charge.disputed, "failure_balance_transaction": null,
        "failure_code": charge.no.as_ref().map(|no| no.code.clone()),
        "failure_message": charge.no.as_ref().map(|_| "Your card was declined."), "fraud_details": {}, "livemode": false,
        "metadata": charge.metadata, "on_behalf_of": null,
        "outcome": if settles_at_once || charge.no.is_some() { outcome(charge) } else { Value::Null },
        "paid": paid, "payment_intent": charge.intent, "payment_method": charge.method,
        "payment_method_details": used.map(method_details), "presentment_details": null, "radar_options": {}, "receipt_email": null,
        "receipt_number": null, "receipt_url": paid.then(|| format!("https://pay.stripe.com/receipts/payment/{}", charge.id)),
        "refunded": charge.amount_refunded == charge.amount, "review": null, "shipping": null, "source": null,
        "source_transfer": null, "statement_descriptor": null, "statement_descriptor_suffix": null, "status": status,
        "transfer_data": null, "transfer_group": null
    })
}

pub(crate) fn refund(refund: &Refund, card: bool) -> Value {
    let destination = if card {
        json!({ "card": { "reference": null, "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" }, "type": "card" })
    } else {
        Value::Null
    };
    let mut value = json!({
        "id": refund.id, "object": "refund", "amount": refund.amount, "balance_transaction": refund.transaction,
        "charge": refund.charge, "created": refund.created, "currency": refund.currency, "destination_details": destination,
        "metadata": refund.metadata, "payment_intent": refund.intent, "reason": refund.reason, "receipt_number": null,
        "source_transfer_reversal": null, "transfer_reversal": null,
        "status": match refund.status {
            RefundStatus::Pending => "pending",
            RefundStatus::Succeeded => "succeeded",
            RefundStatus::Failed => "failed",
        }
    });
    if let (Some(fields), Some(reason)) = (value.as_object_mut(), &refund.failure_reason) {
        fields.insert("failure_reason".to_owned(), json!(reason));
    }
    value
}

pub(crate) fn transaction(transaction: &Transaction) -> Value {
    let fee_details = if transaction.fee == 0 {
        json!([])
    } else {
        json!([{ "amount": transaction.fee, "application": null, "currency": transaction.currency, "description": "Stripe processing fees", "type": "stripe_fee" }])
    };
    json!({
        "id": transaction.id, "object": "balance_transaction", "amount": transaction.amount, "available_on": transaction.created,
        "balance_type": "payments", "created": transaction.created, "currency": transaction.currency, "description": null,
        "exchange_rate": null, "fee": transaction.fee, "fee_details": fee_details, "net": transaction.net(),
        "reporting_category": transaction.category, "source": transaction.source, "status": "available", "type": transaction.kind
    })
}

fn evidence() -> Value {
    json!({
        "access_activity_log": null, "billing_address": null, "cancellation_policy": null, "cancellation_policy_disclosure": null,
        "cancellation_rebuttal": null, "customer_communication": null, "customer_email_address": null, "customer_name": null,
        "customer_purchase_ip": null, "customer_signature": null, "duplicate_charge_documentation": null,
        "duplicate_charge_explanation": null, "duplicate_charge_id": null, "enhanced_evidence": {}, "product_description": null,
        "receipt": null, "refund_policy": null, "refund_policy_disclosure": null, "refund_refusal_explanation": null,
        "service_date": null, "service_documentation": null, "shipping_address": null, "shipping_carrier": null,
        "shipping_date": null, "shipping_documentation": null, "shipping_tracking_number": null, "uncategorized_file": null,
        "uncategorized_text": null
    })
}

pub(crate) fn dispute(dispute: &Dispute, brand: &str, transactions: &[&Transaction]) -> Value {
    let (status, case_type) = match dispute.status {
        DisputeStatus::NeedsResponse => ("needs_response", "chargeback"),
        DisputeStatus::WarningNeedsResponse => ("warning_needs_response", "inquiry"),
        DisputeStatus::WarningClosed => ("warning_closed", "inquiry"),
        DisputeStatus::Won => ("won", "chargeback"),
        DisputeStatus::Lost => ("lost", "chargeback"),
    };
    json!({
        "id": dispute.id, "object": "dispute", "amount": dispute.amount,
        "balance_transactions": transactions.iter().map(|moved| transaction(moved)).collect::<Vec<_>>(),
        "charge": dispute.charge, "created": dispute.created, "currency": dispute.currency, "enhanced_eligibility_types": [],
        "evidence": evidence(),
        "evidence_details": { "due_by": dispute.created.saturating_add(7 * 86_400), "enhanced_eligibility": {}, "has_evidence": false, "past_due": false, "submission_count": 0, "submission_method": "not_submitted" },
        "is_charge_refundable": case_type == "inquiry", "livemode": false, "metadata": {}, "payment_intent": dispute.intent,
        "payment_method_details": { "card": { "brand": brand, "case_type": case_type, "network": brand, "network_reason_code": "10.4" }, "type": "card" },
        "reason": dispute.reason, "status": status
    })
}

pub(crate) fn session(session: &Session, base: &str) -> Value {
    let (status, url) = match session.status {
        SessionStatus::Open => ("open", Some(format!("{base}/pay/{}#{}", session.id, PAGE_FRAGMENT.repeat(12)))),
        SessionStatus::Complete => ("complete", None),
        SessionStatus::Expired => ("expired", None),
    };
    json!({
        "id": session.id, "object": "checkout.session", "adaptive_pricing": { "enabled": false }, "after_expiration": null,
        "allow_promotion_codes": null, "amount_subtotal": session.amount, "amount_total": session.amount,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null, "cancel_url": session.cancel_url, "client_reference_id": session.client_reference_id,
        "client_secret": null, "collected_information": null, "consent": null, "consent_collection": null, "created": session.created,
        "currency": session.currency, "currency_conversion": null, "custom_fields": [],
        "custom_text": { "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null },
        "customer": session.customer, "customer_account": null, "customer_creation": session.customer_creation,
        "customer_details": session.customer_email.as_ref().map(|email| json!({ "address": null, "business_name": null, "email": email, "individual_name": null, "name": null, "phone": null, "tax_exempt": "none", "tax_ids": null })),
        "customer_email": session.customer_email, "discounts": [], "expires_at": session.expires_at, "invoice": null,
        "invoice_creation": { "enabled": false, "invoice_data": { "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": null, "metadata": {}, "rendering_options": null } },
        "livemode": false, "locale": session.locale, "metadata": session.metadata, "mode": "payment", "origin_context": null,
        "payment_intent": session.intent, "payment_link": null, "payment_method_collection": "if_required",
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } }, "payment_method_types": ["card", "sepa_debit"],
        "payment_status": if session.paid { "paid" } else { "unpaid" }, "permissions": null,
        "phone_number_collection": { "enabled": false }, "recovered_from": null, "saved_payment_method_options": null,
        "setup_intent": null, "shipping_address_collection": null, "shipping_cost": null, "shipping_options": [],
        "status": status, "submit_type": null, "subscription": null, "success_url": session.success_url,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 }, "ui_mode": "hosted_page", "url": url,
        "wallet_options": null
    })
}

pub(crate) fn setup(setup: &Setup, failed: Option<&Method>) -> Value {
    let told = setup.failure.as_ref().map(|no| error(no, "Your card was declined.", None, failed, "card_error"));
    json!({
        "id": setup.id, "object": "setup_intent", "application": null,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true }, "cancellation_reason": null,
        "client_secret": format!("{}_secret_{}", setup.id, "Uxt4bXq0Yk3fWcH9r2TnLd7Pa"), "created": setup.created, "customer": setup.customer,
        "customer_account": null, "description": null, "excluded_payment_method_types": null, "flow_directions": null,
        "last_setup_error": told, "latest_attempt": null, "livemode": false, "mandate": null, "metadata": setup.metadata,
        "next_action": null, "on_behalf_of": null, "payment_method": setup.method, "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card", "sepa_debit"], "single_use_mandate": null,
        "status": if setup.succeeded { "succeeded" } else { "requires_payment_method" }, "usage": "off_session"
    })
}

pub(crate) fn payout(payout: &Payout) -> Value {
    json!({
        "id": payout.id, "object": "payout", "amount": payout.amount, "application_fee": null, "application_fee_amount": null,
        "arrival_date": payout.arrival_date, "automatic": true, "balance_transaction": payout.transaction, "created": payout.created,
        "currency": payout.currency, "description": "STRIPE PAYOUT", "destination": "ba_1TwinBankAccount00000000",
        "failure_balance_transaction": payout.failure_transaction, "failure_code": payout.failure_code,
        "failure_message": payout.failure_code.as_ref().map(|_| "The bank account has been closed."), "livemode": false, "metadata": {},
        "method": "standard", "original_payout": null, "payout_method": null,
        "reconciliation_status": if payout.status == PayoutStatus::Paid { "completed" } else { "in_progress" }, "reversed_by": null,
        "source_type": "card", "statement_descriptor": null, "trace_id": null, "type": "bank_account",
        "status": match payout.status {
            PayoutStatus::Pending => "pending",
            PayoutStatus::Paid => "paid",
            PayoutStatus::Failed => "failed",
        }
    })
}
