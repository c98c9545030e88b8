//! What an issued invoice says: fixed when it is finalised, never changed after.

use serde::{Deserialize, Serialize};

use super::line::Line;
use crate::id::InvoiceId;
use crate::party::{Address, Customer, Email, Language, Seller, TaxId};
use crate::tax::TaxSum;

/// Somebody as they were when the invoice was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartySnapshot {
    /// Their name.
    pub name: String,
    /// Their address.
    pub address: Address,
    /// Their tax numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_ids: Vec<TaxId>,
    /// Where they can be written to.
    pub email: Email,
}

/// The seller's look, as it was when the invoice was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// The colour, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// The line at the foot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
}

/// The content of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Its taxes, by rate.
    pub taxes: Vec<TaxSum>,
    /// Who issues it.
    pub seller: PartySnapshot,
    /// How it looks.
    pub branding: Branding,
    /// Who owes it.
    pub customer: PartySnapshot,
    /// In which language it is written.
    pub language: Language,
    /// The customer's region, for reports.
    pub region: String,
    /// The customer's channel, for reports.
    pub channel: String,
}

impl Document {
    /// The document of these lines, with both parties as they are now.
    #[must_use]
    pub fn between(
        invoice: InvoiceId,
        seller: &Seller,
        customer: &Customer,
        lines: Vec<Line>,
        taxes: Vec<TaxSum>,
    ) -> Self {
        Self {
            invoice,
            lines,
            taxes,
            seller: PartySnapshot {
                name: seller.name.clone(),
                address: seller.address.clone(),
                tax_ids: seller.tax_ids.clone(),
                email: seller.email.clone(),
            },
            branding: Branding { colour: seller.brand_colour.clone(), footer: seller.footer.clone() },
            customer: PartySnapshot {
                name: customer.name.clone(),
                address: customer.address.clone(),
                tax_ids: customer.tax_ids.clone(),
                email: customer.email.clone(),
            },
            language: customer.language.clone(),
            region: customer.region.clone(),
            channel: customer.channel.clone(),
        }
    }
}
