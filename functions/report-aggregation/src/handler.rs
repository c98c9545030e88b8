//! From changes of the books to reports.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::DynamoDbEventResponse;
use saldo_books::BooksError;
use saldo_books::reports::{self, Hint, Place, Refused, Subject};
use saldo_messages::{Disposed, Disposition};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
use saldo_runtime::stream::{self, Change, GroupFailure, StreamError};
use saldo_store::{Key, Store};
use serde::{Deserialize, Serialize};

/// What the function is invoked with: a batch of the stream, or a wish to rebuild.
#[derive(Debug, Default, Deserialize)]
pub struct Input {
    /// Changes of the billing table.
    #[serde(rename = "Records", default)]
    pub records: Option<Vec<EventRecord>>,
    /// Where to go on with a walk over everything; `{}` is the beginning.
    #[serde(default)]
    pub rebuild: Option<Place>,
}

/// What the function answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// To a batch: where to come back to, if anywhere.
    Batch(DynamoDbEventResponse),
    /// To a wish to rebuild.
    Walked(Walked),
}

/// How far a walk over everything came.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Walked {
    /// How many things were looked at.
    pub looked_at: usize,
    /// The ids of those that could not be counted; the log has the reasons.
    pub refused: Vec<String>,
    /// Where to go on; null at the end.
    pub next: Option<Place>,
}

/// Why an invocation failed; all of it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Neither of what the function does.
    #[error("expected `Records` of a table's stream or `rebuild`, found neither")]
    Input,
    /// The batch is none of a table's stream.
    #[error("the batch could not be read")]
    Stream(#[from] StreamError),
    /// The walk came to a halt.
    #[error("the reports could not be rebuilt")]
    Rebuild(#[source] BooksError),
}

/// Counts a batch, or walks over everything.
///
/// # Errors
/// [`HandleError`].
pub async fn handle(store: &dyn Store, input: Input, budget: Budget) -> Result<Output, HandleError> {
    match (input.records, input.rebuild) {
        (Some(records), _) => {
            let mut event = Event::default();
            event.records = records;
            Ok(Output::Batch(count(store, event, budget).await?))
        }
        (None, Some(place)) => Ok(Output::Walked(walk(store, place, budget).await?)),
        (None, None) => Err(HandleError::Input),
    }
}

/// Why a batch is not done.
#[derive(Debug, thiserror::Error)]
enum CountError {
    /// This could not be counted; everything else of the batch was.
    #[error("{subjects} could not be counted")]
    Subjects {
        subjects: String,
        #[source]
        source: BooksError,
    },
    #[error("the batch could not be counted")]
    Batch(#[source] BooksError),
}

impl Disposed for CountError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Subjects { source, .. } | Self::Batch(source) => source.disposition(),
        }
    }
}

async fn count(store: &dyn Store, event: Event, budget: Budget) -> Result<DynamoDbEventResponse, StreamError> {
    // The batch as a whole is one piece of work: the more changes, the more of them share a write.
    stream::process_groups(event, budget, usize::MAX, |changes| count_together(store, changes)).await
}

/// Counts all changes that can be counted; the first that cannot is where the stream goes on.
async fn count_together(store: &dyn Store, changes: Vec<Change>) -> Result<(), GroupFailure<CountError>> {
    let hints: Vec<Option<Hint>> = changes.iter().map(hint).collect();
    let about: Vec<Option<Subject>> = hints.iter().map(|hint| hint.as_ref().and_then(Hint::subject)).collect();
    let refused = reports::apply(store, hints.into_iter().flatten().collect()).await.map_err(CountError::Batch)?;
    tracing::info!(stream.changes = changes.len(), report.refused = refused.len(), "counted");
    // What a customer's move led to has no change of its own: then all comes again.
    let is_of = |refused: &Refused, about: &Option<Subject>| about.is_some_and(|one| refused.subjects.contains(&one));
    let place = |refused: &Refused| about.iter().position(|about| is_of(refused, about)).unwrap_or(0);
    let mut in_order: Vec<(usize, Refused)> = refused.into_iter().map(|refused| (place(&refused), refused)).collect();
    in_order.sort_by_key(|(place, _)| *place);
    let mut in_order = in_order.into_iter();
    let Some((done, first)) = in_order.next() else { return Ok(()) };
    in_order.for_each(|(_, refused)| log(&refused));
    Err(GroupFailure { done, error: CountError::Subjects { subjects: first.names(), source: first.error } })
}

fn hint(change: &Change) -> Option<Hint> {
    Hint::of_change(&Key::of(&change.keys)?, change.old_image(), change.new_image())
}

fn log(refused: &Refused) {
    let (subjects, chain) = (refused.names(), logs::chain(&refused.error));
    match refused.error.disposition() {
        Disposition::Retry => {
            tracing::warn!(report.subjects = subjects, error.chain = chain, "not counted, comes again");
        }
        Disposition::Poison => {
            tracing::error!(report.subjects = subjects, error.chain = chain, "this cannot be counted");
        }
    }
}

async fn walk(store: &dyn Store, place: Place, budget: Budget) -> Result<Walked, HandleError> {
    let mut walked = Walked { next: Some(place), ..Walked::default() };
    while let Some(place) = walked.next.take() {
        let step = reports::rebuild(store, place).await.map_err(HandleError::Rebuild)?;
        step.refused.iter().for_each(log);
        walked.looked_at = walked.looked_at.saturating_add(step.looked_at);
        walked.refused.extend(step.refused.iter().flat_map(Refused::ids));
        walked.next = step.next;
        if !budget.allows_start() {
            break;
        }
    }
    tracing::info!(report.looked_at = walked.looked_at, report.is_complete = walked.next.is_none(), "walked");
    Ok(walked)
}
