//! Formats the run of a case as readable text.

use std::fmt::Write;
use std::time::{Duration, Instant};

use livebus_core::{Action, Event, Report};

use super::case::Case;
use super::compared_step::{ComparedStep, Observation};
use super::run::compared_steps;

/// Returns the settings, each step, and the first difference.
pub(super) fn format_trace(case: &Case) -> String {
    let (begin, compared_steps) = compared_steps(case);
    let time = Clock(begin);
    let mut text = format!("{:?}\n", case.settings);
    for (i, step) in compared_steps.iter().enumerate() {
        let input = match step.input.event {
            None if i == 0 => "created".to_owned(),
            None => "time".to_owned(),
            Some(event) => time.event(event),
        };
        let _ = writeln!(text, "{i:>3}  {}  {input}", time.at(step.input.now));
        if step.agrees() {
            time.observation(&mut text, "both ", &step.core);
        } else {
            time.observation(&mut text, "core ", &step.core);
            time.observation(&mut text, "model", &step.model);
            text.push_str(&what_differs(step));
        }
    }
    text
}

fn what_differs(step: &ComparedStep) -> String {
    let (core, model) = (&step.core, &step.model);
    let differ = [
        (
            "poll_timeout before polling",
            core.due_before != model.due_before,
        ),
        ("actions", core.actions != model.actions),
        (
            "poll_timeout after polling",
            core.due_after != model.due_after,
        ),
        ("report", core.report != model.report),
        ("phase", core.phase != model.phase),
        (
            "wants_evidence",
            core.wants_evidence != model.wants_evidence,
        ),
        ("is_stopped", core.stopped != model.stopped),
        ("stale_answers", core.stale_answers != model.stale_answers),
    ];
    let names: Vec<&str> = differ.iter().filter(|it| it.1).map(|it| it.0).collect();
    format!("     They differ in: {}.\n", names.join(", "))
}

/// Formats instants as seconds since the creation of the supervisor.
struct Clock(Instant);

impl Clock {
    fn at(&self, instant: Instant) -> String {
        match instant.checked_duration_since(self.0) {
            Some(later) => format!("+{}", seconds(later)),
            None => format!("-{}", seconds(self.0 - instant)),
        }
    }

    fn maybe(&self, instant: Option<Instant>) -> String {
        instant.map_or("none".to_owned(), |instant| self.at(instant))
    }

    fn event(&self, event: Event) -> String {
        match event {
            Event::Live { at } => format!("Live at {}", self.at(at)),
            Event::StartAnswered { id, result } => {
                format!("StartAnswered #{} {result:?}", id.number())
            }
            Event::LivenessAnswered { id, result } => {
                format!("LivenessAnswered #{} {result:?}", id.number())
            }
            Event::RegistrationAnswered { id, result } => {
                format!("RegistrationAnswered #{} {result:?}", id.number())
            }
            Event::HandlerHealth { id, result } => {
                format!("HandlerHealth #{} {result:?}", id.number())
            }
            Event::StopAnswered { id, result } => {
                format!("StopAnswered #{} {result:?}", id.number())
            }
            Event::Suspicion(failure) => format!("Suspicion {failure:?}"),
            Event::ClientLost { client, failure } => {
                format!("ClientLost #{} {failure:?}", client.number())
            }
            Event::Shutdown => "Shutdown".to_owned(),
        }
    }

    fn action(&self, action: &Action) -> String {
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => format!(
                "Start #{} attempt {attempt} until {}",
                id.number(),
                self.at(*deadline)
            ),
            Action::SendLiveness { id, deadline } => {
                format!("SendLiveness #{} until {}", id.number(), self.at(*deadline))
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => format!(
                "RegisterHandler {} #{} attempt {attempt} until {}",
                handler.index(),
                id.number(),
                self.at(*deadline)
            ),
            Action::DiscardClient { client } => format!("DiscardClient #{}", client.number()),
            Action::DiscardRegistration { registration } => {
                format!("DiscardRegistration #{}", registration.number())
            }
            Action::SetStatus(report) => format!("SetStatus {}", self.report(report)),
            Action::Renew { evidence, lease } => {
                format!(
                    "Renew evidence {} lease {}",
                    self.at(*evidence),
                    self.at(*lease)
                )
            }
            Action::Stop { id, deadline } => {
                format!("Stop #{} until {}", id.number(), self.at(*deadline))
            }
        }
    }

    fn report(&self, report: &Report) -> String {
        format!(
            "{} {:?} warning {:?} since {} evidence {} lease {} attempt {}",
            report.status,
            report.cause,
            report.warning,
            self.at(report.since),
            self.maybe(report.evidence),
            self.maybe(report.lease),
            report.attempt
        )
    }

    fn observation(&self, text: &mut String, side: &str, observation: &Observation) {
        for action in &observation.actions {
            let _ = writeln!(text, "     {side} {}", self.action(action));
        }
        let _ = writeln!(
            text,
            "     {side} = {} [{}] due {} then {}, wants evidence: {}, stopped: {}, stale: {}",
            observation.phase,
            self.report(&observation.report),
            self.maybe(observation.due_before),
            self.maybe(observation.due_after),
            observation.wants_evidence,
            observation.stopped,
            observation.stale_answers
        );
    }
}

fn seconds(duration: Duration) -> String {
    let (whole, fraction) = (duration.as_secs(), duration.subsec_nanos());
    if fraction == 0 {
        return format!("{whole}s");
    }
    let digits = format!("{fraction:09}");
    format!("{whole}.{}s", digits.trim_end_matches('0'))
}
