//! The inputs of a dispatcher, as words.

use livebus_core::Failure;
use livebus_core::dispatch::{
    CommitId, DeadLetterId, DoneRecord, Event, Generation, PartitionId, Record, RecordFailure,
    RunEnd, RunId, Start,
};

use crate::scenario_files::Problem;
use crate::scenario_files::words::{number, one_of, result_of};

/// The fingerprint of a record that names none.
const FINGERPRINT: u32 = 1;

/// An input of a dispatcher.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Assigned(Assignment, Start, Vec<DoneRecord>),
    Fetched(Assignment, Vec<Record>),
    Removed(Assignment, i64, i64),
    Revoked(Assignment),
    Lost(Assignment),
    Pending(RunId, u32),
    RunEnded(RunId, RunEnd),
    DeadLetterAnswered(DeadLetterId, Result<(), Failure>),
    CommitAnswered(CommitId, Acknowledged),
    ClientLost,
    BusUsable(bool),
    Shutdown,
    /// The time alone.
    Time,
}

/// The positions of a commit that are acknowledged, by their partitions.
#[derive(Debug, Clone)]
pub(super) enum Acknowledged {
    All,
    Only(Vec<PartitionId>),
}

impl Acknowledged {
    fn partitions(&self) -> &[PartitionId] {
        match self {
            // Which these are depends on the commit.
            Self::All => &[],
            Self::Only(partitions) => partitions,
        }
    }
}

/// A partition in a generation, written `0/1`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assignment {
    partition: PartitionId,
    generation: Generation,
}

impl Input {
    /// Returns the event of this input; `None` when it is the time alone.
    pub(super) fn event(&self) -> Option<Event<'_>> {
        Some(match *self {
            Self::Assigned(at, start, ref done) => Event::Assigned {
                partition: at.partition,
                generation: at.generation,
                start,
                done,
            },
            Self::Fetched(at, ref records) => Event::Fetched {
                partition: at.partition,
                generation: at.generation,
                records,
            },
            Self::Removed(at, from, to) => Event::Removed {
                partition: at.partition,
                generation: at.generation,
                from,
                to,
            },
            Self::Revoked(at) => Event::Revoked {
                partition: at.partition,
                generation: at.generation,
            },
            Self::Lost(at) => Event::Lost {
                partition: at.partition,
                generation: at.generation,
            },
            Self::Pending(run, done) => Event::Pending { run, done },
            Self::RunEnded(run, end) => Event::RunEnded { run, end },
            Self::DeadLetterAnswered(id, result) => Event::DeadLetterAnswered { id, result },
            Self::CommitAnswered(id, ref acknowledged) => Event::CommitAnswered {
                id,
                acknowledged: acknowledged.partitions(),
            },
            Self::ClientLost => Event::ClientLost,
            Self::BusUsable(usable) => Event::BusUsable(usable),
            Self::Shutdown => Event::Shutdown,
            Self::Time => return None,
        })
    }

    /// Returns its kind, and the kind of one that is stale.
    pub(super) const fn kinds(&self) -> [&'static str; 2] {
        match self {
            Self::Assigned(_, Start::Committed(_), _) => ["assigned at committed", STALE_ASSIGNED],
            Self::Assigned(_, Start::Resolved(_), _) => ["assigned at resolved", STALE_ASSIGNED],
            Self::Fetched(..) => ["fetched", "stale fetched"],
            Self::Removed(..) => ["removed", "stale removed"],
            Self::Revoked(_) => ["revoked", "stale revoked"],
            Self::Lost(_) => ["lost", "stale lost"],
            Self::Pending(..) => ["run pending", "stale run pending"],
            Self::RunEnded(_, end) => match end {
                RunEnd::Done => ["run done", STALE_RUN],
                RunEnd::Failed { class, .. } => match class {
                    RecordFailure::Transient => ["run failed Transient", STALE_RUN],
                    RecordFailure::Permanent => ["run failed Permanent", STALE_RUN],
                    RecordFailure::TimedOut => ["run failed TimedOut", STALE_RUN],
                    RecordFailure::Panicked => ["run failed Panicked", STALE_RUN],
                },
                RunEnd::Cancelled { .. } => ["run cancelled", STALE_RUN],
                RunEnd::Returned { .. } => ["run returned", STALE_RUN],
            },
            Self::DeadLetterAnswered(_, Ok(())) => ["dead letter ok", STALE_LETTER],
            Self::DeadLetterAnswered(_, Err(_)) => ["dead letter failed", STALE_LETTER],
            Self::CommitAnswered(_, Acknowledged::All) => ["commit acknowledged", STALE_COMMIT],
            Self::CommitAnswered(_, Acknowledged::Only(of)) if of.is_empty() => {
                ["commit failed", STALE_COMMIT]
            }
            Self::CommitAnswered(_, Acknowledged::Only(_)) => {
                ["commit acknowledged in part", STALE_COMMIT]
            }
            Self::ClientLost => ["client lost", "client lost"],
            Self::BusUsable(true) => ["bus usable", "bus usable"],
            Self::BusUsable(false) => ["bus not usable", "bus not usable"],
            Self::Shutdown => ["shutdown", "shutdown"],
            Self::Time => ["timeout", "timeout"],
        }
    }

    /// All kinds.
    pub(super) const KINDS: &'static [&'static str] = &[
        "assigned at committed",
        "assigned at resolved",
        STALE_ASSIGNED,
        "fetched",
        "stale fetched",
        "removed",
        "stale removed",
        "revoked",
        "stale revoked",
        "lost",
        "stale lost",
        "run pending",
        "stale run pending",
        "run done",
        "run failed Transient",
        "run failed Permanent",
        "run failed TimedOut",
        "run failed Panicked",
        "run cancelled",
        "run returned",
        STALE_RUN,
        "dead letter ok",
        "dead letter failed",
        STALE_LETTER,
        "commit acknowledged",
        "commit acknowledged in part",
        "commit failed",
        STALE_COMMIT,
        "client lost",
        "bus usable",
        "bus not usable",
        "shutdown",
        "timeout",
    ];
}

