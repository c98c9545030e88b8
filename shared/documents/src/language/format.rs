//! Dates, numbers and amounts as a language writes them.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use saldo_billing::party::{Address, Country, TaxId};
use saldo_billing::period::Period;
use saldo_billing::tax::TaxRate;
use saldo_money::{Currency, Money};

use super::fill;
use super::texts::{Lookup, Texts};

/// The decimals of a quantity or price beyond which nobody reads on.
const MOST_DECIMALS: u32 = 12;

impl Texts {
    /// A date in full: `3 February 2027`.
    #[must_use]
    pub fn date(&self, date: NaiveDate) -> String {
        self.date_by(self.format.date, date)
    }

    /// A date where room is short: `3 Feb 2027`.
    #[must_use]
    pub fn short_date(&self, date: NaiveDate) -> String {
        self.date_by(self.format.date_short, date)
    }

    /// The days of a period, from the first to the last.
    #[must_use]
    pub fn days(&self, period: Period) -> String {
        let (first, last) = (self.short_date(period.start_on()), self.short_date(period.last_day()));
        fill(self.format.days, &[("first", &first), ("last", &last)])
    }

    /// An amount with its currency: `1.234,56 €`, `KWD 1,234.567`.
    #[must_use]
    pub fn money(&self, money: Money) -> String {
        let currency = money.currency();
        let amount = self.decimal(money.amount().abs(), currency.exponent());
        let text = match look_up(self.signs, currency.code()) {
            Some(sign) => fill(self.format.money, &[("amount", &amount), ("sign", sign)]),
            None => fill(self.format.money_by_code, &[("amount", &amount), ("code", currency.code())]),
        };
        if money.is_negative() { format!("-{text}") } else { text }
    }

    /// An amount without its currency, for a column that names it: `1.234,56`.
    #[must_use]
    pub fn amount(&self, money: Money) -> String {
        self.signed(money.amount(), money.currency().exponent())
    }

    /// The price of one: at least the decimals of the currency, more when it is finer.
    #[must_use]
    pub fn unit_price(&self, price: Decimal, currency: Currency) -> String {
        self.signed(price.normalize(), currency.exponent())
    }

    /// A number as it is, without zeros at the end: `2,5`.
    #[must_use]
    pub fn number(&self, number: Decimal) -> String {
        self.signed(number.normalize(), 0)
    }

    /// A tax rate: `19 %`.
    #[must_use]
    pub fn percent(&self, rate: TaxRate) -> String {
        let percent = rate.share().checked_mul(Decimal::ONE_HUNDRED).unwrap_or(rate.share());
        fill(self.format.percent, &[("number", &self.number(percent))])
    }

    /// The name of a country.
    #[must_use]
    pub fn country<'a>(&self, country: &'a Country) -> &'a str {
        look_up(self.countries, country.as_str()).unwrap_or(country.as_str())
    }

    /// A tax number with what it is: `VAT ID DE123456789`.
    #[must_use]
    pub fn tax_id(&self, id: &TaxId) -> String {
        let kind = look_up(self.tax_ids, &id.kind).or_else(|| look_up(self.tax_ids, "other")).unwrap_or_default();
        format!("{kind} {}", id.value)
    }

    /// An address as the post of its country writes it, one entry a line, with the country's name last.
    #[must_use]
    pub fn address(&self, address: &Address) -> Vec<String> {
        let said =
            |part: &Option<String>| part.as_deref().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
        let (postal_code, city, state) = (said(&address.postal_code), said(&address.city), said(&address.state));
        let words = |parts: Vec<Option<String>>, between: &str| {
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(between))
        };
        let town = match address.country.as_str() {
            "US" | "CA" | "AU" => vec![words(vec![city, words(vec![state, postal_code], " ")], ", ")],
            "GB" | "IE" | "IN" => vec![words(vec![city, state], ", "), postal_code],
            "IT" | "ES" => {
                let state = state.map(|state| format!("({state})"));
                vec![words(vec![postal_code, city, state], " ")]
            }
            _ => vec![words(vec![postal_code, city], " "), state],
        };
        let street = address.lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
        street.chain(town.into_iter().flatten()).chain([self.country(&address.country).to_owned()]).collect()
    }

    fn signed(&self, number: Decimal, decimals: u32) -> String {
        let text = self.decimal(number.abs(), decimals);
        if number.is_sign_negative() && !number.is_zero() { format!("-{text}") } else { text }
    }

    /// The digits of a number that is not negative, with at least so many decimals.
    fn decimal(&self, number: Decimal, decimals: u32) -> String {
        let digits = number.round_dp(MOST_DECIMALS.max(decimals)).to_string();
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let mut text = String::with_capacity(digits.len().saturating_add(8));
        let grouped = whole.len() >= self.format.group_from.parse().unwrap_or(usize::MAX);
        for (place, digit) in (0..whole.len()).rev().zip(whole.chars()) {
            text.push(digit);
            if grouped && place > 0 && place.is_multiple_of(3) {
                text.push_str(self.format.group);
            }
        }
        let shortest = usize::try_from(decimals).unwrap_or(0);
        if !fraction.is_empty() || shortest > 0 {
            text.push_str(self.format.decimal);
            text.push_str(fraction);
            text.extend(std::iter::repeat_n('0', shortest.saturating_sub(fraction.len())));
        }
        text
    }

    fn date_by(&self, pattern: &str, date: NaiveDate) -> String {
        let nth =
            |names: &'static str| names.split(' ').nth(usize::try_from(date.month0()).unwrap_or(0)).unwrap_or_default();
        fill(
            pattern,
            &[
                ("day", &date.day().to_string()),
                ("day2", &format!("{:02}", date.day())),
                ("month", nth(self.format.months)),
                ("month_short", nth(self.format.months_short)),
                ("month1", &date.month().to_string()),
                ("month2", &format!("{:02}", date.month())),
                ("year", &date.year().to_string()),
            ],
        )
    }
}

/// The text under a key of a sorted list.
pub(crate) fn look_up(list: Lookup, key: &str) -> Option<&'static str> {
    let place = list.binary_search_by_key(&key, |(known, _)| known).ok()?;
    list.get(place).map(|(_, text)| *text)
}
