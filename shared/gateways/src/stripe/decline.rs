//! How Stripe says no, and whether to try the same method again.

use saldo_billing::dunning::{DeclineClass, NetworkAnswer};
use saldo_billing::payment::Decline;

use super::object::{Charge, PaymentFailure};

/// After these the method is not charged again: the card is gone, closed, stolen or never was, its owner forbade it, or they have to
/// be there. From docs.stripe.com/declines/codes and the codes that docs.stripe.com/billing/revenue-recovery/smart-retries never
/// retries; everything else may pass.
const HARD: [&str; 44] = [
    "account_closed",
    "account_invalid",
    "authentication_not_handled",
    "authentication_required",
    "bank_account_closed",
    "bank_account_restricted",
    "bank_account_unusable",
    "bank_account_unverified",
    "bank_ownership_changed",
    "card_not_supported",
    "currency_not_supported",
    "debit_not_authorized",
    "do_not_try_again",
    "expired_card",
    "fraudulent",
    "highest_risk_level",
    "incorrect_address",
    "incorrect_number",
    "incorrect_zip",
    "invalid_account",
    "invalid_account_number",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_mandate",
    "invalid_number",
    "live_mode_test_card",
    "lost_card",
    "mandate_invalid",
    "mandate_cancelled",
    "merchant_blacklist",
    "mobile_device_authentication_required",
    "new_account_information_available",
    "no_account",
    "not_permitted",
    "payment_method_not_available",
    "pickup_card",
    "resource_missing",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "stolen_card",
    "stop_payment_order",
    "transaction_not_allowed",
];

/// What was said besides the code.
#[derive(Debug, Clone, Copy, Default)]
struct Advice<'a> {
    advice: Option<&'a str>,
    network: Option<&'a str>,
    network_code: Option<&'a str>,
    network_advice: Option<&'a str>,
}

fn judge(code: &str, advice: Advice<'_>) -> Decline {
    let answer = NetworkAnswer { response_code: advice.network_code, advice_code: advice.network_advice };
    let class = advice.network.map(|network| DeclineClass::by_network(network, answer));
    let never = class == Some(DeclineClass::Hard);
    let hard = HARD.contains(&code) || never || advice.advice == Some("do_not_try_again");
    Decline { code: code.to_owned(), hard }
}

/// The decline that a payment or an answer tells.
pub(super) fn of_failure(failure: &PaymentFailure, charge: Option<&Charge>) -> Decline {
    let code = failure.decline_code.as_deref().or(failure.code.as_deref()).unwrap_or("unspecified");
    judge(
        code,
        Advice {
            advice: failure.advice_code.as_deref(),
            network: charge
                .and_then(Charge::network)
                .or_else(|| failure.payment_method.as_ref().and_then(|method| method.details().network())),
            network_code: failure.network_decline_code.as_deref(),
            network_advice: failure.network_advice_code.as_deref(),
        },
    )
}

/// The decline that a failed charge tells. Its outcome's reason is the decline code; where Stripe itself blocked the charge, it
/// names the rule instead.
pub(super) fn of_charge(charge: &Charge) -> Decline {
    let outcome = charge.outcome.as_ref();
    let code = outcome
        .and_then(|outcome| outcome.reason.as_deref())
        .or(charge.failure_code.as_deref())
        .unwrap_or("unspecified");
    judge(
        code,
        Advice {
            advice: outcome.and_then(|outcome| outcome.advice_code.as_deref()),
            network: charge.network(),
            network_code: outcome.and_then(|outcome| outcome.network_decline_code.as_deref()),
            network_advice: outcome.and_then(|outcome| outcome.network_advice_code.as_deref()),
        },
    )
}

/// The decline of a charge that never became a payment.
pub(super) fn of_code(code: &str) -> Decline {
    judge(code, Advice::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_soft_and_what_never_will_is_hard() {
        for code in [
            "insufficient_funds",
            "do_not_honor",
            "generic_decline",
            "processing_error",
            "try_again_later",
            "unspecified",
        ] {
            assert!(!of_code(code).hard, "{code}");
        }
        for code in HARD {
            assert!(of_code(code).hard, "{code}");
        }
    }

    #[test]
    fn a_networks_word_is_heard_only_from_that_network() {
        let judged = |network, network_code, network_advice| {
            judge("generic_decline", Advice { advice: None, network: Some(network), network_code, network_advice }).hard
        };
        assert!(judged("visa", Some("57"), None));
        assert!(!judged("visa", Some("51"), None));
        assert!(!judged("mastercard", Some("57"), None));
        assert!(judged("mastercard", None, Some("03")));
        assert!(!judged("mastercard", None, Some("02")));
    }

    #[test]
    fn stripes_advice_not_to_try_again_outweighs_a_soft_code() {
        let advice = Advice { advice: Some("do_not_try_again"), ..Advice::default() };
        assert!(judge("do_not_honor", advice).hard);
        assert!(!judge("do_not_honor", Advice { advice: Some("try_again_later"), ..Advice::default() }).hard);
    }
}
