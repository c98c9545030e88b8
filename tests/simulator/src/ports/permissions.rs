//! What the functions may do on the deployed stack, by their roles in the template: the twins hold them to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use architecture::grants::{Grant, grants};
use architecture::stack::Stack;
use saldo_messages::Destination;
use saldo_store::{Index, Table, Write};

use crate::moment;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    action: &'static str,
    resource: &'static str,
    part: &'static str,
}

impl Need {
    /// To read items by their keys.
    pub(crate) const fn read(table: Table, many: bool) -> Self {
        Self { action: if many { "dynamodb:BatchGetItem" } else { "dynamodb:GetItem" }, resource: id(table), part: "" }
    }

    /// To query a table or one of its indexes.
    pub(crate) const fn query(table: Table, index: Option<Index>) -> Self {
        let part = match index {
            None => "",
            Some(Index::Due) => "/index/due",
            Some(Index::ByCustomer) => "/index/by_customer",
            Some(Index::ByKind) => "/index/by_kind",
        };
        Self { action: "dynamodb:Query", resource: id(table), part }
    }

    /// To write, alone or within a transaction.
    pub(crate) const fn write(write: &Write) -> Self {
        let (action, table) = match write {
            Write::Put { table, .. } => ("dynamodb:PutItem", *table),
            Write::Add { table, .. } => ("dynamodb:UpdateItem", *table),
            Write::Delete { table, .. } => ("dynamodb:DeleteItem", *table),
            Write::Check { table, .. } => ("dynamodb:ConditionCheckItem", *table),
        };
        Self { action, resource: id(table), part: "" }
    }

    /// To send a message, or to tell the bus.
    pub(crate) const fn send(to: Destination) -> Self {
        let (action, resource) = match to {
            Destination::ProviderEvents => ("sqs:SendMessage", "ProviderEventsQueue"),
            Destination::InvoicesDue => ("sqs:SendMessage", "InvoicesDueQueue"),
            Destination::Collections => ("sqs:SendMessage", "CollectionsQueue"),
            Destination::Reminders => ("sqs:SendMessage", "RemindersQueue"),
            Destination::DomainEvents => ("events:PutEvents", "DomainEventsBus"),
        };
        Self { action, resource, part: "" }
    }

    /// To put a document into the archive or to get one.
    pub(crate) const fn document(action: &'static str) -> Self {
        Self { action, resource: "DocumentsBucket", part: "/documents/*" }
    }
}

/// The table's name in the template.
const fn id(table: Table) -> &'static str {
    match table {
        Table::Inbox => "InboxTable",
        Table::Billing => "BillingTable",
        Table::Reports => "ReportsTable",
    }
}

/// The grants of the template, and what was asked for.
pub(crate) struct Permissions {
    granted: &'static BTreeMap<String, BTreeSet<Grant>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: BTreeSet<(&'static str, Need)>,
    refused: Option<String>,
}

impl Permissions {
    /// Those of the template in this repository.
    pub(crate) fn of_the_template() -> anyhow::Result<Self> {
        Ok(Self { granted: granted()?, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the function at work needs this.
    pub(crate) fn need(&self, need: Need) {
        let function = moment::function();
        let mut state = self.lock();
        if !state.used.insert((function, need)) {
            return;
        }
        let Need { action, resource, part } = need;
        let wanted = Grant { action: action.to_owned(), resource: resource.to_owned(), part: part.to_owned() };
        if !self.granted.get(function).is_some_and(|granted| granted.contains(&wanted)) {
            state.refused = Some(format!("the template does not grant {function} {wanted}"));
        }
    }

    /// What somebody needed and may not do.
    pub(crate) fn take_refused(&self) -> Option<String> {
        self.lock().refused.take()
    }

    /// Everything that was needed, as [`unneeded`] takes it.
    pub(crate) fn used(&self) -> BTreeSet<String> {
        let shown = |(function, need): &(&str, Need)| {
            let Need { action, resource, part } = need;
            format!("{function}: {action} on {resource}{part}")
        };
        self.lock().used.iter().map(shown).collect()
    }
}

fn granted() -> anyhow::Result<&'static BTreeMap<String, BTreeSet<Grant>>> {
    static GRANTED: OnceLock<BTreeMap<String, BTreeSet<Grant>>> = OnceLock::new();
    if let Some(granted) = GRANTED.get() {
        return Ok(granted);
    }
    let read = grants(&Stack::read(&architecture::repository())?);
    Ok(GRANTED.get_or_init(|| read))
}

/// What the template grants and nobody needed, of the things that can happen here.
///
/// # Errors
/// When the template cannot be read.
pub fn unneeded(used: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    let happens = |grant: &&Grant| {
        let is_stream = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
        let is_data = grant.action.starts_with("dynamodb:") && !is_stream.iter().any(|end| grant.action.ends_with(end));
        let is_message = grant.action == "sqs:SendMessage" && !grant.resource.ends_with("Dlq");
        is_data || is_message || ["events:PutEvents", "s3:GetObject", "s3:PutObject"].contains(&grant.action.as_str())
    };
    let shown = granted()?.iter().flat_map(|(function, granted)| {
        granted.iter().filter(happens).map(move |grant| format!("{function}: {grant}"))
    });
    Ok(shown.filter(|grant| !used.contains(grant)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_template_does_not_grant_is_refused_by_name() {
        let permissions = Permissions::of_the_template().unwrap();
        moment::give_to("billing-tick", moment::now());
        permissions.need(Need::query(Table::Billing, Some(Index::Due)));
        permissions.need(Need::send(Destination::Reminders));
        assert_eq!(permissions.take_refused(), None);
        permissions.need(Need::read(Table::Billing, false));
        let told = "the template does not grant billing-tick dynamodb:GetItem on BillingTable";
        assert_eq!(permissions.take_refused().as_deref(), Some(told));
    }

    #[test]
    fn what_is_granted_and_not_needed_is_told() {
        let granted = "billing-tick: dynamodb:Query on BillingTable/index/due".to_owned();
        assert!(unneeded(&BTreeSet::new()).unwrap().contains(&granted));
        assert!(!unneeded(&BTreeSet::from([granted.clone()])).unwrap().contains(&granted));
    }
}
