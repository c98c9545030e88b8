//! What sellers look like in requests and answers.

use saldo_billing::dunning::{DunningPlan, DunningPolicy, DunningPolicyError};
use saldo_billing::party::Seller;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::party::{AddressFields, TaxIdFields};
use crate::problem::Problem;
use crate::request::{Whole, given, given_or_null};
use crate::wire::{self, Wire};

/// A seller to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeller {
    /// Its registered name.
    pub name: wire::NameText,
    /// Where customers can write to.
    pub email: wire::Email,
    /// The country of its registered address.
    pub country: wire::Country,
    /// The rest of its registered address.
    #[serde(default)]
    pub address: Option<AddressFields>,
    /// Its tax numbers, in the order in which they are printed; at most ten.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub tax_ids: Vec<TaxIdFields>,
    /// Where its days begin: issue dates are dates of this zone.
    pub zone: wire::Zone,
    /// The language used where the customer's is not known; English when left out.
    #[serde(default)]
    pub language: Option<wire::Language>,
    /// What invoice numbers begin with; `INV-` when left out.
    #[serde(default)]
    pub number_prefix: Option<wire::NumberPrefixText>,
    /// The colour of its documents.
    #[serde(default)]
    pub brand_colour: Option<wire::BrandColourText>,
    /// A line at the foot of its documents.
    #[serde(default)]
    pub footer: Option<wire::FooterText>,
    /// The provider account through which its customers pay; `stripe/main` when left out.
    #[serde(default)]
    pub provider_account: Option<wire::ProviderAccount>,
    /// How it chases what is due; reminders 3 days before and 1, 7 and 14 after, retries after 3, 5 and 7 days when left out.
    #[serde(default)]
    pub dunning: Option<DunningFields>,
}

/// What to change of a seller; what is left out stays. Documents that were issued do not change.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SellerChange {
    /// Its registered name.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::NameText, required = false)]
    pub name: Option<wire::NameText>,
    /// Where customers can write to.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Email, required = false)]
    pub email: Option<wire::Email>,
    /// The country of its registered address.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Country, required = false)]
    pub country: Option<wire::Country>,
    /// The rest of its registered address, as a whole.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = AddressFields, required = false)]
    pub address: Option<AddressFields>,
    /// Its tax numbers, all of them.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Vec<TaxIdFields>, required = false, max_items = 10)]
    pub tax_ids: Option<Vec<TaxIdFields>>,
    /// Where its days begin.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Zone, required = false)]
    pub zone: Option<wire::Zone>,
    /// The language used where the customer's is not known.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Language, required = false)]
    pub language: Option<wire::Language>,
    /// What the next invoice numbers begin with; they go on counting.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::NumberPrefixText, required = false)]
    pub number_prefix: Option<wire::NumberPrefixText>,
    /// The colour of its documents; `null` for none.
    #[serde(deserialize_with = "given_or_null")]
    #[schema(value_type = Option<wire::BrandColourText>, required = false)]
    pub brand_colour: Option<Option<wire::BrandColourText>>,
    /// A line at the foot of its documents; `null` for none.
    #[serde(deserialize_with = "given_or_null")]
    #[schema(value_type = Option<wire::FooterText>, required = false)]
    pub footer: Option<Option<wire::FooterText>>,
    /// The provider account through which its customers pay.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::ProviderAccount, required = false)]
    pub provider_account: Option<wire::ProviderAccount>,
    /// How it chases what is due.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = DunningFields, required = false)]
    pub dunning: Option<DunningFields>,
}

/// How a seller chases what is due.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dunning)]
pub struct DunningFields {
    /// For each retry of a charge the wait since the failure before it, in local days.
    #[schema(max_items = 10, example = json!([3, 5, 7]))]
    retry_after_days: Vec<RetryDays>,
    /// What happens when the last retry has failed.
    when_exhausted: EndAction,
    /// On which days reminders are sent, counted from the due date: -3 is three days before.
    #[schema(max_items = 20, example = json!([-3, 1, 7, 14]))]
    reminder_days: Vec<ReminderDay>,
    /// At which local time reminders are sent, `HH:MM`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "09:00")]
    reminder_time: String,
}

/// A wait for the next retry of a charge, in local days.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u16, minimum = 1, maximum = 60)]
pub struct RetryDays(Whole<u16>);

