//! What customers look like in requests and answers.

use saldo_billing::party::{Customer, Seller};
use saldo_billing::provider::PaymentMethod;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::party::{AddressFields, TaxIdFields};
use crate::request::{given, given_or_null};
use crate::wire::{self, Wire};

/// The region or channel of who was given none.
pub const UNASSIGNED: &str = "unassigned";

/// A customer to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    /// From whom they buy; from the first seller when left out.
    #[serde(default)]
    pub seller: Option<wire::SellerId>,
    /// Their name, as invoices show it.
    pub name: wire::NameText,
    /// Where mail goes.
    pub email: wire::Email,
    /// The country of their address.
    pub country: wire::Country,
    /// The rest of their address.
    #[serde(default)]
    pub address: Option<AddressFields>,
    /// Where their days begin: periods and due dates are dates of this zone.
    pub zone: wire::Zone,
    /// In which language they read; the seller's when left out.
    #[serde(default)]
    pub language: Option<wire::Language>,
    /// The sales region for reports; `unassigned` when left out.
    #[serde(default)]
    pub region: Option<wire::LabelText>,
    /// The sales channel for reports; `unassigned` when left out.
    #[serde(default)]
    pub channel: Option<wire::LabelText>,
    /// Their tax numbers; at most ten.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub tax_ids: Vec<TaxIdFields>,
    /// The method that automatic collection charges.
    #[serde(default)]
    pub payment_method: Option<MethodFields>,
}

/// What to change of a customer; what is left out stays.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerChange {
    /// Their name.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::NameText, required = false)]
    pub name: Option<wire::NameText>,
    /// Where mail goes.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Email, required = false)]
    pub email: Option<wire::Email>,
    /// The country of their address.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Country, required = false)]
    pub country: Option<wire::Country>,
    /// The rest of their address, as a whole.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = AddressFields, required = false)]
    pub address: Option<AddressFields>,
    /// Where their days begin.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Zone, required = false)]
    pub zone: Option<wire::Zone>,
    /// In which language they read.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Language, required = false)]
    pub language: Option<wire::Language>,
    /// The sales region.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::LabelText, required = false)]
    pub region: Option<wire::LabelText>,
    /// The sales channel.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::LabelText, required = false)]
    pub channel: Option<wire::LabelText>,
    /// Their tax numbers, all of them.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Vec<TaxIdFields>, required = false, max_items = 10)]
    pub tax_ids: Option<Vec<TaxIdFields>>,
    /// The method that automatic collection charges; `null` for none.
    #[serde(deserialize_with = "given_or_null")]
    #[schema(value_type = Option<MethodFields>, required = false)]
    pub payment_method: Option<Option<MethodFields>>,
}

/// A saved payment method: tokens of the provider, never card data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentMethod)]
pub struct MethodFields {
    /// The provider account that keeps it; the seller's when left out.
    #[serde(default)]
    account: Option<wire::ProviderAccount>,
    /// The provider's token for the method.
    token: wire::ProviderReferenceText,
    /// The provider's id for the customer who owns it.
    customer: wire::ProviderReferenceText,
    /// What kind it is, in the provider's word.
    kind: wire::ProviderWordText,
    /// The card network, where there is one.
    #[serde(default)]
    network: Option<wire::ProviderWordText>,
    /// The last four characters, for people to recognise it.
    #[serde(default)]
    last4: Option<wire::LastFourText>,
    /// The last month in which it can be used.
    #[serde(default)]
    expires: Option<wire::MonthText>,
}

impl MethodFields {
    /// The method, at the seller's account where none was named.
    pub fn domain(self, seller: &Seller) -> PaymentMethod {
        PaymentMethod {
            account: self.account.map_or_else(|| seller.provider_account.clone(), |account| account.0),
            token: self.token.0.0,
            customer: self.customer.0.0,
            kind: self.kind.0.0,
            network: self.network.map(|network| network.0.0),
            last4: self.last4.map(|last4| last4.0.0),
            expires: self.expires.map(|month| month.0.0),
        }
    }

    fn of(method: &PaymentMethod) -> Self {
        let word = |word: &String| Wire(wire::ProviderWord(word.clone()));
        Self {
            account: Some(Wire(method.account.clone())),
            token: Wire(wire::ProviderReference(method.token.clone())),
            customer: Wire(wire::ProviderReference(method.customer.clone())),
            kind: word(&method.kind),
            network: method.network.as_ref().map(word),
            last4: method.last4.clone().map(wire::LastFour).map(Wire),
            expires: method.expires.clone().map(wire::Month).map(Wire),
        }
    }
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerView {
    /// Their id.
    id: wire::CustomerId,
    /// From whom they buy.
    seller: wire::SellerId,
    /// Their name.
    name: String,
    /// Where mail goes.
    email: wire::Email,
    /// The country of their address.
    country: wire::Country,
    /// The rest of their address.
    address: AddressFields,
    /// Where their days begin.
    zone: wire::Zone,
    /// In which language they read.
    language: wire::Language,
    /// The sales region.
    region: String,
    /// The sales channel.
    channel: String,
    /// Their tax numbers.
    tax_ids: Vec<TaxIdFields>,
    /// The method that automatic collection charges.
    #[schema(required = true)]
    payment_method: Option<MethodFields>,
    /// Since when no mail is sent to them. Nothing sets it yet.
    #[schema(required = true)]
    suppressed_at: Option<wire::Instant>,
    /// When they were made.
    created_at: wire::Instant,
}

impl CustomerView {
    /// The customer as they are shown.
    pub fn of(customer: &Customer) -> Self {
        Self {
            id: Wire(customer.id),
            seller: Wire(customer.seller),
            name: customer.name.clone(),
            email: Wire(customer.email.clone()),
            country: Wire(customer.address.country.clone()),
            address: AddressFields::of(&customer.address),
            zone: Wire(customer.zone),
            language: Wire(customer.language.clone()),
            region: customer.region.clone(),
            channel: customer.channel.clone(),
            tax_ids: TaxIdFields::of(&customer.tax_ids),
            payment_method: customer.payment_method.as_ref().map(MethodFields::of),
            suppressed_at: customer.suppressed_at.map(Wire),
            created_at: Wire(customer.created_at),
        }
    }
}
