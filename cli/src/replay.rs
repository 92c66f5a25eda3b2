//! `livebus replay`: prints the timeline of a recording, and checks that the supervisor returns the same actions again.

mod caller;
mod handler;

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use livebus_core::{Action, Status};
use livebus_readiness::StatusChange;
use livebus_recording::{
    Content, Difference, End, Line, Outcome, Replay, Summary, calls, dispatch,
};
use livebus_runner::Entry;
use serde::Serialize;
use serde_json::Value;

use crate::args::{ReplayArgs, ReplayFormat};
use crate::exit::{EXIT_DIFFERENT, UsageError, shown_path};
use crate::output::{
    Seen, json_line, milliseconds, print, printable, short, since_begin, text_line,
};
use crate::recorded_time::RecordedTime;
use crate::style;
use crate::svg::{self, History};

/// How many entries a text shows of each list.
const MAX_SHOWN: usize = 20;

pub(crate) fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let named = || shown_path(&args.file);
    if let Some(out) = &args.svg {
        check_is_another_file(&args.file, out)?;
    }
    let file = File::open(&args.file)
        .with_context(named)
        .context(UsageError)?;
    let mut source = BufReader::new(file);
    // A source that cannot be read is reported below.
    let is_of_handler = dispatch::is_recording(&mut source).unwrap_or(false);
    let is_of_caller = calls::is_recording(&mut source).unwrap_or(false);
    check_policies(args, is_of_handler, is_of_caller)?;
    if is_of_handler {
        return handler::replay(args, source);
    }
    if is_of_caller {
        return caller::replay(args, source);
    }
    let replay = Replay::new(source)
        .with_context(named)
        .context(UsageError)?;
    let mut timeline = Timeline::begin(&replay, args.format)?;
    let mut history = args.svg.as_ref().map(|_| History::begin(&replay));

    let mut printed = Ok(());
    let outcome = replay.run(|_, line| {
        if printed.is_ok() {
            printed = timeline.print(line);
        }
        if let Some(history) = &mut history {
            history.add(line);
        }
    });
    printed?;
    let outcome = outcome.with_context(named).context(UsageError)?;
    timeline.end(&outcome)?;
    if let (Some(out), Some(history)) = (&args.svg, &history) {
        fs::write(out, svg::draw(history, &outcome))
            .with_context(|| shown_path(out))
            .context(UsageError)?;
    }
    Ok(match outcome {
        Outcome::Same(_) => ExitCode::SUCCESS,
        Outcome::Different(_) => ExitCode::from(EXIT_DIFFERENT),
    })
}

/// Checks that another policy is for the kind of recording that the file is.
fn check_policies(
    args: &ReplayArgs,
    is_of_handler: bool,
    is_of_caller: bool,
) -> anyhow::Result<()> {
    let (kind, options) = if args.policy.is_given() && !is_of_handler {
        let options = "--then, --retries, --order and --at-once";
        ("a request handler", options)
    } else if args.call_policy.is_given() && !is_of_caller {
        let options =
            "--max-calls, --max-bytes, --attempts, --attempt-timeout, --min-time and --max-time";
        ("a caller", options)
    } else {
        return Ok(());
    };
    let error = anyhow::anyhow!(
        "{}: this policy is for the recording of {kind}, and this is not one: leave {options} out",
        shown_path(&args.file)
    );
    Err(error.context(UsageError))
}

/// Checks that the picture does not overwrite the recording.
fn check_is_another_file(file: &Path, out: &Path) -> anyhow::Result<()> {
    let same = fs::canonicalize(file).ok().zip(fs::canonicalize(out).ok());
    if same.is_some_and(|(file, out)| file == out) {
        let error = anyhow::anyhow!(
            "--svg {}: choose another file than the recording",
            shown_path(out)
        );
        return Err(error.context(UsageError));
    }
    Ok(())
}

/// Prints each change of status, and at the end whether the replay was the same.
struct Timeline {
    service: String,
    time: RecordedTime,
    json: bool,
    coloured: bool,
    status: Status,
}

