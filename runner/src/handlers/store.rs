//! The payloads of records without a final verdict.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use livebus_core::dispatch::{Generation, PartitionId};

use crate::handlers::batch::Batch;

/// Records of a batch, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) batch: Arc<Batch>,
    pub(crate) first: usize,
    pub(crate) length: usize,
}

/// The batches of all assignments. A batch is dropped when each of its records has its final verdict.
#[derive(Debug, Default)]
pub(crate) struct Store {
    partitions: HashMap<PartitionId, Partition>,
}

#[derive(Debug)]
struct Partition {
    generation: Generation,
    next_offset: i64,
    batches: VecDeque<HeldBatch>,
    /// Why records failed the last time, by offset.
    failures: BTreeMap<i64, String>,
}

#[derive(Debug)]
struct HeldBatch {
    batch: Arc<Batch>,
    /// The first record that no batch before it has.
    first: usize,
    /// Records without a final verdict.
    left: usize,
}

impl Store {
    /// Begins an assignment whose records are at or above `position`.
    pub(crate) fn begin(&mut self, id: PartitionId, generation: Generation, position: i64) {
        let partition = Partition {
            generation,
            next_offset: position,
            batches: VecDeque::new(),
            failures: BTreeMap::new(),
        };
        self.partitions.insert(id, partition);
    }

    pub(crate) fn end(&mut self, id: PartitionId, generation: Generation) {
        if self.get(id, generation).is_some() {
            self.partitions.remove(&id);
        }
    }

    /// Returns the assignments.
    pub(crate) fn assignments(&self) -> impl Iterator<Item = (PartitionId, Generation)> {
        let all = self.partitions.iter();
        all.map(|(id, partition)| (*id, partition.generation))
    }

    /// Ends all assignments. Returns for each partition the offset from which on no record is left out that has no final verdict; some
    /// after it may have theirs.
    pub(crate) fn clear(&mut self) -> Vec<(PartitionId, i64)> {
        let all = self.partitions.drain();
        all.map(|(id, partition)| (id, partition.resume()))
            .collect()
    }

    /// Adds a batch. Returns the index of its first record that is new; `None` if the assignment has ended, or none is.
    pub(crate) fn push(
        &mut self,
        id: PartitionId,
        generation: Generation,
        batch: &Arc<Batch>,
    ) -> Option<usize> {
        let partition = self.get_mut(id, generation)?;
        let first = batch.index_of(partition.next_offset);
        let left = batch.len() - first;
        if left == 0 {
            return None;
        }
        partition.next_offset = batch.last_offset()?.saturating_add(1);
        partition.batches.push_back(HeldBatch {
            batch: Arc::clone(batch),
            first,
            left,
        });
        Some(first)
    }

    /// After records were removed: the next offset may be lower.
    pub(crate) fn seek(&mut self, id: PartitionId, generation: Generation, offset: i64) {
        if let Some(partition) = self.get_mut(id, generation) {
            partition.next_offset = offset;
            // None of them waits: the dispatcher continues only then.
            partition.batches.clear();
            partition.failures.clear();
        }
    }

    /// Returns the records of a run.
    pub(crate) fn slices(
        &self,
        id: PartitionId,
        generation: Generation,
        offset: i64,
        records: u32,
    ) -> Vec<Slice> {
        let Some(partition) = self.get(id, generation) else {
            return Vec::new();
        };
        let mut left = records as usize;
        let mut slices = Vec::new();
        let from = partition.index_of(offset);
        for held in partition.batches.range(from..) {
            if left == 0 {
                break;
            }
            let first = held.index_of(offset);
            let length = left.min(held.batch.len() - first);
            left -= length;
            slices.push(Slice {
                batch: Arc::clone(&held.batch),
                first,
                length,
            });
        }
        slices
    }

    /// Takes that records have their final verdict: so many from this offset on.
    pub(crate) fn finish(
        &mut self,
        id: PartitionId,
        generation: Generation,
        offset: i64,
        records: u32,
    ) {
        let Some(partition) = self.get_mut(id, generation) else {
            return;
        };
        let mut left = records as usize;
        let mut index = partition.index_of(offset);
        let mut is_final = false;
        while left > 0
            && let Some(held) = partition.batches.get_mut(index)
        {
            let length = left.min(held.batch.len() - held.index_of(offset));
            left -= length;
            held.left = held.left.saturating_sub(length);
            is_final |= held.left == 0;
            index += 1;
        }
        if is_final {
            partition.batches.retain(|held| held.left > 0);
        }
        if !partition.failures.is_empty() && records == 1 {
            partition.failures.remove(&offset);
        }
    }

    /// Keeps why a record failed, until its final verdict.
    pub(crate) fn fail(
        &mut self,
        id: PartitionId,
        generation: Generation,
        offset: i64,
        text: String,
    ) {
        if let Some(partition) = self.get_mut(id, generation) {
            partition.failures.insert(offset, text);
        }
    }

