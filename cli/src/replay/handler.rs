//! The replay of the recording of a request handler, and what another policy would have done.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use livebus_core::dispatch::{Action, Health, Order, PartitionId, RecordFailure, Then};
use livebus_recording::Outcome;
use livebus_recording::dispatch::policy::{Analysis, Change, Fate, Report};
use livebus_recording::dispatch::{Content, Line, PartitionName, Replay};
use livebus_runner::Entry;
use serde::Serialize;
use serde_json::{Value, json};

use super::{JsonDifferent, JsonSame, MAX_SHOWN, more, same};
use crate::args::{OrderName, PolicyArgs, ReplayArgs, ReplayFormat, ThenName};
use crate::exit::{EXIT_DIFFERENT, UsageError, shown_path};
use crate::output::{milliseconds, print, printable, short, since_begin};
use crate::recorded_time::RecordedTime;

/// Replays the recording, and shows what another policy would have done if one is given.
pub(super) fn replay(args: &ReplayArgs, source: impl BufRead) -> anyhow::Result<ExitCode> {
    let named = || shown_path(&args.file);
    if args.svg.is_some() {
        let error = anyhow::anyhow!(
            "{}: there is no picture of the recording of a request handler: leave --svg out",
            named()
        );
        return Err(error.context(UsageError));
    }
    let replay = Replay::new(source)
        .with_context(named)
        .context(UsageError)?;
    let mut timeline = Timeline::begin(&replay, args.format)?;
    let mut analysis = Analysis::new(&replay);
    let change = args.policy.change();
    let config = change.apply(analysis.config()).context(UsageError)?;

    let mut printed = Ok(());
    let outcome = replay.run_with(|_, line, dispatcher| {
        if printed.is_ok() {
            printed = timeline.print(line);
        }
        analysis.add(line, dispatcher);
    });
    printed?;
    let outcome = outcome.with_context(named).context(UsageError)?;
    match &outcome {
        Outcome::Same(summary) => {
            timeline.report("as recorded", &analysis.report())?;
            if args.policy.is_given() {
                if !analysis.can_simulate() {
                    let error = anyhow::anyhow!(
                        "{}: it continues an earlier file, and what that file knows is needed: try the policy with the earlier file",
                        named()
                    );
                    return Err(error.context(UsageError));
                }
                timeline.report(&args.policy.to_string(), &analysis.simulate(&config))?;
            }
            print(&if timeline.json {
                serde_json::to_string(&JsonSame::from(summary))?
            } else {
                same(summary)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Different(difference) => {
            print(&if timeline.json {
                serde_json::to_string(&JsonDifferent::from(difference))?
            } else {
                format!("different: {difference}")
            })?;
            Ok(ExitCode::from(EXIT_DIFFERENT))
        }
    }
}

impl PolicyArgs {
    /// Returns whether a policy is given.
    pub(crate) const fn is_given(&self) -> bool {
        self.then.is_some()
            || self.retries.is_some()
            || self.order.is_some()
            || self.at_once.is_some()
    }

    fn change(&self) -> Change {
        Change {
            then: self.then.map(|then| match then {
                ThenName::Stop => Then::Stop,
                ThenName::Skip => Then::Skip,
                ThenName::DeadLetter => Then::DeadLetter,
            }),
            retries: self.retries,
            order: self.order.map(|order| match order {
                OrderName::Partition => Order::Partition,
                OrderName::Key => Order::Key,
                OrderName::None => Order::None,
            }),
            runs: self.at_once,
        }
    }
}

impl std::fmt::Display for PolicyArgs {
    /// Shows the options that are given.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use clap::ValueEnum;
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map(|value| value.get_name().to_owned())
        };
        let then = name(self.then.and_then(|it| it.to_possible_value()));
        let order = name(self.order.and_then(|it| it.to_possible_value()));
        let options = [
            ("then", then),
            ("retries", self.retries.map(|it| it.to_string())),
            ("order", order),
            ("at-once", self.at_once.map(|it| it.to_string())),
        ];
        f.write_str("with")?;
        for (option, value) in options {
            if let Some(value) = value {
                write!(f, " --{option} {value}")?;
            }
        }
        Ok(())
    }
}

/// Prints each change of the health, and in the end what became of the records.
struct Timeline {
    time: RecordedTime,
    json: bool,
    names: BTreeMap<PartitionId, PartitionName>,
}

impl Timeline {
    fn begin<R>(replay: &Replay<R>, format: ReplayFormat) -> anyhow::Result<Self> {
        let header = replay.header();
        let names = header.config.partitions.iter();
        let it = Self {
            time: RecordedTime::new(header.began_unix_ms, replay.epoch()),
            json: format == ReplayFormat::Json,
            names: names.map(|it| (it.partition, it.clone())).collect(),
        };
        if !it.json {
            let handler = printable(&header.config.handler);
            let service = printable(&header.service);
            let began = it.time.wall_clock(it.time.began());
            let continues = match &header.start_state {
                Some(_) => "; continues an earlier file",
                None => "",
            };
            print(&format!(
                "handler {handler} of {service}, recorded from {began}{continues}"
            ))?;
        }
        Ok(it)
    }

    fn print(&mut self, line: &Line) -> anyhow::Result<()> {
        match &line.content {
            Content::Entry(Entry::Event(event)) => {
                if let Some(name) = event.name() {
                    self.names.insert(name.partition, name.clone());
                }
                Ok(())
            }
            Content::Entry(Entry::Action(Action::SetHealth(health))) => {
                self.print_health(line.at, *health)
            }
            Content::Entry(Entry::Timeout | Entry::Action(_)) | Content::End(_) => Ok(()),
        }
    }

    fn print_health(&self, at: Instant, health: Health) -> anyhow::Result<()> {
        let (name, place) = match health {
            Health::Working => ("Working", None),
            Health::Stopped {
                partition, offset, ..
            } => ("Stopped", Some((partition, offset))),
            Health::RecordsRemoved { partition, offset } => {
                ("RecordsRemoved", Some((partition, offset)))
            }
            Health::DeadLetterFailed { partition, offset } => {
                ("DeadLetterFailed", Some((partition, offset)))
            }
            Health::Stalled { partition, offset } => ("Stalled", Some((partition, offset))),
        };
        let elapsed = self.time.elapsed(at);
        print(&if self.json {
            let (topic, number) = place.map_or((None, None), |(partition, _)| self.name(partition));
            serde_json::to_string(&json!({
                "time": self.time.wall_clock(at),
                "elapsed_ms": milliseconds(elapsed),
                "health": name,
                "topic": topic,
                "partition": number,
                "offset": place.map(|(_, offset)| offset),
            }))?
        } else {
            let place = place.map(|(partition, offset)| self.place(partition, offset));
            let place = place.map_or_else(String::new, |place| format!("  {place}"));
            format!("{}  {name}{place}", since_begin(elapsed))
        })?;
        Ok(())
    }

    fn report(&self, what: &str, report: &Report) -> anyhow::Result<()> {
        print(&if self.json {
            serde_json::to_string(&self.json_report(what, report))?
        } else {
            self.text_report(what, report)
        })?;
        Ok(())
    }

    fn text_report(&self, what: &str, report: &Report) -> String {
        let counters = &report.counters;
        let mut lines = vec![format!(
            "{what}: {} done, {} failures, {} skipped, {} dead letters, {} commits ({} failed)",
            counters.done,
            counters.failed,
            counters.skipped,
            counters.dead_letters,
            counters.commits,
            counters.failed_commits,
        )];
        lines.push(format!(
            "  at the end: {} without a verdict, {} would be handled again after a crash; {} were to be handled again before; longest stall {}",
            report.held_at_end,
            report.duplicates_at_end,
            counters.duplicates,
            short(report.longest_stall),
        ));
        for (name, fates) in [
            ("skipped", &report.skipped),
            ("dead letter", &report.dead_letters),
            ("stopped", &report.stopped),
        ] {
            let shown = fates.iter().take(MAX_SHOWN);
            lines.extend(shown.map(|fate| format!("  {name}: {}", self.fate(fate))));
            lines.extend(more(fates.len()));
        }
        for &(partition, offset) in &report.committed {
            lines.push(format!("  committed: {}", self.place(partition, offset)));
        }
        let unknown = &report.unknown;
        for (places, what) in [
            (
                &unknown.retries,
                "unknown: would have been tried again, assumed to fail as before",
            ),
            (
                &unknown.calls,
                "unknown: was not called or was interrupted, assumed to be done",
            ),
            (
                &unknown.dead_letters,
                "unknown: its dead letter was never written, assumed to be acknowledged",
            ),
        ] {
            let shown = places.iter().take(MAX_SHOWN);
            lines.extend(shown.map(|&(partition, offset)| {
                format!("  {what}: {}", self.place(partition, offset))
            }));
            lines.extend(more(places.len()));
        }
        lines.join("\n")
    }

    fn fate(&self, fate: &Fate) -> String {
        let until = match fate.until {
            Some(until) if until > fate.at => {
                format!(" for {}", short(until.duration_since(fate.at)))
            }
            Some(_) => String::new(),
            None => " to the end".to_owned(),
        };
        format!(
            "{} at {}, {} after {} attempts{until}",
            self.place(fate.partition, fate.offset),
            since_begin(self.time.elapsed(fate.at)),
            class_name(fate.class),
            fate.attempts,
        )
    }

    fn json_report(&self, what: &str, report: &Report) -> Value {
        let fates = |fates: &[Fate]| -> Vec<JsonFate> {
            fates.iter().map(|fate| self.json_fate(fate)).collect()
        };
        let places = |places: &[(PartitionId, i64)]| -> Vec<JsonPlace> {
            let each = places.iter();
            each.map(|&(partition, offset)| self.json_place(partition, offset))
                .collect()
        };
        let counters = &report.counters;
        json!({
            "report": what,
            "done": counters.done,
            "failures": counters.failed,
            "commits": counters.commits,
            "failed_commits": counters.failed_commits,
            "duplicates": counters.duplicates,
            "duplicates_at_end": report.duplicates_at_end,
            "held_at_end": report.held_at_end,
            "longest_stall_ms": milliseconds(report.longest_stall),
            "skipped": fates(&report.skipped),
            "dead_letters": fates(&report.dead_letters),
            "stopped": fates(&report.stopped),
            "committed": places(&report.committed),
            "unknown": {
                "retries": places(&report.unknown.retries),
                "calls": places(&report.unknown.calls),
                "dead_letters": places(&report.unknown.dead_letters),
            },
        })
    }

    fn json_fate(&self, fate: &Fate) -> JsonFate {
        let elapsed = |at: Instant| milliseconds(self.time.elapsed(at));
        JsonFate {
            place: self.json_place(fate.partition, fate.offset),
            class: class_name(fate.class),
            attempts: fate.attempts,
            elapsed_ms: elapsed(fate.at),
            until_ms: fate.until.map(elapsed),
        }
    }

    fn json_place(&self, partition: PartitionId, offset: i64) -> JsonPlace {
        let (topic, number) = self.name(partition);
        JsonPlace {
            topic,
            partition: number,
            offset,
        }
    }

    fn name(&self, partition: PartitionId) -> (Option<String>, Option<i32>) {
        let name = self.names.get(&partition);
        (
            name.map(|it| it.topic.clone()),
            name.map_or_else(|| i32::try_from(partition.0).ok(), |it| Some(it.number)),
        )
    }

    fn place(&self, partition: PartitionId, offset: i64) -> String {
        match self.names.get(&partition) {
            Some(name) => format!(
                "{} [{}] offset {offset}",
                printable(&name.topic),
                name.number
            ),
            None => format!("partition number {} offset {offset}", partition.0),
        }
    }
}

#[derive(Serialize)]
struct JsonPlace {
    topic: Option<String>,
    partition: Option<i32>,
    offset: i64,
}

#[derive(Serialize)]
struct JsonFate {
    #[serde(flatten)]
    place: JsonPlace,
    class: &'static str,
    attempts: u32,
    elapsed_ms: f64,
    /// `None`: to the end of the recording.
    until_ms: Option<f64>,
}

/// Returns how a function failed, as the headers of a dead letter say it.
const fn class_name(class: RecordFailure) -> &'static str {
    match class {
        RecordFailure::Transient => "transient",
        RecordFailure::Permanent => "permanent",
        RecordFailure::TimedOut => "timed_out",
        RecordFailure::Panicked => "panicked",
    }
}
