//! Reports: asked for by name, read from aggregates that are kept up to date.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::report::{By, Days, ReportError, ReportName};
use saldo_books::reports::{QueryError, query};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Named, Params};
use crate::wire::{self, Scalar};

/// The routes of reports.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get))
}

impl Scalar for ReportName {
    const NAME: &'static str = "ReportName";

    fn schema() -> Value {
        let names: Vec<&str> = Self::ALL.iter().map(|name| name.name()).collect();
        json!({"type": "string", "description": "Which report.", "enum": names})
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: saldo_billing::report::UnknownReport| error.to_string())
    }

    fn write(&self) -> String {
        self.name().to_owned()
    }
}

impl Scalar for By {
    const NAME: &'static str = "ReportDimension";

    fn schema() -> Value {
        let names: Vec<&str> = Self::ALL.iter().map(|by| by.name()).collect();
        json!({"type": "string", "description": "What the rows of a report stand for.", "enum": names})
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: saldo_billing::report::UnknownReport| error.to_string())
    }

    fn write(&self) -> String {
        self.name().to_owned()
    }
}

/// What a report looks like: `saldo_billing::report::Report` as it serialises; [`schemas`] says how.
#[derive(Debug, ToSchema)]
#[schema(as = Report)]
pub struct ReportView {}

/// The schemas of reports: one kind of row for each.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let money = |what: &str| ("money", what.to_owned());
    let count = |what: &str| ("count", what.to_owned());
    let maybe = |what: &str| ("average", what.to_owned());
    let rate = |what: &str| ("rate", what.to_owned());
    let rows = [
        (
            "RevenueRow",
            vec![
                ("net", money("Invoiced, without tax.")),
                ("tax", money("The tax on it.")),
                ("total", money("With tax.")),
            ],
        ),
        ("TaxRow", vec![("net", money("What the tax is on.")), ("tax", money("The tax."))]),
        ("RefundsRow", vec![("refunded", money("Given back, tax included."))]),
        (
            "PaymentsRow",
            vec![
                ("attempts", count("Attempts that were decided.")),
                ("succeeded", count("Those that took money.")),
                ("failed", count("Those that were declined.")),
                ("success_rate", rate("Succeeded ÷ attempts.")),
                ("captured", money("What was taken.")),
                ("invoices", count("Invoices of which an attempt was decided for the first time.")),
                ("invoices_paid", count("Those of them that were paid, then or later.")),
                ("invoice_success_rate", rate("Invoices paid ÷ invoices.")),
            ],
        ),
        (
            "MrrRow",
            vec![
                ("opening", money("Before the first day.")),
                ("new", money("By new customers.")),
                ("expansion", money("By customers who had some.")),
                ("reactivation", money("By customers who had had some once.")),
                ("contraction", money("Lost of customers who keep some.")),
                ("churn", money("Lost with customers.")),
                ("closing", money("Opening + new + expansion + reactivation − contraction − churn.")),
            ],
        ),
        (
            "AtvRow",
            vec![
                ("payments", count("Payments that took money.")),
                ("captured", money("What they took.")),
                ("refunded", money("What was given back.")),
                ("average_gross", maybe("Captured ÷ payments.")),
                ("average_net", maybe("Captured less refunded ÷ payments.")),
            ],
        ),
    ];
    let kinds: Vec<Value> =
        rows.iter().map(|(name, _)| json!({"$ref": format!("#/components/schemas/{name}")})).collect();
    let report = json!({
        "type": "object",
        "description": "A report: the rows in which something is not zero, by currency and key.",
        "properties": {
            "name": {"$ref": "#/components/schemas/ReportName"},
            "from": {"$ref": "#/components/schemas/Date"},
            "to": {"$ref": "#/components/schemas/Date"},
            "by": {"$ref": "#/components/schemas/ReportDimension"},
            "rows": {"type": "array", "items": {"anyOf": kinds}},
        },
        "required": ["name", "from", "to", "by", "rows"],
    });
    let rows = rows.into_iter().map(|(name, figures)| (name, row(&figures)));
    rows.chain([("Report", report)]).collect()
}

fn row(figures: &[(&str, (&str, String))]) -> Value {
    let reference =
        |name: &str, what: &str| json!({"$ref": format!("#/components/schemas/{name}"), "description": what});
    let mut properties = Map::new();
    properties.insert(
        "key".to_owned(),
        json!({"type": "string", "description": "The day, the month, or the value of the dimension."}),
    );
    properties.insert("currency".to_owned(), reference("Currency", "The currency of all amounts."));
    for (name, (kind, what)) in figures {
        let schema = match *kind {
            "money" => reference("Money", what),
            "count" => json!({"type": "integer", "minimum": 0, "description": what}),
            "average" => {
                json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Money"}], "description": what})
            }
            _ => json!({"type": ["string", "null"], "pattern": r"^[01](\.[0-9]{1,4})?$", "description": what}),
        };
        properties.insert((*name).to_owned(), schema);
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "description": "A row of a report.", "required": required, "properties": properties, "additionalProperties": false})
}

/// What to report on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    from: wire::Date,
    to: wire::Date,
    #[serde(default)]
    by: Option<wire::ReportDimension>,
    #[serde(default)]
    currency: Option<wire::Currency>,
}

/// Reports on some days, all currencies side by side or one of them.
///
/// `revenue`, `tax` and `mrr` can be asked for by `day`, `month`, `product`, `region` and `channel`; `payments` and `atv` by `day`,
/// `month`, `method` and `gateway`; `refunds` by all of them.
#[utoipa::path(get, path = "/v1/reports/{name}", tag = "reports", operation_id = "getReport",
    params(
        ("from" = wire::Date, Query, description = "The first day."),
        ("to" = wire::Date, Query, description = "The last day, included; at most ten years after the first."),
        ("by" = Option<wire::ReportDimension>, Query, description = "What the rows stand for; days when left out."),
        ("currency" = Option<wire::Currency>, Query, description = "Only this currency."),
    ),
    responses(
        (status = 200, description = "The report.", body = ReportView),
        (status = 422, description = "The days end before they begin, the report has no such dimension, or it would have too many rows for one answer."),
    ))]
async fn get(
    State(app): State<Arc<App>>,
    Named(name): Named<ReportName>,
    Params(asked): Params<Question>,
) -> Result<Reply, Problem> {
    let days = Days::try_new(asked.from.0, asked.to.0).map_err(|error| Problem::refused("to", error.to_string()))?;
    let by = asked.by.map_or(By::Day, |by| by.0);
    let currency = asked.currency.map(|currency| currency.0);
    let report = query(app.store.as_ref(), name, by, days, currency).await.map_err(problem)?;
    Reply::ok(&report)
}

fn problem(error: QueryError) -> Problem {
    match error {
        QueryError::Report(error @ ReportError::Dimension { .. }) => Problem::refused("by", error.to_string()),
        QueryError::Report(error @ ReportError::Days { .. }) => Problem::refused("to", error.to_string()),
        QueryError::Read(error) => error.into(),
        error @ (QueryError::Report(ReportError::Money(_)) | QueryError::Item { .. }) => Problem::internal(error),
    }
}