    pub(crate) fn failure(
        &self,
        id: PartitionId,
        generation: Generation,
        offset: i64,
    ) -> Option<&str> {
        let failures = &self.get(id, generation)?.failures;
        failures.get(&offset).map(String::as_str)
    }

    fn get(&self, id: PartitionId, generation: Generation) -> Option<&Partition> {
        let partition = self.partitions.get(&id)?;
        (partition.generation == generation).then_some(partition)
    }

    fn get_mut(&mut self, id: PartitionId, generation: Generation) -> Option<&mut Partition> {
        let partition = self.partitions.get_mut(&id)?;
        (partition.generation == generation).then_some(partition)
    }
}

impl HeldBatch {
    /// Returns the index of the first record at or above an offset that no batch before it has.
    fn index_of(&self, offset: i64) -> usize {
        self.batch.index_of(offset).max(self.first)
    }
}

impl Partition {
    fn resume(&self) -> i64 {
        let first = self.batches.front();
        first.map_or(self.next_offset, |held| held.batch.entry(held.first).offset)
    }

    /// Returns the index of the batch that has the offset.
    fn index_of(&self, offset: i64) -> usize {
        self.batches
            .partition_point(|held| held.batch.last_offset() < Some(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PartitionId = PartitionId(4);
    const GENERATION: Generation = Generation(1);

    fn batch(offsets: &[i64]) -> Arc<Batch> {
        let mut batch = Batch::new(Arc::from("orders"), 0);
        for &offset in offsets {
            assert!(batch.push(offset, None, None, None, [].into_iter()));
        }
        Arc::new(batch)
    }

    fn offsets(slices: &[Slice]) -> Vec<i64> {
        let each = slices.iter().flat_map(|slice| {
            (slice.first..slice.first + slice.length).map(|index| slice.batch.entry(index).offset)
        });
        each.collect()
    }

    fn store() -> Store {
        let mut store = Store::default();
        store.begin(ID, GENERATION, 0);
        assert_eq!(store.push(ID, GENERATION, &batch(&[0, 2, 3])), Some(0));
        assert_eq!(store.push(ID, GENERATION, &batch(&[2, 3, 7, 8])), Some(2));
        store
    }

    fn batches(store: &Store) -> usize {
        store.partitions[&ID].batches.len()
    }

    #[test]
    fn a_run_goes_over_gaps_and_batches() {
        let store = store();
        let run = |offset, records| offsets(&store.slices(ID, GENERATION, offset, records));
        assert_eq!(run(0, 2), [0, 2]);
        assert_eq!(run(2, 3), [2, 3, 7]);
        assert_eq!(run(7, 1), [7]);
        assert_eq!(run(8, 5), [8]);
        assert!(store.slices(ID, Generation(2), 0, 1).is_empty());
    }

    #[test]
    fn a_batch_goes_when_all_of_its_records_are_final() {
        let mut store = store();
        store.finish(ID, GENERATION, 8, 1);
        store.finish(ID, GENERATION, 0, 2);
        assert_eq!(batches(&store), 2);
        store.finish(ID, GENERATION, 3, 1);
        assert_eq!(batches(&store), 1);
        store.finish(ID, GENERATION, 7, 1);
        assert_eq!(batches(&store), 0);
    }

    #[test]
    fn what_was_fetched_already_is_not_new() {
        let mut store = store();
        assert_eq!(store.push(ID, GENERATION, &batch(&[7, 8])), None);
        store.seek(ID, GENERATION, 0);
        assert_eq!(store.push(ID, GENERATION, &batch(&[0, 1])), Some(0));
    }

    #[test]
    fn a_failure_is_kept_until_the_final_verdict() {
        let mut store = store();
        store.fail(ID, GENERATION, 2, "no room".to_owned());
        assert_eq!(store.failure(ID, GENERATION, 2), Some("no room"));
        store.finish(ID, GENERATION, 2, 1);
        assert_eq!(store.failure(ID, GENERATION, 2), None);
    }

    #[test]
    fn what_is_cleared_resumes_at_the_oldest_batch() {
        let mut store = store();
        store.finish(ID, GENERATION, 0, 3);
        assert_eq!(store.clear(), [(ID, 7)]);
        store.begin(ID, Generation(2), 70);
        assert_eq!(store.clear(), [(ID, 70)]);
        store.begin(ID, Generation(3), 0);
        assert_eq!(store.push(ID, Generation(3), &batch(&[4])), Some(0));
        store.finish(ID, Generation(3), 4, 1);
        assert_eq!(store.clear(), [(ID, 5)]);
    }

    #[test]
    fn an_assignment_that_ended_has_nothing() {
        let mut store = store();
        store.end(ID, Generation(0));
        assert_eq!(batches(&store), 2);
        store.end(ID, GENERATION);
        assert_eq!(store.push(ID, GENERATION, &batch(&[9])), None);
    }
}
