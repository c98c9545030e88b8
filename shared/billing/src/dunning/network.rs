//! What the card networks allow, whatever a policy says.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::DeclineClass;

/// A limit of a network: so many attempts in any span of so many hours.
#[derive(Debug, Clone, Copy)]
struct Limit {
    network: &'static str,
    attempts_max: usize,
    window_hours: i64,
}

const VISA: &str = "visa";
const MASTERCARD: &str = "mastercard";

/// As published, and read on 22 November 2026; look again when the networks announce new rules, each April and October.
///
/// - Visa, "Excessive Reattempts", since April 2022: 15 reattempts in 30 days. Since 25 May 2025 Visa itself lets pass
///   20 (Visa Core Rules of 18 April 2026, table 7-2); acquirers who still block or charge from the 16th are many, and
///   a ladder that needs more than 15 has other troubles.
/// - Mastercard, "Transaction Processing Excellence: Excessive Attempts": 10 in 24 hours, 35 in 30 days.
///
/// Counted are all attempts, not only those after the first, which is the stricter reading.
const LIMITS: [Limit; 3] = [
    Limit { network: VISA, attempts_max: 15, window_hours: 30 * 24 },
    Limit { network: MASTERCARD, attempts_max: 10, window_hours: 24 },
    Limit { network: MASTERCARD, attempts_max: 35, window_hours: 30 * 24 },
];

/// Visa's response codes of category 1, "the issuer will never approve", in the version in force since 17 April 2021.
const VISA_NEVER: [&str; 12] = ["04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"];

/// Mastercard's advice codes "do not try again" and "payment cancelled".
const MASTERCARD_NEVER: [&str; 2] = ["03", "21"];

/// An attempt that a network's limit forbids for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{network} allows {attempts_max} attempts in {window_hours} hours; the next one may be made at {again_at}")]
pub struct Stop {
    /// The network.
    pub network: &'static str,
    /// How many attempts it allows …
    pub attempts_max: usize,
    /// … within so many hours.
    pub window_hours: i64,
    /// When the window has room again.
    pub again_at: DateTime<Utc>,
}

/// What a network said when a payment was declined, as far as the provider passes it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkAnswer<'a> {
    /// The response code: field 39 of ISO 8583.
    pub response_code: Option<&'a str>,
    /// The merchant advice code.
    pub advice_code: Option<&'a str>,
}

impl DeclineClass {
    /// What the network's own answer says: hard when it forbids to ever try this card again for the payment.
    ///
    /// `network` is the lower-case word that providers use; one that publishes no such codes says nothing, which is soft.
    ///
    /// ```
    /// use saldo_billing::dunning::{DeclineClass, NetworkAnswer};
    ///
    /// let stolen = NetworkAnswer { response_code: Some("43"), advice_code: None };
    /// assert_eq!(DeclineClass::by_network("visa", stolen), DeclineClass::Hard);
    /// ```
    #[must_use]
    pub fn by_network(network: &str, answer: NetworkAnswer<'_>) -> DeclineClass {
        let never = match network {
            VISA => answer.response_code.is_some_and(|code| VISA_NEVER.contains(&code)),
            MASTERCARD => answer.advice_code.is_some_and(|code| MASTERCARD_NEVER.contains(&code)),
            _ => false,
        };
        if never { DeclineClass::Hard } else { DeclineClass::Soft }
    }
}

