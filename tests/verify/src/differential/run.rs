//! Runs a script on the core and on the model, and compares everything observable after each step.

use std::time::{Duration, Instant};

use livebus_core::{Action, ClientId, Config, Event, OpId, RegistrationId, Supervisor};

use super::case::Case;
use super::compared_step::{ComparedStep, Input, Observation};
use super::coverage::Coverage;
use super::script::{EvidenceTime, Kind, Step, Target, What, When};
use crate::operation::{answer, begun_by, discarded_by};
use crate::reference::Reference;

/// The instant at which a script begins, in nanoseconds: evidence may be older than the supervisor.
const BEGIN: u64 = 1_000 * 24 * 3_600_000_000_000;
/// The end of every script: 400 years.
const END: u64 = 400 * 365 * 24 * 3_600_000_000_000;

/// Runs a case up to the first difference, and returns how many steps that takes. `None` if the two agree in all steps.
pub(super) fn first_difference(case: &Case, coverage: &mut Coverage) -> Option<usize> {
    let config = case.config().ok()?;
    let mut pair = Pair::new(config);
    let created = pair.observe(pair.created(), None);
    if !created.agrees() {
        return Some(0);
    }
    for (i, step) in case.steps.iter().enumerate() {
        let phase = pair.core.phase();
        let step = pair.run(*step);
        coverage.count(phase, &step);
        if !step.agrees() {
            return Some(i + 1);
        }
    }
    coverage.count_rows(&pair.model);
    None
}

/// Returns the steps of a case up to the first difference, and the instant of the first one, which is the creation.
pub(super) fn compared_steps(case: &Case) -> (Instant, Vec<ComparedStep>) {
    let config = case.config().expect("a case has valid settings");
    let mut pair = Pair::new(config);
    let created = pair.created();
    let mut steps = vec![pair.observe(created, None)];
    for step in &case.steps {
        if steps.last().is_some_and(|step| !step.agrees()) {
            break;
        }
        steps.push(pair.run(*step));
    }
    (created.now, steps)
}

/// An operation that the core requested.
#[derive(Debug, Clone, Copy)]
struct Operation {
    kind: Kind,
    id: OpId,
    deadline: Instant,
    /// Whether it was answered or discarded.
    ended: bool,
}

/// The core and the model side by side, and what is needed to resolve the steps of a script.
struct Pair {
    core: Supervisor,
    model: Reference,
    epoch: Instant,
    clock: u64,
    operations: Vec<Operation>,
}

impl Pair {
    fn new(config: Config) -> Self {
        let epoch = Instant::now();
        let now = epoch + Duration::from_nanos(BEGIN);
        Self {
            model: Reference::new(&config, epoch, now),
            core: Supervisor::new(config, now),
            epoch,
            clock: BEGIN,
            operations: Vec::new(),
        }
    }

    fn created(&self) -> Input {
        Input {
            now: self.at(BEGIN),
            event: None,
        }
    }

    fn at(&self, ns: u64) -> Instant {
        self.epoch + Duration::from_nanos(ns)
    }

    fn run(&mut self, step: Step) -> ComparedStep {
        self.clock = self.resolve_when(step.when);
        let input = Input {
            now: self.at(self.clock),
            event: self.resolve_event(step.what),
        };
        if let Some(event) = input.event {
            self.core.handle_event(input.now, event);
            self.model.handle_event(input.now, event);
        } else {
            self.core.handle_timeout(input.now);
            self.model.handle_timeout(input.now);
        }
        self.observe(input, step.polled)
    }

    fn observe(&mut self, input: Input, polled: Option<u8>) -> ComparedStep {
        let at_most = polled.map_or(usize::MAX, usize::from);
        let core = Observation {
            due_before: self.core.poll_timeout(),
            actions: std::iter::from_fn(|| self.core.poll_action())
                .take(at_most)
                .collect(),
            due_after: self.core.poll_timeout(),
            report: *self.core.report(),
            phase: self.core.phase(),
            wants_evidence: self.core.wants_evidence(),
            stopped: self.core.is_stopped(),
            stale_answers: self.core.stale_answers(),
        };
        let model = Observation {
            due_before: self.model.poll_timeout(),
            actions: std::iter::from_fn(|| self.model.poll_action())
                .take(at_most)
                .collect(),
            due_after: self.model.poll_timeout(),
            report: self.model.report(),
            phase: self.model.phase(),
            wants_evidence: self.model.wants_evidence(),
            stopped: self.model.is_stopped(),
            stale_answers: self.model.stale_answers(),
        };
        for action in &core.actions {
            self.note_operation(action);
        }
        ComparedStep { input, core, model }
    }

