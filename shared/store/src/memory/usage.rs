//! What the twin's requests would have cost.

use crate::{Consistency, Index, Item, Table, item};

/// Bytes of a read unit.
const READ_BYTES: usize = 4096;

/// Requests and capacity units consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Requests that went over the network.
    pub calls: u64,
    /// Write units, those of indexes included.
    pub write_units: u64,
    /// Halves of read units: an eventually consistent read of 4 KB is one half, a consistent one two.
    pub half_read_units: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            write_units: self.write_units.saturating_add(other.write_units),
            half_read_units: self.half_read_units.saturating_add(other.half_read_units),
        }
    }

    /// What has been consumed since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            write_units: self.write_units.saturating_sub(earlier.write_units),
            half_read_units: self.half_read_units.saturating_sub(earlier.half_read_units),
        }
    }

    pub(super) fn count_call(&mut self) {
        self.calls = self.calls.saturating_add(1);
    }

    pub(super) fn count_read(
        &mut self,
        calls: usize,
        sizes: impl IntoIterator<Item = usize>,
        consistency: Consistency,
    ) {
        let halves = match consistency {
            Consistency::Strong => 2,
            Consistency::Eventual => 1,
        };
        self.calls = self.calls.saturating_add(u64::try_from(calls).unwrap_or(u64::MAX));
        for bytes in sizes {
            let units = u64::try_from(bytes.div_ceil(READ_BYTES).max(1)).unwrap_or(u64::MAX);
            self.half_read_units = self.half_read_units.saturating_add(units.saturating_mul(halves));
        }
    }

    /// Counts a write of an item of so many bytes and says its units.
    pub(super) fn count_write(&mut self, factor: u64, bytes: usize) -> u64 {
        let units = item::write_units(bytes).saturating_mul(factor);
        self.write_units = self.write_units.saturating_add(units);
        units
    }

    pub(super) fn count_index_writes(&mut self, units: u64) {
        self.write_units = self.write_units.saturating_add(units);
    }
}

/// Write units of a table's indexes for a change of an item: one for an entry that comes, goes or changes what it
/// carries, two for one that moves. Entries are far below a KB.
pub(super) fn index_units(table: Table, old: Option<&Item>, new: Option<&Item>) -> u64 {
    let units = |index: &Index| {
        let place = |item: Option<&Item>| item.and_then(|item| super::rows::place(*index, item)).map(owned);
        let carried = |item: Option<&Item>| {
            let names = index.included_attributes().iter();
            names.map(|name| item.and_then(|item| item.get(*name)).cloned()).collect::<Vec<_>>()
        };
        match (place(old), place(new)) {
            (None, None) => 0,
            (Some(_), None) | (None, Some(_)) => 1,
            (Some(before), Some(after)) if before != after => 2,
            (Some(_), Some(_)) => u64::from(carried(old) != carried(new)),
        }
    };
    table.indexes().iter().map(units).fold(0, u64::saturating_add)
}

fn owned((partition, sort): (&str, &str)) -> (String, String) {
    (partition.to_owned(), sort.to_owned())
}
