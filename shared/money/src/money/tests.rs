use proptest::prelude::*;

use super::*;

const HALF: Rounding = Rounding::HalfAwayFromZero;

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn the_same_number_is_another_sum_in_each_currency() {
    assert_eq!(money("35.20 BHD").to_minor(), Ok(35_200));
    assert_eq!(money("500 JPY").to_minor(), Ok(500));
    assert_eq!(money("1.234 KWD").to_minor(), Ok(1_234));
    assert_eq!(money("23.79 EUR").to_minor(), Ok(2_379));
    assert_eq!(Money::from_minor(35_200, Currency::BHD).to_string(), "35.200 BHD");
}

#[test]
fn euros_and_dollars_never_meet() {
    let (euros, dollars) = (money("1.00 EUR"), money("1.00 USD"));
    let unlike = MoneyError::UnlikeCurrencies { expected: Currency::EUR, found: Currency::USD };
    assert_eq!(euros.checked_add(dollars), Err(unlike.clone()));
    assert_eq!(euros.checked_sub(dollars), Err(unlike.clone()));
    assert_eq!(euros.compare(dollars), Err(unlike.clone()));
    assert_eq!(euros.min(dollars), Err(unlike.clone()));
    assert_eq!(Money::sum([euros, dollars], Currency::EUR), Err(unlike.clone()));
    assert_ne!(euros, dollars);
    assert_eq!(unlike.to_string(), "expected an amount in EUR, found one in USD");
}

#[test]
fn nothing_is_not_the_same_in_every_currency() {
    assert_ne!(Money::zero(Currency::EUR), Money::zero(Currency::USD));
    assert!(Money::sum([Money::zero(Currency::USD)], Currency::EUR).is_err());
}

#[test]
fn quebec_tax_on_8180_rounds_the_half_cent_up() {
    let rate = Ratio::percent(Decimal::new(9_975, 3)).unwrap();
    assert_eq!(money("8180.00 CAD").times(rate, HALF).unwrap(), money("815.96 CAD"));
    assert_eq!(money("-8180.00 CAD").times(rate, HALF).unwrap(), money("-815.96 CAD"));
}

#[test]
fn the_shares_of_periods_round_as_the_cases_say() {
    let share = |text: &str, num, den| money(text).times(Ratio::of(num, den).unwrap(), HALF).unwrap();
    assert_eq!(share("91000 JPY", 32, 91), money("32000 JPY"));
    assert_eq!(share("200000 JPY", 26, 29), money("179310 JPY"));
    assert_eq!(share("20000 JPY", 29, 30), money("19333 JPY"));
    assert_eq!(share("16000 JPY", 29, 30), money("15467 JPY"));
}

#[test]
fn tax_within_a_gross_price_is_the_difference() {
    let gross = money("353.90 EUR");
    let net = gross.times(Ratio::of(100, 119).unwrap(), HALF).unwrap();
    assert_eq!((net, gross.checked_sub(net).unwrap()), (money("297.39 EUR"), money("56.51 EUR")));
}

#[test]
fn an_exact_price_becomes_money_once() {
    let rounded = |digits, places, currency| Money::rounded(Decimal::new(digits, places), currency, HALF).unwrap();
    assert_eq!(rounded(12_345, 4, Currency::EUR), money("1.23 EUR"));
    assert_eq!(rounded(-12_350, 4, Currency::EUR), money("-1.24 EUR"));
    assert_eq!(rounded(5, 1, Currency::JPY), money("1 JPY"));
    assert_eq!(rounded(4, 1, Currency::JPY), money("0 JPY"));
    assert_eq!(rounded(-4, 1, Currency::JPY).to_string(), "0 JPY");
    assert_eq!(rounded(7, 0, Currency::KWD), money("7.000 KWD"));
}

#[test]
fn an_amount_finer_than_the_minor_unit_is_refused() {
    let finer = Decimal::new(23_795, 3);
    let error = Money::try_new(finer, Currency::EUR).unwrap_err();
    assert_eq!(error, MoneyError::TooPrecise { found: finer, currency: Currency::EUR });
    assert_eq!(Money::try_new(finer, Currency::KWD).unwrap(), money("23.795 KWD"));
    assert_eq!(Money::try_new(Decimal::new(23_790, 3), Currency::EUR).unwrap(), money("23.79 EUR"));
}

