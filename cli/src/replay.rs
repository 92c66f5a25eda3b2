//! `livebus replay`: the timeline of a recording, and whether the supervisor does the same again.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use livebus_core::{Action, Status};
use livebus_readiness::StatusChange;
use livebus_recording::{Content, Difference, End, Line, Outcome, Replay, Summary};
use livebus_runner::Entry;
use serde::Serialize;
use serde_json::Value;

use crate::args::{Format, ReplayArgs};
use crate::exit::{EXIT_DIFFERENT, UsageError};
use crate::output::{json_line, milliseconds, print, printable, short, since_begin, text_line};
use crate::recorded_time::RecordedTime;
use crate::style;
use crate::svg::{self, History};

pub(crate) fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let named = || args.file.display().to_string();
    if let Some(out) = &args.svg {
        keep_apart(&args.file, out)?;
    }
    let file = File::open(&args.file)
        .with_context(named)
        .context(UsageError)?;
    let replay = Replay::new(BufReader::new(file))
        .with_context(named)
        .context(UsageError)?;
    let mut timeline = Timeline::begin(&replay, args.format)?;
    let mut history = args.svg.as_ref().map(|_| History::begin(&replay));

    let mut told = Ok(());
    let outcome = replay.run(|_, line| {
        if told.is_ok() {
            told = timeline.tell(line);
        }
        if let Some(history) = &mut history {
            history.tell(line);
        }
    });
    told?;
    let outcome = outcome.with_context(named).context(UsageError)?;
    timeline.end(&outcome)?;
    if let (Some(out), Some(history)) = (&args.svg, &history) {
        fs::write(out, svg::draw(history, &outcome))
            .with_context(|| out.display().to_string())
            .context(UsageError)?;
    }
    Ok(match outcome {
        Outcome::Same(_) => ExitCode::SUCCESS,
        Outcome::Different(_) => ExitCode::from(EXIT_DIFFERENT),
    })
}

/// Makes sure that the picture does not take the place of the recording.
fn keep_apart(file: &Path, out: &Path) -> anyhow::Result<()> {
    let same = fs::canonicalize(file).ok().zip(fs::canonicalize(out).ok());
    if same.is_some_and(|(file, out)| file == out) {
        let error = anyhow::anyhow!(
            "--svg {}: name another file than the recording",
            out.display()
        );
        return Err(error.context(UsageError));
    }
    Ok(())
}

/// Tells each change of status, and in the end whether it was the same.
struct Timeline {
    service: String,
    time: RecordedTime,
    json: bool,
    coloured: bool,
    status: Status,
}

impl Timeline {
    fn begin<R: io::BufRead>(replay: &Replay<R>, format: Format) -> anyhow::Result<Self> {
        let header = replay.header();
        let time = RecordedTime::new(header, replay.epoch());
        let report = replay.report();
        let it = Self {
            service: printable(&header.service),
            time,
            json: format == Format::Json,
            coloured: style::coloured(&io::stdout()),
            status: report.status,
        };
        if !it.json {
            let began = time.wall_clock(time.began());
            let goes_on = match &header.start_state {
                Some(_) => format!("; goes on from an earlier file, {}", report.status),
                None => String::new(),
            };
            print(&format!("{}, recorded from {began}{goes_on}", it.service))?;
        }
        Ok(it)
    }

    fn tell(&mut self, line: &Line) -> anyhow::Result<()> {
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
            json_line(&self.service, &time, Some(elapsed), &change)?
        } else {
            text_line(&since_begin(elapsed), &change, self.coloured)
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

/// What is said of a replay that did the same.
fn same(summary: &Summary) -> String {
    let Summary {
        inputs, actions, ..
    } = summary;
    let elapsed = short(summary.elapsed);
    let end = match &summary.end {
        _ if summary.was_cut => "; a crash cut off the last line, which is left out",
        None => "; it has no end: it is being written, or a crash ended it",
        Some(End::Stopped) => "",
        Some(End::ForcedStop) => "; the supervision was ended by force",
        Some(End::Continued { .. }) => "; it goes on in another file",
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
    /// Nothing when it was cut off, or is being written.
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
    /// As it stands in the recording.
    recorded: Value,
    /// Nothing when nothing more was done.
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