const STALE_ASSIGNED: &str = "stale assigned";
const STALE_RUN: &str = "stale run ended";
const STALE_LETTER: &str = "stale dead letter";
const STALE_COMMIT: &str = "stale commit";

/// Parses an input.
pub(super) fn input(text: &str) -> Result<Input, Problem> {
    match text {
        "bus usable" => return Ok(Input::BusUsable(true)),
        "bus not usable" => return Ok(Input::BusUsable(false)),
        "client lost" => return Ok(Input::ClientLost),
        "shutdown" => return Ok(Input::Shutdown),
        "timeout" => return Ok(Input::Time),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("assigned ") {
        return assigned(rest);
    }
    if let Some((at, records)) = two_parts(text, "fetched ", ": ") {
        return Ok(Input::Fetched(assignment(at)?, records_of(records)?));
    }
    if let Some((at, offsets)) = two_parts(text, "removed ", ": ") {
        let (from, to) = offsets.split_once(" to ").ok_or_else(|| unknown(text))?;
        return Ok(Input::Removed(assignment(at)?, number(from)?, number(to)?));
    }
    if let Some(at) = text.strip_prefix("revoked ") {
        return Ok(Input::Revoked(assignment(at)?));
    }
    if let Some(at) = text.strip_prefix("lost ") {
        return Ok(Input::Lost(assignment(at)?));
    }
    if let Some((id, what)) = two_parts(text, "commit #", " ") {
        let id = CommitId::from_number(number(id)?);
        let acknowledged = acknowledged(what).ok_or_else(|| unknown(text))?;
        return Ok(Input::CommitAnswered(id, acknowledged));
    }
    if let Some((id, result)) = two_parts(text, "dead letter #", " answered ") {
        let id = DeadLetterId::from_number(number(id)?);
        return Ok(Input::DeadLetterAnswered(id, result_of(result)?));
    }
    if let Some((id, what)) = two_parts(text, "run #", " ") {
        return run(RunId::from_number(number(id)?), what).ok_or_else(|| unknown(text))?;
    }
    Err(unknown(text))
}

fn two_parts<'a>(text: &'a str, prefix: &str, separator: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(prefix)?.split_once(separator)
}

/// Parses `acknowledged`, `acknowledged for 0 2`, or `failed`; `None` for anything else.
fn acknowledged(text: &str) -> Option<Acknowledged> {
    match text {
        "acknowledged" => Some(Acknowledged::All),
        "failed" => Some(Acknowledged::Only(Vec::new())),
        _ => {
            let partitions = text.strip_prefix("acknowledged for ")?.split(' ');
            let partitions = partitions.map(|it| it.parse().ok().map(PartitionId));
            partitions.collect::<Option<_>>().map(Acknowledged::Only)
        }
    }
}