/// Whether a card may be tried at `now` after these attempts to take one payment from it, in any order.
///
/// `network` is the lower-case word that providers use; one without limits always may. Attempts in the future, by
/// another clock, count as well.
///
/// # Errors
/// [`Stop`] with the latest time that any limit of the network asks to wait for.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use saldo_billing::dunning::may_attempt;
///
/// let now: DateTime<Utc> = "2027-01-01T12:00:00Z".parse()?;
/// let ten_at_noon_before = ["2026-12-31T12:30:00Z".parse()?; 10];
/// let stop = may_attempt("mastercard", &ten_at_noon_before, now).unwrap_err();
/// assert_eq!(stop.again_at.to_rfc3339(), "2027-01-01T12:30:00+00:00");
/// assert!(may_attempt("visa", &ten_at_noon_before, now).is_ok());
/// # Ok::<(), chrono::ParseError>(())
/// ```
pub fn may_attempt(network: &str, past_attempts: &[DateTime<Utc>], now: DateTime<Utc>) -> Result<(), Stop> {
    let mut newest_first = past_attempts.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    let stops = LIMITS.iter().filter(|limit| limit.network == network).filter_map(|limit| {
        // There is room again when the attempt that fills the limit, counted from the newest, has left the window.
        let filling = newest_first.get(limit.attempts_max.checked_sub(1)?)?;
        let again_at = filling.checked_add_signed(TimeDelta::try_hours(limit.window_hours)?)?;
        (now < again_at).then_some(Stop {
            network: limit.network,
            attempts_max: limit.attempts_max,
            window_hours: limit.window_hours,
            again_at,
        })
    });
    match stops.max_by_key(|stop| stop.again_at) {
        Some(stop) => Err(stop),
        None => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: &str = "2027-01-01T12:00:00Z";

    fn now() -> DateTime<Utc> {
        NOON.parse().unwrap()
    }

    fn hours_ago(hours: impl IntoIterator<Item = i64>) -> Vec<DateTime<Utc>> {
        hours.into_iter().map(|hours| now() - TimeDelta::hours(hours)).collect()
    }

    #[test]
    fn n5_visa_is_tried_fifteen_times_in_thirty_days_and_not_once_more() {
        let daily = |count| hours_ago((0..count).map(|day| 20 + day * 24));
        assert_eq!(may_attempt(VISA, &daily(14), now()), Ok(()));
        let stop = may_attempt(VISA, &daily(15), now()).unwrap_err();
        assert_eq!((stop.attempts_max, stop.window_hours), (15, 720));
        let oldest = now() - TimeDelta::hours(20 + 14 * 24);
        assert_eq!(stop.again_at, oldest + TimeDelta::days(30));
        assert_eq!(may_attempt(VISA, &daily(15), stop.again_at), Ok(()));
        assert!(may_attempt(VISA, &daily(15), stop.again_at - TimeDelta::seconds(1)).is_err());
    }

    #[test]
    fn n5_visas_category_one_is_never_tried_again() {
        let class =
            |code| DeclineClass::by_network(VISA, NetworkAnswer { response_code: Some(code), advice_code: None });
        for code in ["04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"] {
            assert_eq!(class(code), DeclineClass::Hard, "{code}");
        }
        for code in ["03", "05", "51", "54", "61", "62", "65", "78", "91", "93", "96", "N7"] {
            assert_eq!(class(code), DeclineClass::Soft, "{code}");
        }
        assert_eq!(DeclineClass::by_network(VISA, NetworkAnswer::default()), DeclineClass::Soft);
    }

    #[test]
    fn n6_mastercard_is_tried_ten_times_a_day() {
        let each_hour = |count| hours_ago(1..=count);
        assert_eq!(may_attempt(MASTERCARD, &each_hour(9), now()), Ok(()));
        let stop = may_attempt(MASTERCARD, &each_hour(10), now()).unwrap_err();
        assert_eq!((stop.attempts_max, stop.window_hours), (10, 24));
        assert_eq!(stop.again_at, now() + TimeDelta::hours(14));
    }

    #[test]
    fn n6_mastercard_is_tried_thirty_five_times_in_thirty_days() {
        let twice_a_day = |count| hours_ago((1..=count).map(|half_day| half_day * 12));
        assert_eq!(may_attempt(MASTERCARD, &twice_a_day(34), now()), Ok(()));
        let stop = may_attempt(MASTERCARD, &twice_a_day(35), now()).unwrap_err();
        assert_eq!((stop.attempts_max, stop.window_hours), (35, 720));
    }

    #[test]
    fn n6_mastercards_advice_not_to_try_again_is_followed() {
        let class = |code| {
            DeclineClass::by_network(MASTERCARD, NetworkAnswer { response_code: Some("43"), advice_code: Some(code) })
        };
        assert_eq!((class("03"), class("21")), (DeclineClass::Hard, DeclineClass::Hard));
        assert_eq!((class("01"), class("02")), (DeclineClass::Soft, DeclineClass::Soft));
    }

    #[test]
    fn where_two_limits_forbid_the_longer_wait_is_named() {
        let attempts = hours_ago((1..=10).chain((1..=25).map(|day| day * 24)));
        let stop = may_attempt(MASTERCARD, &attempts, now()).unwrap_err();
        assert_eq!(stop.window_hours, 720);
        assert_eq!(
            stop.to_string(),
            "mastercard allows 35 attempts in 720 hours; the next one may be made at 2027-01-06 12:00:00 UTC"
        );
    }

    #[test]
    fn other_networks_are_tried_as_the_policy_says() {
        let often = hours_ago([0; 100]);
        for network in ["amex", "cartes_bancaires", "jcb", "Visa", ""] {
            assert_eq!(may_attempt(network, &often, now()), Ok(()), "{network}");
            let answer = NetworkAnswer { response_code: Some("43"), advice_code: Some("03") };
            assert_eq!(DeclineClass::by_network(network, answer), DeclineClass::Soft, "{network}");
        }
    }

    proptest! {
        #[test]
        fn whoever_asks_first_never_passes_a_limit(
            waits_minutes in prop::collection::vec(0..4_000_i64, 1..200), visa in any::<bool>(),
        ) {
            let network = if visa { VISA } else { MASTERCARD };
            let mut clock = now();
            let mut made = Vec::new();
            for minutes in waits_minutes {
                clock += TimeDelta::minutes(minutes);
                if may_attempt(network, &made, clock).is_ok() {
                    made.push(clock);
                }
            }
            for limit in LIMITS.iter().filter(|limit| limit.network == network) {
                for until in &made {
                    let from = *until - TimeDelta::hours(limit.window_hours);
                    let within = made.iter().filter(|at| from < **at && *at <= until).count();
                    prop_assert!(within <= limit.attempts_max);
                }
            }
        }
    }
}
