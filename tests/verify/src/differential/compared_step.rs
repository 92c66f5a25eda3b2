//! One step with what the core and the model did.

use std::time::Instant;

use livebus_core::{Action, Event, Phase, Report};

/// Everything observable of a supervisor after one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) due_before: Option<Instant>,
    pub(super) actions: Vec<Action>,
    pub(super) due_after: Option<Instant>,
    pub(super) report: Report,
    pub(super) phase: Phase,
    pub(super) wants_evidence: bool,
    pub(super) stopped: bool,
    pub(super) stale_answers: u64,
}

/// The input of one step: an event, or time alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub(super) now: Instant,
    pub(super) event: Option<Event>,
}

/// One step, with what both did.
#[derive(Debug)]
pub(super) struct ComparedStep {
    pub(super) input: Input,
    pub(super) core: Observation,
    pub(super) model: Observation,
}

impl ComparedStep {
    pub(super) fn agrees(&self) -> bool {
        self.core == self.model
    }
}
