//! What every engine of the store must do: one set of cases, run on each.

pub(crate) mod adding;
pub(crate) mod conditions;
pub(crate) mod entities;
pub(crate) mod indexes;
pub(crate) mod queries;
pub(crate) mod races;
pub(crate) mod transactions;
pub(crate) mod values;

use std::collections::HashMap;
use std::sync::Arc;

use saldo_store::{
    AttributeValue, CommitError, Committed, Condition, Consistency, FailedWrite, Item, Key, Page, Query, Store, Table,
    Transaction, TransactionError,
};

/// The store a case runs on.
pub(crate) type Engine = Arc<dyn Store>;

/// Makes one test of each case.
macro_rules! cases {
    ($run:path) => {
        contract::cases!(@modules $run;
            conditions: absent_lets_the_first_in_and_shows_it_to_the_second, version_lets_only_the_next_write_in,
                present_needs_an_item, a_delete_honours_its_condition, a_check_writes_nothing;
            transactions: nothing_is_written_when_one_condition_fails, every_failed_condition_is_told_with_its_place,
                a_hundred_writes_commit_and_no_more, two_writes_on_one_key_are_refused, tables_commit_together,
                an_empty_transaction_does_nothing, items_have_a_largest_size, write_units_are_told;
            adding: an_add_creates_adds_and_sets, sums_are_exact, an_add_to_text_is_refused,
                an_add_is_never_overwritten_unseen, an_item_cannot_grow_too_large_by_adding;
            races: fifty_parallel_adds_all_count, fifty_parallel_updates_all_land_with_retry,
                of_fifty_creators_one_wins, fifty_transactions_on_one_item_all_land;
            queries: ranges_select_by_sort_key, order_is_that_of_bytes_in_both_directions, pages_show_every_item_once,
                a_cursor_survives_json, a_cursor_of_another_list_is_refused, an_empty_partition_is_an_empty_page,
                a_range_without_room_is_an_empty_page, a_full_last_page_is_the_last, a_page_of_large_items_goes_on;
            indexes: an_index_lists_by_its_keys_and_shows_no_more, an_item_without_the_attributes_is_not_listed,
                an_entry_moves_with_its_item, equal_sort_keys_are_all_listed, an_index_has_no_consistent_reads,
                an_index_key_must_be_text;
            values: any_text_and_any_bytes_come_back, numbers_come_back_exactly_and_in_one_form,
                many_are_read_in_order_once, what_is_not_there_is_none, a_key_must_not_be_empty;
            entities: an_entity_comes_back_as_it_was, an_update_needs_the_version_that_was_read,
                due_work_is_found_until_its_instant, the_newest_of_a_kind_are_merged_over_shards,
                a_customers_list_is_paged_newest_first, a_list_kept_by_another_entity_is_paged_newest_first,
                an_item_that_is_no_such_entity_is_named;
        );
    };
    (@modules $run:path; $($module:ident: $($case:ident),*;)*) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $case() {
                $run(crate::contract::$module::$case).await;
            })*
        })*
    };
}
pub(crate) use cases;

/// Text as an attribute.
pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A number as an attribute.
pub(crate) fn n(digits: &str) -> AttributeValue {
    AttributeValue::N(digits.to_owned())
}

/// An item with this key, version 1 and these attributes.
pub(crate) fn item<const N: usize>(pk: &str, sk: &str, attributes: [(&str, AttributeValue); N]) -> Item {
    let own = [("pk", s(pk)), ("sk", s(sk)), ("v", n("1"))];
    let all = own.into_iter().chain(attributes).map(|(name, value)| (name.to_owned(), value));
    all.collect::<HashMap<_, _>>().into()
}

/// The same item at another version.
pub(crate) fn at_version(mut item: Item, version: u64) -> Item {
    item.insert("v".into(), n(&version.to_string()));
    item
}

/// Commits one write.
pub(crate) async fn commit(
    store: &Engine,
    add: impl FnOnce(&mut Transaction) -> Result<usize, TransactionError>,
) -> Result<Committed, CommitError> {
    let mut transaction = Transaction::new();
    add(&mut transaction).unwrap();
    store.commit(transaction).await
}

/// Stores items, whatever is there.
pub(crate) async fn put(store: &Engine, items: impl IntoIterator<Item = Item>) {
    let mut transaction = Transaction::new();
    for item in items {
        if transaction.len() == saldo_store::MAX_WRITES {
            store.commit(std::mem::take(&mut transaction)).await.unwrap();
        }
        transaction.put(Table::Billing, item, Condition::Always).unwrap();
    }
    store.commit(transaction).await.unwrap();
}

/// The item under a key of the billing table.
pub(crate) async fn get(store: &Engine, pk: &str, sk: &str) -> Option<Item> {
    store.get(Table::Billing, &Key::new(pk, sk), Consistency::Strong).await.unwrap()
}

/// The conditions that did not hold.
pub(crate) fn failed(result: Result<Committed, CommitError>) -> Vec<FailedWrite> {
    match result {
        Err(CommitError::Conflict { failed }) => failed,
        other => panic!("expected a conflict, found {other:?}"),
    }
}

/// The sort keys of a page's items.
pub(crate) fn sort_keys(page: &Page) -> Vec<String> {
    page.items.iter().map(|item| saldo_store::text(item, "sk").unwrap().to_owned()).collect()
}

/// The sort keys of all pages of a query.
pub(crate) async fn all_sort_keys(store: &Engine, query: Query) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.query(query.clone().after(after)).await.unwrap();
        found.extend(sort_keys(&page));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}
