//! Counts what the scripts reach, so that a test can check that they reach everything.

use std::collections::BTreeMap;

use livebus_core::{Action, Event, Phase};

use super::compared_step::{ComparedStep, Input};
use crate::reference::{ROWS, Reference};

/// How often each thing was reached.
#[derive(Debug, Clone)]
pub(super) struct Coverage {
    /// Inputs by phase and kind.
    pub(super) inputs: [[u64; Self::INPUTS.len()]; Phase::ALL.len()],
    pub(super) actions: [u64; Self::ACTIONS.len()],
    /// How often each row of the model's table was used.
    pub(super) rows: [u64; ROWS],
    pub(super) steps: u64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            inputs: [[0; Self::INPUTS.len()]; Phase::ALL.len()],
            actions: [0; Self::ACTIONS.len()],
            rows: [0; ROWS],
            steps: 0,
        }
    }
}

impl Coverage {
    /// The kinds of inputs: every event, and time alone.
    pub(super) const INPUTS: [&str; 10] = [
        "Time",
        "StartAnswered",
        "LivenessAnswered",
        "RegistrationAnswered",
        "StopAnswered",
        "Live",
        "Suspicion",
        "ClientLost",
        "Shutdown",
        "HandlerHealth",
    ];

    /// The kinds of actions.
    pub(super) const ACTIONS: [&str; 8] = [
        "Start",
        "SendLiveness",
        "RegisterHandler",
        "DiscardClient",
        "DiscardRegistration",
        "SetStatus",
        "Renew",
        "Stop",
    ];

    pub(super) fn count(&mut self, phase: Phase, step: &ComparedStep) {
        self.inputs[phase as usize][input_index(step.input)] += 1;
        for action in &step.core.actions {
            self.actions[action_index(action)] += 1;
        }
        self.steps += 1;
    }

    pub(super) fn count_rows(&mut self, model: &Reference) {
        for (sum, used) in self.rows.iter_mut().zip(model.rows_used()) {
            *sum += u64::from(*used);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in self
            .inputs
            .iter_mut()
            .flatten()
            .zip(other.inputs.iter().flatten())
        {
            *sum += more;
        }
        for (sum, more) in self.actions.iter_mut().zip(other.actions) {
            *sum += more;
        }
        for (sum, more) in self.rows.iter_mut().zip(other.rows) {
            *sum += more;
        }
        self.steps += other.steps;
    }

    /// Returns how often each thing was reached, by its name. Things that were not reached are included.
    pub(super) fn by_name(&self) -> BTreeMap<String, u64> {
        let inputs = Phase::ALL.iter().flat_map(|phase| {
            Self::INPUTS.iter().enumerate().map(move |(i, event)| {
                (
                    format!("{event} in {phase}"),
                    self.inputs[*phase as usize][i],
                )
            })
        });
        let actions = Self::ACTIONS.iter().zip(self.actions);
        let rows = self.rows.iter().enumerate();
        inputs
            .chain(actions.map(|(name, n)| (format!("action {name}"), n)))
            .chain(rows.map(|(i, n)| (format!("row {i:03}: {}", Reference::row_name(i)), *n)))
            .collect()
    }
}

fn input_index(input: Input) -> usize {
    match input.event {
        None => 0,
        Some(Event::StartAnswered { .. }) => 1,
        Some(Event::LivenessAnswered { .. }) => 2,
        Some(Event::RegistrationAnswered { .. }) => 3,
        Some(Event::StopAnswered { .. }) => 4,
        Some(Event::Live { .. }) => 5,
        Some(Event::Suspicion(_)) => 6,
        Some(Event::ClientLost { .. }) => 7,
        Some(Event::Shutdown) => 8,
        Some(Event::HandlerHealth { .. }) => 9,
    }
}

fn action_index(action: &Action) -> usize {
    match action {
        Action::Start { .. } => 0,
        Action::SendLiveness { .. } => 1,
        Action::RegisterHandler { .. } => 2,
        Action::DiscardClient { .. } => 3,
        Action::DiscardRegistration { .. } => 4,
        Action::SetStatus(_) => 5,
        Action::Renew { .. } => 6,
        Action::Stop { .. } => 7,
    }
}
