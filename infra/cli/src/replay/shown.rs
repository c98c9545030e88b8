//! What a replay came to, as text.

use saldo_replay::{Difference, Event, Kind, Replay};
use saldo_store::Table;

use crate::card_data::masked_text;

/// The differences, at most `limit` of each sort one by one, and the summary.
pub(super) fn lines(replay: &Replay, limit: usize) -> Vec<String> {
    let differences = replay.differences();
    let mut lines: Vec<String> = differences.iter().take(limit).flat_map(difference).collect();
    lines.extend(rest("differences", differences.len(), limit));
    let answers = replay.only_answered.iter().take(limit);
    lines.extend(answers.map(|one| format!("answered   {} {}: no event tells it", one.payment, one.fact)));
    lines.extend(rest("facts known only from an answer", replay.only_answered.len(), limit));
    lines.extend(events("waits for", &replay.events.waiting, limit));
    lines.extend(events("refused:", &replay.events.refused, limit));
    lines.extend(summary(replay, differences.len()));
    lines
}

fn difference(difference: &Difference) -> Vec<String> {
    let Difference { table, key, kind, fields } = difference;
    let kind = match kind {
        Kind::Different => "different",
        Kind::Missing => "missing",
        Kind::Surplus => "surplus",
    };
    let mut lines = vec![format!("{kind:<9}  {table} {key}")];
    // One that is there on one side only is told by its key.
    if kind == "different" {
        lines.extend(fields.iter().map(|field| format!("           {}", masked_text(field))));
    }
    lines
}

fn events(what: &str, events: &[Event], limit: usize) -> Vec<String> {
    let told = events.iter().take(limit);
    let mut lines: Vec<String> =
        told.map(|event| format!("event      {} {what} {}", event.key.pk, masked_text(&event.reason))).collect();
    lines.extend(rest("events", events.len(), limit));
    lines
}

fn rest(what: &str, count: usize, limit: usize) -> Option<String> {
    count.checked_sub(limit).filter(|more| *more > 0).map(|more| format!("           and {more} more {what}"))
}

fn summary(replay: &Replay, differences: usize) -> Vec<String> {
    let events = &replay.events;
    let mut moving = 0_usize;
    let mut lines = vec![
        format!(
            "{} events told again, {} of them about payments: {} wait, {} are refused",
            events.all,
            events.of_payments,
            events.waiting.len(),
            events.refused.len()
        ),
        format!("{} items taken over as decided", replay.decisions),
        format!("{} facts known only from an answer", replay.only_answered.len()),
    ];
    for table in [Table::Inbox, Table::Billing, Table::Reports] {
        let tally = replay.tally(table);
        let compared = [tally.equal, tally.different, tally.missing, tally.surplus];
        let all = compared.into_iter().fold(0_usize, usize::saturating_add);
        if table == Table::Inbox && all == 0 {
            continue;
        }
        moving = moving.saturating_add(tally.moving);
        let unjudged = if tally.moving == 0 {
            String::new()
        } else {
            format!("; {} not judged, since they changed meanwhile or an event is on its way", tally.moving)
        };
        lines.push(format!(
            "{table}: {all} compared, {} equal, {} different, {} missing, {} surplus{unjudged}",
            tally.equal, tally.different, tally.missing, tally.surplus
        ));
        let (kept, rebuilt) = replay.hashes(table);
        lines.push(format!("  kept     {kept}"));
        lines.push(format!("  rebuilt  {rebuilt}"));
    }
    lines.push(match (differences, moving) {
        (0, 0) => "the books are what the facts come to".to_owned(),
        (0, _) => "what was judged is what the facts come to; replay again for the rest".to_owned(),
        (count, _) => format!("{count} DIFFER from what the facts come to"),
    });
    lines
}
