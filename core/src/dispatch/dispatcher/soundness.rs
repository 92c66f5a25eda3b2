//! Whether the parts of a restored dispatcher fit together: words that somebody made up may be the snapshot of no dispatcher.

use std::collections::{BTreeMap, BTreeSet};

use crate::dispatch::counters::MAX_COUNT;
use crate::dispatch::dispatcher::{Dispatcher, Phase};
use crate::dispatch::ids::{Generation, PartitionId};
use crate::dispatch::partition::Partition;
use crate::dispatch::window::Seq;

impl Dispatcher {
    /// Returns whether it can have come about by events, so far that nothing that follows can go wrong: what refers to records finds
    /// them, what is counted is there, and no counter overflows, however long it goes on.
    pub(super) fn is_sound(&self) -> bool {
        let limits = &self.config.settings().limits;
        let phase_fits = match self.phase {
            Phase::Working | Phase::Stopping { .. } => true,
            Phase::Stopped => self.partitions.is_empty(),
        };
        (1..=limits.run_records).contains(&self.run_records)
            && phase_fits
            && self.counters.fit()
            && self.partitions_fit()
            && self.turns_fit()
            && self.runs_fit()
            && self.letters_fit()
            && self.commit_fits()
    }

    fn partitions_fit(&self) -> bool {
        self.partitions.iter().all(|(&id, partition)| {
            partition.id() == id
                && self.generations.get(&id) == Some(&partition.generation())
                && partition.is_sound(&self.config)
        })
    }

    fn turns_fit(&self) -> bool {
        let turns: BTreeSet<_> = self.turns.iter().copied().collect();
        let have_turn = self.partitions.values().filter(|it| it.has_turn());
        let have_turn: BTreeSet<_> = have_turn.map(Partition::id).collect();
        turns.len() == self.turns.len() && turns == have_turn
    }

    fn runs_fit(&self) -> bool {
        let mut running: BTreeMap<PartitionId, u32> = BTreeMap::new();
        let mut older: BTreeMap<PartitionId, u32> = BTreeMap::new();
        let mut seen: BTreeSet<(PartitionId, Seq)> = BTreeSet::new();
        for (id, run) in &self.runs.in_flight {
            let is_past = self.is_past(run.partition, run.generation);
            if id.number() > self.runs.count || run.records == 0 || !is_past {
                return false;
            }
            let Some(partition) = self.partitions.get(&run.partition) else {
                continue;
            };
            if partition.generation() != run.generation {
                *older.entry(run.partition).or_default() += 1;
                continue;
            }
            if !partition.all_run(run.first, run.records) {
                return false;
            }
            *running.entry(run.partition).or_default() += run.records;
            let mut all = run.first..run.first + u64::from(run.records);
            if !all.all(|seq| seen.insert((run.partition, seq))) {
                return false;
            }
        }
        let count = |of: &BTreeMap<_, _>, id| of.get(id).copied().unwrap_or(0);
        self.runs.count <= MAX_COUNT
            && self.partitions.iter().all(|(id, partition)| {
                count(&running, id) == partition.running()
                    && count(&older, id) == partition.older_runs()
            })
    }

    fn letters_fit(&self) -> bool {
        let is_numbered = |id: &u64| *id <= self.dead_letters.count;
        let in_flight = || self.dead_letters.in_flight.iter();
        let known: BTreeSet<(PartitionId, Generation, Seq)> =
            in_flight().map(|(_, letter)| *letter).collect();
        let of = |partition: &Partition| {
            let (id, generation) = (partition.id(), partition.generation());
            let letters: Vec<_> = partition.letters().collect();
            letters.into_iter().map(move |seq| (id, generation, seq))
        };
        let written: BTreeSet<_> = self.partitions.values().flat_map(of).collect();
        self.dead_letters.count <= MAX_COUNT
            && in_flight().all(|(id, _)| is_numbered(&id.number()))
            && known.len() == in_flight().count()
            && known == written
    }

    fn commit_fits(&self) -> bool {
        let in_flight = self.commits.in_flight.as_ref();
        let fits = in_flight.is_none_or(|in_flight| {
            in_flight.id.number() <= self.commits.count
                && in_flight.covered.iter().all(|covered| {
                    let partition = self.partitions.get(&covered.partition);
                    let partition = partition.filter(|it| it.generation() == covered.generation);
                    self.is_past(covered.partition, covered.generation)
                        && partition.is_none_or(|it| it.can_be_covered_by(covered))
                })
        });
        self.commits.count <= MAX_COUNT && fits
    }

    /// Returns whether there was such an assignment: none that comes has its generation.
    fn is_past(&self, partition: PartitionId, generation: Generation) -> bool {
        self.generations.get(&partition) >= Some(&generation)
    }
}
