//! What sellers and customers have in common: an address, tax numbers.

use saldo_billing::party::{Address, Country, TaxId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::plain;
use crate::wire::{self, Wire};

/// The most lines of an address before the town.
const LINES_MAX: usize = 4;
/// The most tax numbers of one party.
const TAX_IDS_MAX: usize = 10;

/// An address, without the country, which stands beside it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Address)]
pub struct AddressFields {
    /// Street and number, or what stands for it.
    #[schema(max_items = 4)]
    lines: Vec<wire::PlaceLineText>,
    /// The postal code.
    postal_code: Option<wire::PlaceLineText>,
    /// The town.
    city: Option<wire::PlaceLineText>,
    /// State, province or canton, where the post wants it.
    state: Option<wire::PlaceLineText>,
}

impl AddressFields {
    /// The address in this country.
    ///
    /// # Errors
    /// When it has too many lines.
    pub fn in_country(self, country: Country) -> Result<Address, Problem> {
        if self.lines.len() > LINES_MAX {
            let reason = format!("expected at most {LINES_MAX} lines, found {}", self.lines.len());
            return Err(Problem::invalid("address.lines", reason));
        }
        let text = |field: Option<wire::PlaceLineText>| field.map(|Wire(line)| line.0);
        Ok(Address {
            lines: plain(self.lines).into_iter().map(|line| line.0).collect(),
            postal_code: text(self.postal_code),
            city: text(self.city),
            state: text(self.state),
            country,
        })
    }

    /// The address as it is shown.
    pub fn of(address: &Address) -> Self {
        let line = |text: &String| Wire(wire::PlaceLine(text.clone()));
        Self {
            lines: address.lines.iter().map(line).collect(),
            postal_code: address.postal_code.as_ref().map(line),
            city: address.city.as_ref().map(line),
            state: address.state.as_ref().map(line),
        }
    }
}

/// A tax number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaxId)]
pub struct TaxIdFields {
    /// Which kind it is.
    kind: wire::TaxKindText,
    /// The number as it is printed.
    value: wire::TaxValueText,
}

impl TaxIdFields {
    /// The numbers of a party.
    ///
    /// # Errors
    /// When there are too many.
    pub fn all(fields: Vec<Self>) -> Result<Vec<TaxId>, Problem> {
        if fields.len() > TAX_IDS_MAX {
            let reason = format!("expected at most {TAX_IDS_MAX} numbers, found {}", fields.len());
            return Err(Problem::invalid("tax_ids", reason));
        }
        Ok(fields.into_iter().map(|one| TaxId { kind: one.kind.0.0, value: one.value.0.0 }).collect())
    }

    /// The numbers as they are shown.
    pub fn of(tax_ids: &[TaxId]) -> Vec<Self> {
        let shown = |one: &TaxId| Self {
            kind: Wire(wire::TaxKind(one.kind.clone())),
            value: Wire(wire::TaxValue(one.value.clone())),
        };
        tax_ids.iter().map(shown).collect()
    }
}
