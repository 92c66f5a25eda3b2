//! Questions to the brokers, on a thread of their own.

use std::time::Duration;

use livebus_core::dispatch::{Delivery, DoneRecord, Start};
use livebus_core::{Failure, FailureClass};
use livebus_runner::handlers::Begin;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use crate::consumer::answers::{Answer, PartitionRange, StartPosition};
use crate::consumer::context::{Client, TopicPartition};
use crate::consumer::done_set::{self, metadata};
use crate::error_class::failure;

/// How long one look-up may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long the look-up of ends may take. Nothing waits for it, and others may wait behind it.
const ENDS_TIMEOUT: Duration = Duration::from_secs(1);

/// A look-up.
#[derive(Debug)]
pub(crate) enum LookUp {
    /// Where partitions begin.
    Starts {
        partitions: Vec<TopicPartition>,
        begin: Begin,
        delivery: Delivery,
        /// To wait before, after a failure.
        delay: Duration,
    },
    /// Which offsets partitions have.
    Ranges(Vec<TopicPartition>),
    /// Where partitions end.
    Ends(Vec<TopicPartition>),
    /// Which partitions topics have.
    Partitions(Vec<String>),
}

impl LookUp {
    /// Asks, and waits for the answer.
    pub(crate) fn ask(self, client: &Client) -> Answer {
        match self {
            Self::Starts {
                partitions,
                begin,
                delivery,
                delay,
            } => {
                std::thread::sleep(delay);
                Answer::Starts(starts(client, partitions, begin, delivery))
            }
            Self::Ranges(partitions) => Answer::Ranges(ranges(client, &partitions)),
            Self::Ends(partitions) => Answer::Ends(ends(client, &partitions)),
            Self::Partitions(topics) => Answer::Partitions(partitions(client, &topics)),
        }
    }
}

fn starts(
    client: &Client,
    partitions: Vec<TopicPartition>,
    begin: Begin,
    delivery: Delivery,
) -> Result<Vec<StartPosition>, Failure> {
    let (mut known, unknown) = match delivery {
        Delivery::Group => committed(client, &partitions)?,
        Delivery::Broadcast => (Vec::new(), partitions),
    };
    let at = match begin {
        Begin::Earliest => Offset::Beginning,
        Begin::Latest => Offset::End,
    };
    let resolved = offsets_at(client, &unknown, at)?;
    known.extend(resolved.into_iter().map(|(of, offset)| StartPosition {
        of,
        start: Start::Resolved(offset),
        done: Vec::new(),
    }));
    Ok(known)
}

/// Returns the committed positions, and the partitions that have none.
fn committed(
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<(Vec<StartPosition>, Vec<TopicPartition>), Failure> {
    let list = list(partitions.iter().map(|of| (of, Offset::Invalid)))?;
    let list = client
        .committed_offsets(list, TIMEOUT)
        .map_err(|error| failure(&error))?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for element in list.elements() {
        element.error().map_err(|error| failure(&error))?;
        let of = (element.topic().to_owned(), element.partition());
        match element.offset() {
            Offset::Offset(offset) => known.push(StartPosition {
                done: done(&element, offset),
                of,
                start: Start::Committed(offset),
            }),
            Offset::Invalid
            | Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::OffsetTail(_) => unknown.push(of),
        }
    }
    Ok((known, unknown))
}

/// Returns the records above a committed position that are done.
fn done(element: &TopicPartitionListElem<'_>, position: i64) -> Vec<DoneRecord> {
    let done = metadata(element).and_then(|it| done_set::decode(position, &it));
    done.unwrap_or_else(|| {
        tracing::warn!(
            topic = element.topic(),
            partition = element.partition(),
            position,
            "the metadata of the committed position is not livebus's: it is ignored"
        );
        Vec::new()
    })
}

fn ranges(client: &Client, partitions: &[TopicPartition]) -> Result<Vec<PartitionRange>, Failure> {
    let lows = offsets_at(client, partitions, Offset::Beginning)?;
    let highs = offsets_at(client, partitions, Offset::End)?;
    let both = lows.into_iter().filter_map(|(of, low)| {
        let high = highs.iter().find(|(other, _)| *other == of)?.1;
        Some(PartitionRange { of, low, high })
    });
    Ok(both.collect())
}

/// Returns the offsets after the last records that can be fetched: with `isolation.level=read_committed`, those of no open transaction.
/// Partitions whose leader does not answer are left out.
fn ends(
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, i64)>, Failure> {
    let list = list(partitions.iter().map(|of| (of, Offset::End)))?;
    let list = client
        .offsets_for_times(list, ENDS_TIMEOUT)
        .map_err(|error| failure(&error))?;
    let elements = list.elements();
    let ends = elements.iter().filter_map(|element| {
        let of = (element.topic().to_owned(), element.partition());
        match (element.error(), element.offset()) {
            (Ok(()), Offset::Offset(offset)) => Some((of, offset)),
            _ => None,
        }
    });
    Ok(ends.collect())
}

/// Returns the offsets at the beginning or at the end of partitions.
fn offsets_at(
    client: &Client,
    partitions: &[TopicPartition],
    at: Offset,
) -> Result<Vec<(TopicPartition, i64)>, Failure> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    // The offsets at the special timestamps -2 and -1.
    let list = list(partitions.iter().map(|of| (of, at)))?;
    let list = client
        .offsets_for_times(list, TIMEOUT)
        .map_err(|error| failure(&error))?;
    let offsets = list.elements().into_iter().map(|element| {
        element.error().map_err(|error| failure(&error))?;
        let of = (element.topic().to_owned(), element.partition());
        match element.offset() {
            Offset::Offset(offset) => Ok((of, offset)),
            Offset::Invalid
            | Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::OffsetTail(_) => Err(FailureClass::Other.into()),
        }
    });
    offsets.collect()
}

fn partitions(client: &Client, topics: &[String]) -> Result<Vec<TopicPartition>, Failure> {
    let mut all = Vec::new();
    for topic in topics {
        let metadata = client
            .fetch_metadata(Some(topic), TIMEOUT)
            .map_err(|error| failure(&error))?;
        let found = metadata.topics().iter().find(|it| it.name() == topic);
        let found = found.filter(|it| it.error().is_none() && !it.partitions().is_empty());
        let found = found.ok_or(FailureClass::TopicMissing)?;
        all.extend(found.partitions().iter().map(|it| (topic.clone(), it.id())));
    }
    Ok(all)
}

/// Returns a list of partitions with their offsets.
pub(crate) fn list<'a>(
    partitions: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in partitions {
        add(&mut list, topic, *partition, offset).map_err(|error| failure(&error))?;
    }
    Ok(list)
}

fn add(list: &mut TopicPartitionList, topic: &str, number: i32, at: Offset) -> KafkaResult<()> {
    list.add_partition_offset(topic, number, at)
}
