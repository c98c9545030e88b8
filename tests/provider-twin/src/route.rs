//! Which call does what.

use http::Method;
use serde_json::Value;

use crate::account::Account;
use crate::error::ApiError;
use crate::form::Params;

/// Executes one call of the API.
pub(crate) fn execute(account: &mut Account, method: &Method, path: &str, params: &Params) -> Result<Value, ApiError> {
    let unknown = || ApiError::no_such_route(method.as_str(), path);
    let parts: Vec<&str> = path.strip_prefix("/v1/").ok_or_else(unknown)?.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["payment_intents"]) => account.create_intent(params),
        ("GET", ["payment_intents"]) => account.list_intents(params),
        ("GET", ["payment_intents", id]) => account.retrieve_intent(id, params),
        ("POST", ["payment_intents", id]) => account.update_intent(id, params),
        ("POST", ["payment_intents", id, "confirm"]) => account.confirm_intent(id, params),
        ("POST", ["payment_intents", id, "cancel"]) => account.cancel_intent(id, params),
        ("GET", ["charges"]) => account.list_charges(params),
        ("GET", ["charges", id]) => account.retrieve_charge(id),
        ("POST", ["refunds"]) => account.create_refund(params),
        ("GET", ["refunds"]) => account.list_refunds(params),
        ("GET", ["refunds", id]) => account.retrieve_refund(id),
        ("POST", ["refunds", id]) => account.update_refund(id, params),
        ("GET", ["disputes"]) => account.list_disputes(params),
        ("GET", ["disputes", id]) => account.retrieve_dispute(id),
        ("POST", ["checkout", "sessions"]) => account.create_session(params),
        ("GET", ["checkout", "sessions"]) => account.list_sessions(params),
        ("GET", ["checkout", "sessions", id]) => account.retrieve_session(id),
        ("POST", ["checkout", "sessions", id, "expire"]) => account.expire_session(id),
        ("POST", ["customers"]) => account.create_customer(params),
        ("GET", ["customers", id]) => account.retrieve_customer(id),
        ("POST", ["customers", id]) => account.update_customer(id, params),
        ("GET", ["payment_methods"]) => account.list_methods(params),
        ("GET", ["payment_methods", id]) => account.retrieve_method(id),
        ("POST", ["payment_methods", id]) => account.update_method(id, params),
        ("POST", ["payment_methods", id, "attach"]) => account.attach_method(id, params),
        ("POST", ["payment_methods", id, "detach"]) => account.detach_method(id),
        ("POST", ["setup_intents"]) => account.create_setup(params),
        ("GET", ["setup_intents", id]) => account.retrieve_setup(id),
        ("GET", ["payouts"]) => account.list_payouts(params),
        ("GET", ["payouts", id]) => account.retrieve_payout(id),
        ("GET", ["balance_transactions"]) => account.list_transactions(params),
        ("GET", ["events"]) => account.list_events(params),
        ("GET", ["events", id]) => account.retrieve_event(id),
        _ => Err(unknown()),
    }
}
