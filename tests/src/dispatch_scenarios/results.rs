//! Writes the results of a scenario of the dispatcher: its actions and its queries, as words.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, Counters, Dispatcher, Generation, Health, PartitionId, Position, Run,
};

use super::script::Query;
use crate::scenario_files::words::millis;

/// Writes instants as milliseconds since the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) began: Instant,
}

impl Words {
    pub(super) fn action(self, action: &Action) -> String {
        match action {
            Action::Run(run) => run_text(run),
            Action::Cancel { run } => format!("cancel run #{}", run.number()),
            Action::Commit {
                id,
                positions,
                deadline,
            } => {
                let positions: Vec<String> = positions.iter().map(position).collect();
                let (id, at) = (id.number(), self.at(*deadline));
                format!("commit #{id}: {}; deadline {at}", positions.join("; "))
            }
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                attempts,
                class,
            } => {
                let (id, of) = (id.number(), assignment(*partition, *generation));
                format!(
                    "dead letter #{id} of {of}: record {offset}, attempts {attempts}, {class:?}"
                )
            }
            Action::Forget {
                partition,
                generation,
                offset,
            } => format!(
                "forget record {offset} of {}",
                assignment(*partition, *generation)
            ),
            Action::SetPace(pace) => format!("pace {pace:?}"),
            Action::Seek {
                partition,
                generation,
                offset,
            } => format!("seek {offset} in {}", assignment(*partition, *generation)),
            Action::Release {
                partition,
                generation,
                duplicates,
            } => {
                let of = assignment(*partition, *generation);
                format!("release {of}, duplicates {duplicates}")
            }
            Action::SetHealth(it) => format!("health {}", health(*it)),
            Action::Stopped { duplicates } => format!("stopped, duplicates {duplicates}"),
        }
    }

    pub(super) fn query(self, dispatcher: &Dispatcher, query: Query) -> String {
        match query {
            Query::Bounds => {
                let config = dispatcher.config();
                let hold_up = config.max_hold_up();
                format!(
                    "bounds: revocation {}, shutdown {}, duplicates {}, hold-up {}",
                    millis(config.revocation_bound()),
                    millis(config.shutdown_bound()),
                    config.max_duplicates(),
                    hold_up.map_or("none".to_owned(), millis),
                )
            }
            Query::Room => {
                let room = dispatcher.room();
                format!("room: {} records, {} bytes", room.records, room.bytes)
            }
            Query::Deadline => {
                let at = dispatcher.poll_timeout();
                format!(
                    "deadline: {}",
                    at.map_or("none".to_owned(), |at| self.at(at))
                )
            }
        }
    }

    fn at(self, at: Instant) -> String {
        let since: Duration = at.saturating_duration_since(self.began);
        millis(since)
    }
}

fn assignment(partition: PartitionId, generation: Generation) -> String {
    format!("{}/{}", partition.0, generation.0)
}

fn run_text(run: &Run) -> String {
    let (id, of) = (run.id.number(), assignment(run.partition, run.generation));
    let (offset, attempt) = (run.offset, run.attempt);
    let records = match run.records {
        1 => format!("record {offset}"),
        records => format!("{records} records from {offset}"),
    };
    format!("run #{id} of {of}: {records}, attempt {attempt}")
}

fn position(position: &Position) -> String {
    let mut text = format!(
        "{} at {}",
        assignment(position.partition, position.generation),
        position.offset
    );
    if !position.done.is_empty() {
        text += ", done";
        for done in &position.done {
            let _infallible = write!(text, " {}", done.offset);
        }
    }
    text
}

fn health(health: Health) -> String {
    match health {
        Health::Working => "Working".to_owned(),
        Health::Stopped {
            partition,
            offset,
            class,
        } => format!(
            "Stopped: partition {}, record {offset}, {class:?}",
            partition.0
        ),
        Health::RecordsRemoved { partition, offset } => {
            format!("RecordsRemoved: partition {}, record {offset}", partition.0)
        }
        Health::DeadLetterFailed { partition, offset } => {
            format!(
                "DeadLetterFailed: partition {}, record {offset}",
                partition.0
            )
        }
        Health::Stalled { partition, offset } => {
            format!("Stalled: partition {}, record {offset}", partition.0)
        }
    }
}

/// Returns what was counted at least once.
pub(super) fn counted(counters: &Counters) -> String {
    let all = [
        ("done", counters.done),
        ("failed", counters.failed),
        ("timed out", counters.timed_out),
        ("skipped", counters.skipped),
        ("dead letters", counters.dead_letters),
        ("removed", counters.removed),
        ("done before", counters.done_before),
        ("repeated", counters.repeated),
        ("duplicates", counters.duplicates),
        ("late verdicts", counters.late_verdicts),
        ("commits", counters.commits),
        ("failed commits", counters.failed_commits),
        ("stale", counters.stale),
    ];
    let some = all.iter().filter(|(_, count)| *count > 0);
    let some: Vec<String> = some
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let some = if some.is_empty() {
        "nothing".to_owned()
    } else {
        some.join(", ")
    };
    format!("counted: {some}")
}