/// A day on which a reminder is sent, counted from the due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i16, minimum = -90, maximum = 365)]
pub struct ReminderDay(Whole<i16>);

/// What happens when the last retry has failed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndAction {
    /// The subscription is paused, the invoice stays open.
    Pause,
    /// The subscription is cancelled, the invoice stays open.
    Cancel,
    /// The invoice is marked as uncollectible, the subscription goes on.
    Uncollectible,
}

impl DunningFields {
    /// The policy.
    ///
    /// # Errors
    /// When the days or the time are beyond their bounds.
    pub fn policy(mut self) -> Result<DunningPolicy, Problem> {
        self.reminder_days.sort_unstable();
        self.reminder_days.dedup();
        use saldo_billing::dunning::EndAction as Domain;
        let time = chrono::NaiveTime::parse_from_str(&self.reminder_time, "%H:%M").ok();
        let shaped = time.filter(|time| time.format("%H:%M").to_string() == self.reminder_time);
        let reminder_time =
            shaped.ok_or_else(|| Problem::invalid("dunning.reminder_time", "expected a time like `09:00`"))?;
        let plan = DunningPlan {
            retry_after_days: self.retry_after_days.into_iter().map(|days| days.0.0).collect(),
            when_exhausted: match self.when_exhausted {
                EndAction::Pause => Domain::Pause,
                EndAction::Cancel => Domain::Cancel,
                EndAction::Uncollectible => Domain::Uncollectible,
            },
            reminder_days: self.reminder_days.into_iter().map(|day| day.0.0).collect(),
            reminder_time,
        };
        DunningPolicy::try_from(plan).map_err(|error| {
            let field = match error {
                DunningPolicyError::Retries { .. } => "dunning.retry_after_days",
                DunningPolicyError::Reminders { .. } => "dunning.reminder_days",
            };
            Problem::refused(field, error.to_string())
        })
    }

    fn of(policy: &DunningPolicy) -> Self {
        use saldo_billing::dunning::EndAction as Domain;
        let plan = DunningPlan::from(policy.clone());
        Self {
            retry_after_days: plan.retry_after_days.into_iter().map(Whole).map(RetryDays).collect(),
            when_exhausted: match plan.when_exhausted {
                Domain::Pause => EndAction::Pause,
                Domain::Cancel => EndAction::Cancel,
                Domain::Uncollectible => EndAction::Uncollectible,
            },
            reminder_days: plan.reminder_days.into_iter().map(Whole).map(ReminderDay).collect(),
            reminder_time: plan.reminder_time.format("%H:%M").to_string(),
        }
    }
}

/// A seller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Seller)]
pub struct SellerView {
    /// Its id.
    id: wire::SellerId,
    /// Its registered name.
    name: String,
    /// Where customers can write to.
    email: wire::Email,
    /// The country of its registered address.
    country: wire::Country,
    /// The rest of its registered address.
    address: AddressFields,
    /// Its tax numbers.
    tax_ids: Vec<TaxIdFields>,
    /// Where its days begin.
    zone: wire::Zone,
    /// The language used where the customer's is not known.
    language: wire::Language,
    /// What invoice numbers begin with.
    number_prefix: String,
    /// The colour of its documents.
    #[schema(required = true)]
    brand_colour: Option<String>,
    /// A line at the foot of its documents.
    #[schema(required = true)]
    footer: Option<String>,
    /// The provider account through which its customers pay.
    provider_account: wire::ProviderAccount,
    /// How it chases what is due.
    dunning: DunningFields,
    /// When it was made.
    created_at: wire::Instant,
}

impl SellerView {
    /// The seller as it is shown.
    pub fn of(seller: &Seller) -> Self {
        Self {
            id: Wire(seller.id),
            name: seller.name.clone(),
            email: Wire(seller.email.clone()),
            country: Wire(seller.address.country.clone()),
            address: AddressFields::of(&seller.address),
            tax_ids: TaxIdFields::of(&seller.tax_ids),
            zone: Wire(seller.zone),
            language: Wire(seller.language.clone()),
            number_prefix: seller.number_prefix.clone(),
            brand_colour: seller.brand_colour.clone(),
            footer: seller.footer.clone(),
            provider_account: Wire(seller.provider_account.clone()),
            dunning: DunningFields::of(&seller.dunning),
            created_at: Wire(seller.created_at),
        }
    }
}