impl Timeline {
    fn begin<R: io::BufRead>(replay: &Replay<R>, format: ReplayFormat) -> anyhow::Result<Self> {
        let header = replay.header();
        let time = RecordedTime::new(header.began_unix_ms, replay.epoch());
        let report = replay.report();
        let it = Self {
            service: printable(&header.service),
            time,
            json: format == ReplayFormat::Json,
            coloured: style::coloured(&io::stdout()),
            status: report.status,
        };
        if !it.json {
            let began = time.wall_clock(time.began());
            let continues = match &header.start_state {
                Some(_) => format!("; continues an earlier file, {}", report.status),
                None => String::new(),
            };
            print(&format!("{}, recorded from {began}{continues}", it.service))?;
        }
        Ok(it)
    }

    fn print(&mut self, line: &Line) -> anyhow::Result<()> {
        let Content::Entry(Entry::Action(Action::SetStatus(report))) = line.content else {
            return Ok(());
        };
        let change = StatusChange {
            from: self.status,
            report,
            at: line.at,
        };
        self.status = report.status;
        let elapsed = self.time.elapsed(line.at);
        let text = if self.json {
            let time = self.time.wall_clock(line.at);
            json_line(
                &self.service,
                &time,
                Some(elapsed),
                &change,
                livebus_kafka::explain,
                &Seen::default(),
            )?
        } else {
            text_line(
                &since_begin(elapsed),
                &change,
                livebus_kafka::explain,
                &Seen::default(),
                self.coloured,
            )
        };
        print(&text)?;
        Ok(())
    }

    fn end(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let text = match (self.json, outcome) {
            (true, Outcome::Same(summary)) => serde_json::to_string(&JsonSame::from(summary))?,
            (true, Outcome::Different(difference)) => {
                serde_json::to_string(&JsonDifferent::from(difference))?
            }
            (false, Outcome::Same(summary)) => same(summary),
            (false, Outcome::Different(difference)) => format!("different: {difference}"),
        };
        print(&text)?;
        Ok(())
    }
}

/// Returns the summary of a replay without a difference.
fn same(summary: &Summary) -> String {
    let Summary {
        inputs, actions, ..
    } = summary;
    let elapsed = short(summary.elapsed);
    let end = match &summary.end {
        _ if summary.was_cut => {
            "; its last line is incomplete, after a crash or on a full disk, and is ignored"
        }
        None => "; it has no end: it is being written, or a crash or a full disk ended it",
        Some(End::Stopped) => "",
        Some(End::ForcedStop) => "; the supervision was stopped by force",
        Some(End::Continued { .. }) => "; it continues in another file",
        Some(End::TooSlow) => "; the recording ended before the supervision: the disk was too slow",
        Some(End::Failed(reason)) => {
            let reason = printable(reason);
            &format!("; the recording ended before the supervision: {reason}")
        }
    };
    format!("same: {inputs} events, {actions} actions in {elapsed}{end}")
}

#[derive(Serialize)]
struct JsonSame {
    same: bool,
    events: u64,
    actions: u64,
    elapsed_ms: f64,
    /// `None` when a crash or a full disk ended it, or it is being written.
    end: Option<String>,
    cut: bool,
}

impl From<&Summary> for JsonSame {
    fn from(summary: &Summary) -> Self {
        Self {
            same: true,
            events: summary.inputs,
            actions: summary.actions,
            elapsed_ms: milliseconds(summary.elapsed),
            end: summary.end.as_ref().map(End::to_string),
            cut: summary.was_cut,
        }
    }
}

#[derive(Serialize)]
struct JsonDifferent {
    same: bool,
    /// The line of the recording, from 1.
    line: u64,
    /// The line of the recording.
    recorded: Value,
    /// `None` when the supervisor returned no action.
    replayed: Option<Value>,
}

impl From<&Difference> for JsonDifferent {
    fn from(difference: &Difference) -> Self {
        let value =
            |text: &String| serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
        Self {
            same: false,
            line: difference.line,
            recorded: value(&difference.recorded),
            replayed: difference.replayed.as_ref().map(value),
        }
    }
}

/// Returns a line for those of a list that are not shown.
fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(MAX_SHOWN).filter(|more| *more > 0)?;
    Some(format!("  and {more} more"))
}
