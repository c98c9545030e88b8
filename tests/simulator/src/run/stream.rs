//! The billing table's stream: shards in order, two readers, each with its own place in each shard.

use saldo_store::memory::Change;

/// How many shards the stream has.
const SHARDS: usize = 4;

/// How far back a shard may be rewound.
const REWIND: usize = 40;

/// Who reads the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Reports,
    Relay,
}

impl Reader {
    pub(super) const ALL: [Self; 2] = [Self::Reports, Self::Relay];
}

#[derive(Debug, Default)]
struct Shard {
    changes: Vec<Change>,
    /// Where each reader goes on, and whether it is reading now.
    places: [(usize, bool); 2],
}

/// All shards.
#[derive(Debug)]
pub(super) struct Streams([Shard; SHARDS]);

impl Default for Streams {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Shard::default()))
    }
}

/// What a reader was handed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) reader: Reader,
    pub(super) shard: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

const fn place(reader: Reader) -> usize {
    match reader {
        Reader::Reports => 0,
        Reader::Relay => 1,
    }
}

impl Streams {
    /// Takes changes in, each into the shard of its partition.
    pub(super) fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            let hash =
                change.key.pk.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
            if let Some(shard) = self.0.get_mut(hash % SHARDS) {
                shard.changes.push(change);
            }
        }
    }

    /// A reader and a shard with something to read.
    pub(super) fn waiting(&self, from: usize) -> Option<(Reader, usize)> {
        let all = (0..SHARDS).flat_map(|shard| Reader::ALL.map(|reader| (reader, shard)));
        let is_waiting = |(reader, shard): &(Reader, usize)| {
            self.0.get(*shard).is_some_and(|shard| {
                let (next, busy) = shard.places[place(*reader)];
                !busy && next < shard.changes.len()
            })
        };
        let mut waiting = all.filter(is_waiting);
        let count = waiting.clone().count();
        waiting.nth(from.checked_rem(count)?)
    }

    /// Hands out a batch; `rewind` hands out older changes once more.
    pub(super) fn read(
        &mut self,
        reader: Reader,
        shard: usize,
        most: usize,
        rewind: usize,
    ) -> Option<(Taken, Vec<Change>)> {
        let kept = self.0.get_mut(shard)?;
        let (next, busy) = kept.places.get_mut(place(reader))?;
        *busy = true;
        let first = next.saturating_sub(rewind);
        let batch: Vec<Change> = kept.changes.iter().skip(first).take(most).cloned().collect();
        Some((Taken { reader, shard, first, count: batch.len() }, batch))
    }

    /// The reader is through with a batch: it goes on behind it, or at the change of this sequence.
    pub(super) fn done(&mut self, taken: Taken, goes_on_at: Option<u64>) {
        let Some(shard) = self.0.get_mut(taken.shard) else { return };
        let end = taken.first.saturating_add(taken.count);
        let at = goes_on_at.and_then(|sequence| shard.changes.iter().position(|change| change.sequence == sequence));
        if let Some((next, busy)) = shard.places.get_mut(place(taken.reader)) {
            *next = at.unwrap_or(end).max(taken.first);
            *busy = false;
        }
        self.forget(taken.shard);
    }

    /// The reader died: it goes on where it was.
    pub(super) fn died(&mut self, taken: Taken) {
        if let Some((_, busy)) = self.0.get_mut(taken.shard).and_then(|shard| shard.places.get_mut(place(taken.reader)))
        {
            *busy = false;
        }
    }

    /// Forgets what nobody will read again.
    fn forget(&mut self, shard: usize) {
        let Some(shard) = self.0.get_mut(shard) else { return };
        if shard.places.iter().any(|(_, busy)| *busy) {
            return;
        }
        let read = shard.places.iter().map(|(next, _)| *next).min().unwrap_or(0).saturating_sub(REWIND);
        if read > 500 {
            shard.changes.drain(..read);
            for (next, _) in &mut shard.places {
                *next = next.saturating_sub(read);
            }
        }
    }

    /// Whether everything was read by everybody; otherwise what was not.
    pub(super) fn are_read(&self) -> Result<(), String> {
        for (number, shard) in self.0.iter().enumerate() {
            for reader in Reader::ALL {
                let next = shard.places[place(reader)].0;
                if next < shard.changes.len() {
                    return Err(format!("{reader:?} is at {next} of {} in shard {number}", shard.changes.len()));
                }
            }
        }
        Ok(())
    }
}
