//! An event that owns its lists.

use livebus_core::dispatch::{DoneRecord, Event, PartitionId, Record};

/// An event of a dispatcher that owns its lists, so that it can wait in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEvent {
    /// With empty lists.
    event: Event<'static>,
    name: Option<PartitionName>,
    done: Vec<DoneRecord>,
    records: Vec<Record>,
    acknowledged: Vec<PartitionId>,
}

/// Which partition has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionName {
    /// The number among all partitions of the handler.
    pub partition: PartitionId,
    /// The topic.
    pub topic: String,
    /// The number of the partition in its topic.
    pub number: i32,
}

impl OwnedEvent {
    /// Copies an event. An assignment keeps the name of its partition, other events have none.
    #[must_use]
    pub fn new(event: Event<'_>, name: Option<PartitionName>) -> Self {
        let mut owned = Self {
            event: Event::ClientLost,
            name: None,
            done: Vec::new(),
            records: Vec::new(),
            acknowledged: Vec::new(),
        };
        owned.event = match event {
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            } => {
                owned.done = done.to_vec();
                owned.name = name.filter(|name| name.partition == partition);
                Event::Assigned {
                    partition,
                    generation,
                    start,
                    done: &[],
                }
            }
            Event::Fetched {
                partition,
                generation,
                records,
            } => {
                owned.records = records.to_vec();
                Event::Fetched {
                    partition,
                    generation,
                    records: &[],
                }
            }
            Event::Pending { run, done } => Event::Pending { run, done },
            Event::RunEnded { run, end } => Event::RunEnded { run, end },
            Event::DeadLetterAnswered { id, result } => Event::DeadLetterAnswered { id, result },
            Event::CommitAnswered { id, acknowledged } => {
                owned.acknowledged = acknowledged.to_vec();
                Event::CommitAnswered {
                    id,
                    acknowledged: &[],
                }
            }
            Event::Revoked {
                partition,
                generation,
            } => Event::Revoked {
                partition,
                generation,
            },
            Event::Lost {
                partition,
                generation,
            } => Event::Lost {
                partition,
                generation,
            },
            Event::Removed {
                partition,
                generation,
                from,
                to,
            } => Event::Removed {
                partition,
                generation,
                from,
                to,
            },
            Event::ClientLost => Event::ClientLost,
            Event::BusUsable(usable) => Event::BusUsable(usable),
            Event::Shutdown => Event::Shutdown,
        };
        owned
    }

    /// Returns the event.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        match self.event {
            Event::Assigned {
                partition,
                generation,
                start,
                done: _,
            } => Event::Assigned {
                partition,
                generation,
                start,
                done: &self.done,
            },
            Event::Fetched {
                partition,
                generation,
                records: _,
            } => Event::Fetched {
                partition,
                generation,
                records: &self.records,
            },
            Event::CommitAnswered {
                id,
                acknowledged: _,
            } => Event::CommitAnswered {
                id,
                acknowledged: &self.acknowledged,
            },
            other @ (Event::Pending { .. }
            | Event::RunEnded { .. }
            | Event::DeadLetterAnswered { .. }
            | Event::Revoked { .. }
            | Event::Lost { .. }
            | Event::Removed { .. }
            | Event::ClientLost
            | Event::BusUsable(_)
            | Event::Shutdown) => other,
        }
    }

    /// Returns the name of the partition that is assigned.
    #[must_use]
    pub const fn name(&self) -> Option<&PartitionName> {
        self.name.as_ref()
    }

    /// Returns how many records it speaks of one by one.
    pub(crate) const fn records(&self) -> usize {
        self.done.len() + self.records.len()
    }
}