/// Parses `0/1 at committed 5, done 7 9`.
fn assigned(text: &str) -> Result<Input, Problem> {
    let problem = || {
        Problem::new(
            format!("invalid assignment \"{text}\""),
            "write \"assigned 0/1 at committed 5\", or at resolved 5, and \", done 7 9\" for records that are done",
        )
    };
    let (text, done) = match text.split_once(", done ") {
        Some((text, done)) => (
            text,
            done.split(' ').map(done_record).collect::<Result<_, _>>()?,
        ),
        None => (text, Vec::new()),
    };
    let (at, start) = text.split_once(" at ").ok_or_else(problem)?;
    let start = match start.split_once(' ') {
        Some(("committed", position)) => Start::Committed(number(position)?),
        Some(("resolved", position)) => Start::Resolved(number(position)?),
        Some(_) | None => return Err(problem()),
    };
    Ok(Input::Assigned(assignment(at)?, start, done))
}

fn done_record(offset: &str) -> Result<DoneRecord, Problem> {
    Ok(DoneRecord {
        offset: number(offset)?,
        fingerprint: FINGERPRINT,
    })
}

/// Parses `0/1`.
fn assignment(text: &str) -> Result<Assignment, Problem> {
    let (partition, generation) = text.split_once('/').ok_or_else(|| {
        Problem::new(
            format!("invalid assignment \"{text}\""),
            "write the partition and its generation, such as 0/1",
        )
    })?;
    Ok(Assignment {
        partition: PartitionId(number(partition)?),
        generation: Generation(number(generation)?),
    })
}

/// Parses `5, 6 key a, 7 key b 100 bytes, 9 print 3, 10 to 19`.
fn records_of(text: &str) -> Result<Vec<Record>, Problem> {
    let mut records = Vec::new();
    for part in text.split(", ") {
        if let Some((from, to)) = part.split_once(" to ") {
            let (from, to): (i64, i64) = (number(from)?, number(to)?);
            let offsets = (from..=to).map(plain_record);
            records.extend(offsets);
        } else {
            records.push(record(part)?);
        }
    }
    Ok(records)
}

const fn plain_record(offset: i64) -> Record {
    Record {
        offset,
        key: None,
        bytes: 1,
        fingerprint: FINGERPRINT,
    }
}

fn record(text: &str) -> Result<Record, Problem> {
    let mut words = text.split(' ');
    let mut record = plain_record(number(words.next().unwrap_or(""))?);
    while let Some(word) = words.next() {
        match (word, words.next()) {
            ("key", Some(key)) => record.key = Some(key.bytes().map(u64::from).sum()),
            ("print", Some(print)) => record.fingerprint = number(print)?,
            (bytes, Some("bytes")) => record.bytes = number(bytes)?,
            _ => {
                return Err(Problem::new(
                    format!("invalid record \"{text}\""),
                    "write its offset, and what differs: \"7 key b 100 bytes print 3\"",
                ));
            }
        }
    }
    Ok(record)
}

/// Parses `failed Permanent after 2 records`; `None` for an unknown end.
fn run(run: RunId, text: &str) -> Option<Result<Input, Problem>> {
    let (end, done) = match text.strip_suffix(" records") {
        Some(text) => text.split_once(" after ")?,
        None => (text, "0"),
    };
    let done = match number(done) {
        Ok(done) => done,
        Err(problem) => return Some(Err(problem)),
    };
    let end = match end {
        "done" => RunEnd::Done,
        "cancelled" => RunEnd::Cancelled { done },
        "returned" => RunEnd::Returned { done },
        "pending" => return Some(Ok(Input::Pending(run, done))),
        _ => {
            let classes = [
                ("Transient", RecordFailure::Transient),
                ("Permanent", RecordFailure::Permanent),
                ("TimedOut", RecordFailure::TimedOut),
                ("Panicked", RecordFailure::Panicked),
            ];
            match one_of(end.strip_prefix("failed ")?, &classes) {
                Ok(class) => RunEnd::Failed { done, class },
                Err(problem) => return Some(Err(problem)),
            }
        }
    };
    Some(Ok(Input::RunEnded(run, end)))
}

fn unknown(text: &str) -> Problem {
    Problem::new(
        format!("unknown input \"{text}\""),
        "write \"assigned 0/1 at committed 5\", \"fetched 0/1: 5, 6 key a\", \"removed 0/1: 5 to 8\", \"revoked 0/1\", \"lost 0/1\", \
         \"run #1 done\" (or failed CLASS, cancelled, returned, pending, with \"after 2 records\"), \"commit #1 acknowledged\" (or acknowledged for \
         PARTITIONS, failed), \
         \"dead letter #1 answered ok\", \"bus usable\", \"bus not usable\", \"client lost\", \"shutdown\" or \"timeout\"",
    )
}
