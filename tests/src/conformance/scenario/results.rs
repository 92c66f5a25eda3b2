//! Writes the results of a scenario: all inputs and actions of the core, one per line, each with its millisecond.

use std::time::{Duration, Instant};

use livebus_core::{Action, Cause, Event, Failure, Report};
use livebus_runner::Entry;

use crate::conformance::environment::Environment;
use crate::conformance::input_record::Replay;
use crate::conformance::step::{Step, Stimulus};
use crate::conformance::trace::Writer;
use crate::scenario_files::{Line, in_runs};

/// Returns the inputs and actions of `steps`, as lines: for each step all inputs, then all actions.
///
/// The instant of a line is that of the loop's clock. An input with another instant says so.
pub(super) fn results(environment: &Environment, steps: &[Step]) -> Vec<String> {
    let mut replay = Replay::new(environment);
    let mut lines = Vec::new();
    for step in steps {
        replay.begin(step);
        write(environment, step, &mut replay, &mut lines);
    }
    in_runs(&lines)
}

fn write(environment: &Environment, step: &Step, replay: &mut Replay<'_>, lines: &mut Vec<Line>) {
    let writer = Writer { began: step.began };
    let words = Words {
        environment,
        writer,
    };
    if let Stimulus::Start = step.stimulus {
        lines.push((step.now, "supervision starts".to_owned()));
    }
    for (at, ready) in &step.readiness_reads {
        let ready = if *ready { "ready" } else { "not ready" };
        lines.push((*at - step.began, format!("readiness: {ready}")));
    }
    let mut shown = 0;
    for (at, entry) in &step.entries {
        let stale = replay.entry(*at, entry).last().is_some_and(|it| it.stale);
        shown += usize::from(matches!(entry, Entry::Action(Action::SetStatus(_))));
        let line = match entry {
            Entry::Event(event) => {
                let stale = if stale { " (stale)" } else { "" };
                format!("{}{stale}", words.input(step.now, *at, Some(event)))
            }
            Entry::Timeout => words.input(step.now, *at, None),
            Entry::Action(action) => format!("  {}", words.action(action)),
        };
        lines.push((step.now, line));
    }
    // What no action published was published by the end of the loop.
    for change in step.published.iter().skip(shown) {
        let status = words.status(&change.report);
        lines.push((step.now, format!("the loop ends, {status}")));
    }
}

struct Words<'a> {
    environment: &'a Environment,
    writer: Writer,
}

impl Words<'_> {
    fn input(&self, now: Duration, at: Instant, event: Option<&Event>) -> String {
        let what = event.map_or_else(|| "timeout".to_owned(), |event| self.event(at, event));
        if at == self.writer.began + now {
            format!("input: {what}")
        } else {
            format!("input as of {}: {what}", self.writer.at(at))
        }
    }

    fn event(&self, now: Instant, event: &Event) -> String {
        match event {
            Event::StartAnswered { id, result } => {
                format!("start #{} answered {}", id.number(), result_of(*result))
            }
            Event::LivenessAnswered { id, result } => {
                format!("liveness #{} answered {}", id.number(), result_of(*result))
            }
            Event::RegistrationAnswered { id, result } => {
                format!(
                    "registration #{} answered {}",
                    id.number(),
                    result_of(*result)
                )
            }
            Event::HandlerHealth { id, result } => {
                format!("handler #{} reports {}", id.number(), result_of(*result))
            }
            Event::StopAnswered { id, result } => {
                format!("stop #{} answered {}", id.number(), result_of(*result))
            }
            Event::Live { at } if *at == now => "traffic".to_owned(),
            Event::Live { at } => format!("traffic seen at {}", self.writer.at(*at)),
            Event::Suspicion(failure) => format!("suspicion {failure}"),
            Event::ClientLost { client, failure } => {
                format!("client #{} lost {failure}", client.number())
            }
            Event::Shutdown => "shutdown".to_owned(),
        }
    }

    fn action(&self, action: &Action) -> String {
        let by = |deadline: &Instant| self.writer.at(*deadline);
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => {
                let (id, deadline) = (id.number(), by(deadline));
                format!("start #{id}, attempt {attempt}, deadline {deadline}")
            }
            Action::SendLiveness { id, deadline } => {
                format!(
                    "liveness message #{}, deadline {}",
                    id.number(),
                    by(deadline)
                )
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => {
                let (id, deadline) = (id.number(), by(deadline));
                let name = self.handler(handler.index());
                format!("registration #{id} of {name}, attempt {attempt}, deadline {deadline}")
            }
            Action::DiscardClient { client } => format!("discard client #{}", client.number()),
            Action::DiscardRegistration { registration } => {
                format!("discard registration #{}", registration.number())
            }
            Action::SetStatus(report) => self.status(report),
            Action::Renew { evidence, lease } => {
                format!(
                    "lease renewed: evidence {}, lease {}",
                    by(evidence),
                    by(lease)
                )
            }
            Action::Stop { id, deadline } => {
                format!("stop #{}, deadline {}", id.number(), by(deadline))
            }
        }
    }

    fn status(&self, report: &Report) -> String {
        let Report {
            status,
            cause,
            warning,
            since,
            evidence,
            lease,
            attempt,
        } = report;
        let mut text = format!("status {status}: {}", self.cause(*cause));
        let at = |at: &Instant| self.writer.at(*at);
        let parts = [
            warning.map(|failure| format!("warning {failure}")),
            Some(format!("since {}", at(since))),
            evidence.as_ref().map(|it| format!("evidence {}", at(it))),
            lease.as_ref().map(|it| format!("lease {}", at(it))),
            (*attempt > 0).then(|| format!("attempt {attempt}")),
        ];
        for part in parts.into_iter().flatten() {
            text += ", ";
            text += &part;
        }
        text
    }

    fn cause(&self, cause: Cause) -> String {
        let name = cause.name();
        match (cause, cause.failure()) {
            (Cause::HandlerFailed(handler, _), Some(failure)) => {
                format!("{name}({}, {failure})", self.handler(handler.index()))
            }
            (_, Some(failure)) => format!("{name}({failure})"),
            (_, None) => name.to_owned(),
        }
    }

    fn handler(&self, index: usize) -> String {
        let (handler, _) = &self.environment.handlers[index];
        format!("\"{}\"", handler.name)
    }
}

fn result_of(result: Result<(), Failure>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => failure.to_string(),
    }
}