#[test]
fn comparing_tells_more_from_less() {
    let (less, more) = (money("-1.00 EUR"), money("0.01 EUR"));
    assert_eq!(less.compare(more), Ok(Ordering::Less));
    assert_eq!((less.min(more), more.min(less)), (Ok(less), Ok(less)));
    assert!(less.is_negative() && !less.is_positive() && !less.is_zero());
    assert!(more.is_positive() && !more.is_negative() && !more.is_zero());
    let zero = Money::zero(Currency::EUR);
    assert!(zero.is_zero() && !zero.is_positive() && !zero.is_negative());
}

#[test]
fn the_end_of_the_numbers_is_an_error_and_no_other_amount() {
    let largest = Money::try_new(Decimal::MAX, Currency::JPY).unwrap();
    let out_of_range = MoneyError::Overflow;
    assert_eq!(largest.checked_add(Money::from_minor(1, Currency::JPY)), Err(out_of_range.clone()));
    assert_eq!(largest.negated().checked_sub(Money::from_minor(1, Currency::JPY)), Err(out_of_range.clone()));
    assert_eq!(largest.to_minor(), Err(out_of_range.clone()));
    assert_eq!(largest.times(Ratio::of(2, 1).unwrap(), HALF), Err(out_of_range));
    assert_eq!(Money::try_new(Decimal::MAX, Currency::EUR), Err(MoneyError::Overflow));
    assert_eq!(Money::from_minor(i64::MIN, Currency::EUR).to_minor(), Ok(i64::MIN));
}

#[test]
fn a_product_that_has_no_room_says_so() {
    let fine = Ratio::percent(Decimal::new(i64::MAX, 28)).unwrap();
    let largest = Money::try_new(Decimal::MAX, Currency::JPY).unwrap();
    assert_eq!(largest.times(fine, HALF), Err(MoneyError::Ratio(RatioError::OutOfRange)));
}

#[test]
fn a_sum_of_nothing_is_zero_of_its_currency() {
    assert_eq!(Money::sum(Vec::<Money>::new(), Currency::KWD), Ok(money("0.000 KWD")));
    let parts = [money("68.33 EUR"), money("68.33 EUR"), money("57.50 EUR"), money("85.00 EUR")];
    assert_eq!(Money::sum(parts, Currency::EUR), Ok(money("279.16 EUR")));
}

proptest! {
    #[test]
    fn subtracting_undoes_adding(a in any::<i64>(), b in any::<i64>()) {
        let (a, b) = (Money::from_minor(a, Currency::USD), Money::from_minor(b, Currency::USD));
        let sum = a.checked_add(b).unwrap();
        prop_assert_eq!(sum.checked_sub(b), Ok(a));
        prop_assert_eq!(sum.checked_add(b.negated()), Ok(a));
        prop_assert_eq!(sum.amount().scale(), 2);
    }

    #[test]
    fn the_minor_units_come_back_as_they_were(units in any::<i64>(), currency in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF"])) {
        let currency = Currency::from_code(currency).unwrap();
        prop_assert_eq!(Money::from_minor(units, currency).to_minor(), Ok(units));
        prop_assert_eq!(Money::from_minor(units, currency).amount().scale(), currency.exponent());
    }

    #[test]
    fn a_share_and_its_complement_differ_from_the_whole_by_at_most_a_minor_unit(
        units in any::<i32>(), days in 1..=366_i64, used in 0..=366_i64,
    ) {
        prop_assume!(used <= days);
        let whole = Money::from_minor(units.into(), Currency::EUR);
        let share = Ratio::of(used, days).unwrap();
        let parts = [whole.times(share, HALF).unwrap(), whole.times(share.complement().unwrap(), HALF).unwrap()];
        let sum = Money::sum(parts, Currency::EUR).unwrap();
        prop_assert!(sum.checked_sub(whole).unwrap().to_minor().unwrap().abs() <= 1);
    }

    #[test]
    fn rounding_moves_an_amount_by_at_most_half_a_minor_unit(digits in any::<i64>(), places in 0..=18_u32) {
        let exact = Decimal::new(digits, places);
        let rounded = Money::rounded(exact, Currency::EUR, HALF).unwrap();
        prop_assert!((rounded.amount() - exact).abs() <= Decimal::new(5, 3));
    }
}