    fn note_operation(&mut self, action: &Action) {
        if let Some((id, deadline)) = begun_by(action) {
            self.operations.push(Operation {
                kind: Kind::of(id),
                id,
                deadline,
                ended: false,
            });
        }
        if let Some(id) = discarded_by(action) {
            let discarded = self.operations.iter_mut().rev().find(|it| it.id == id);
            if let Some(operation) = discarded {
                operation.ended = true;
            }
        }
    }

    fn resolve_when(&self, when: When) -> u64 {
        let deadline = || {
            let due = self.core.poll_timeout()?;
            Some(nanos(due.saturating_duration_since(self.epoch)).max(self.clock))
        };
        let clock = match when {
            When::Same => self.clock,
            When::Later(by) => self.clock.saturating_add(by),
            When::Deadline => deadline().unwrap_or(self.clock),
            When::JustBefore => deadline().map_or(self.clock, |due| (due - 1).max(self.clock)),
            When::Late(by) => deadline().map_or(self.clock, |due| due.saturating_add(by)),
            When::Back(by) => self.clock.saturating_sub(by),
        };
        if clock > END { self.clock } else { clock }
    }

    fn resolve_event(&mut self, what: What) -> Option<Event> {
        match what {
            What::Time => None,
            What::Answer { to, kind, result } => {
                let (number, fitting) = self.resolve_target(to)?;
                Some(answer(kind.unwrap_or(fitting).id(number), result))
            }
            What::Live(observed) => {
                let at = match observed {
                    EvidenceTime::Now => self.at(self.clock),
                    EvidenceTime::Before(by) => self.at(self.clock.saturating_sub(by)),
                    EvidenceTime::After(by) => self.at(self.clock.saturating_add(by)),
                    EvidenceTime::Known(by) => {
                        let known = self.core.report().evidence;
                        known.unwrap_or(self.at(self.clock)) + Duration::from_nanos(by)
                    }
                };
                Some(Event::Live { at })
            }
            What::Suspicion(failure) => Some(Event::Suspicion(failure)),
            What::HandlerHealth { by, result } => Some(Event::HandlerHealth {
                id: RegistrationId::from_number(self.resolve_target(by)?.0),
                result,
            }),
            What::ClientLost { client, failure } => Some(Event::ClientLost {
                client: ClientId::from_number(self.resolve_target(client)?.0),
                failure,
            }),
            What::Shutdown => Some(Event::Shutdown),
        }
    }

    /// Returns the number and the kind of an operation.
    fn resolve_target(&mut self, target: Target) -> Option<(u64, Kind)> {
        let now = self.at(self.clock);
        // Older operations are not in flight.
        let mut newest_first = self.operations.iter_mut().rev().take(16);
        let in_flight = |it: &&mut Operation| !it.ended && it.deadline > now;
        let found = match target {
            Target::InFlight(index) => {
                let mut in_flight: Vec<_> = newest_first.filter(in_flight).collect();
                let last = in_flight.len().checked_sub(1)?;
                in_flight.swap_remove(usize::from(index).min(last))
            }
            Target::OfKind(kind, index) => {
                let of_kind = newest_first.filter(|it| it.kind == kind);
                of_kind.filter(in_flight).nth(usize::from(index))?
            }
            Target::Newest(kind) => newest_first.find(|it| it.kind == kind)?,
            Target::Any(index) => newest_first.nth(usize::from(index))?,
            Target::Unknown(number) => return Some((number, Kind::Start)),
        };
        if matches!(target, Target::InFlight(_) | Target::OfKind(..)) {
            found.ended = true;
        }
        Some((found.id.number(), found.kind))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("a script ends after 400 years")
}
