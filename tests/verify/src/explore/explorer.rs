//! Our own breadth-first search. It identifies states by all their bytes, and keeps every step as an edge.

use std::collections::{BTreeMap, HashMap, VecDeque};

use livebus_core::{Action, Event, Phase, Status};

use super::configurations::ModelConfiguration;
use super::moves::{BusState, Move};
use super::state::ModelState;
use crate::invariants::Claim;

/// The graph of all states of one model configuration.
#[derive(Debug, Default)]
pub struct Explored {
    /// The facts of each state, in order of discovery.
    pub states: Vec<Facts>,
    /// The index in `edges` at which the edges of each state begin, and the number of edges at the end.
    pub starts: Vec<usize>,
    /// All edges.
    pub edges: Vec<Edge>,
    /// The first state in which a claim is broken.
    pub broken: Option<(u32, Claim)>,
    /// The state from which each state was found first.
    pub found_from: Vec<u32>,
    /// The maximum number of ticks for which the bus had not been usable when Running ended.
    pub detected_after: Option<u32>,
    /// How often each event, or time alone, came in each phase.
    pub pairs: BTreeMap<(Phase, &'static str), u64>,
    /// How often each phase led to another.
    pub arrows: BTreeMap<(Phase, Phase, &'static str), u64>,
    /// How often each action was returned.
    pub actions: BTreeMap<&'static str, u64>,
}

/// The facts about a state that the claims on the graph use.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The status.
    pub status: Status,
    /// The phase.
    pub phase: Phase,
    /// The bus.
    pub bus: BusState,
    /// Whether a shutdown was requested.
    pub ending: bool,
    /// Whether an operation in flight reaches its deadline within one more tick.
    pub deadline_in_a_tick: bool,
    /// Whether a registered handler reports that it fails.
    pub handler_fails: bool,
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// The state to which it leads.
    pub to: u32,
    /// The move.
    pub what: Move,
    /// Whether the supervisor starts a client or sends a liveness message.
    pub attempts: bool,
    /// Whether the supervisor starts a client.
    pub starts: bool,
}

/// Explores until there are no new states, a claim is broken, or there are more than `max` states.
///
/// # Errors
///
/// Returns `max` when there are more states.
pub fn explore(configuration: &ModelConfiguration, max: usize) -> Result<Explored, usize> {
    let mut explored = Explored::default();
    let mut numbers: HashMap<Box<[u8]>, u32> = HashMap::new();
    let mut rest: VecDeque<ModelState> = VecDeque::new();
    let first = ModelState::first(configuration);
    explored.note(&first, 0, configuration);
    numbers.insert(first.code().into(), 0);
    rest.push_back(first);
    let mut moves = Vec::new();
    let mut number = 0;
    while let Some(state) = rest.pop_front() {
        explored.starts.push(explored.edges.len());
        if let Err(claim) = state.check_state(configuration) {
            explored.broken = explored.broken.or(Some((number, claim)));
        }
        state.moves(configuration, &mut moves);
        for what in &moves {
            let (next, step) = state.after(configuration, *what);
            let to = *numbers.entry(next.code().into()).or_insert_with(|| {
                let new = explored.note(&next, number, configuration);
                rest.push_back(next.clone());
                new
            });
            explored.detected_after = explored.detected_after.max(step.detected_after);
            explored.count(&state, &next, *what, step.event, &step.actions);
            let starts = step
                .actions
                .iter()
                .any(|it| matches!(it, Action::Start { .. }));
            let sends_liveness = |it: &Action| matches!(it, Action::SendLiveness { .. });
            explored.edges.push(Edge {
                to,
                what: *what,
                starts,
                attempts: starts || step.actions.iter().any(sends_liveness),
            });
        }
        if explored.broken.is_some() {
            return Ok(explored);
        }
        if explored.states.len() > max {
            return Err(max);
        }
        number += 1;
        if number.is_multiple_of(1_000_000) {
            eprintln!("{number} states explored, {} in the queue", rest.len());
        }
    }
    explored.starts.push(explored.edges.len());
    Ok(explored)
}

impl Explored {
    fn note(&mut self, state: &ModelState, from: u32, configuration: &ModelConfiguration) -> u32 {
        let number = u32::try_from(self.states.len()).expect("fewer states than 2^32");
        if let Some(claim) = state.broken {
            self.broken = self.broken.or(Some((number, claim)));
        }
        let soon = *super::state::EPOCH + configuration.tick;
        let invariants = &state.invariants;
        let deadlines = [
            invariants.start_in_flight().map(|(_, deadline)| deadline),
            invariants
                .liveness_in_flight()
                .map(|(_, deadline)| deadline),
            invariants.stop_in_flight().map(|(_, deadline)| deadline),
        ];
        let registering = configuration
            .handlers()
            .map(|handler| invariants.registration_in_flight(usize::from(handler)))
            .map(|it| it.map(|(_, deadline)| deadline));
        let mut deadlines = deadlines.into_iter().chain(registering).flatten();
        self.found_from.push(from);
        self.states.push(Facts {
            status: state.supervisor.report().status,
            phase: state.supervisor.phase(),
            bus: state.bus,
            ending: invariants.shutdown_at().is_some(),
            deadline_in_a_tick: deadlines.any(|deadline| deadline <= soon),
            handler_fails: invariants.health().any(|(_, fails)| fails),
        });
        number
    }

    fn count(
        &mut self,
        before: &ModelState,
        after: &ModelState,
        what: Move,
        event: Option<Event>,
        actions: &[Action],
    ) {
        let name = match (what, event) {
            (Move::Bus(_), _) => return,
            (_, None) => "time passes",
            (_, Some(event)) => event_name(event),
        };
        let (from, to) = (before.supervisor.phase(), after.supervisor.phase());
        *self.pairs.entry((from, name)).or_default() += 1;
        if from != to {
            *self.arrows.entry((from, to, name)).or_default() += 1;
        }
        for action in actions {
            *self.actions.entry(action_name(action)).or_default() += 1;
        }
    }

    /// Returns the edges of a state.
    #[must_use]
    pub fn edges_of(&self, state: u32) -> &[Edge] {
        let state = state as usize;
        let end = self.starts.get(state + 1).copied();
        &self.edges[self.starts[state]..end.unwrap_or(self.edges.len())]
    }

    /// Returns the states on the shortest path to this state, from the initial one.
    #[must_use]
    pub fn path_to(&self, state: u32) -> Vec<u32> {
        let mut path = vec![state];
        let mut at = state;
        while at != 0 {
            at = self.found_from[at as usize];
            path.push(at);
        }
        path.reverse();
        path
    }
}

/// Returns the name of an event in tables and diagrams.
#[must_use]
pub fn event_name(event: Event) -> &'static str {
    match event {
        Event::StartAnswered { result: Ok(()), .. } => "start answered: ok",
        Event::StartAnswered { result: Err(_), .. } => "start answered: failed",
        Event::LivenessAnswered { result: Ok(()), .. } => "liveness answered: ok",
        Event::LivenessAnswered { result: Err(_), .. } => "liveness answered: failed",
        Event::RegistrationAnswered { result: Ok(()), .. } => "registration answered: ok",
        Event::RegistrationAnswered { result: Err(_), .. } => "registration answered: failed",
        Event::HandlerHealth { result: Ok(()), .. } => "handler works",
        Event::HandlerHealth { result: Err(_), .. } => "handler fails",
        Event::StopAnswered { result: Ok(()), .. } => "stop answered: ok",
        Event::StopAnswered { result: Err(_), .. } => "stop answered: failed",
        Event::Live { .. } => "evidence",
        Event::Suspicion(_) => "suspicion",
        Event::ClientLost { .. } => "client lost",
        Event::Shutdown => "shutdown",
    }
}

/// The names of the actions in tables.
pub const ACTIONS: [&str; 8] = [
    "Start",
    "SendLiveness",
    "RegisterHandler",
    "DiscardClient",
    "DiscardRegistration",
    "SetStatus",
    "Renew",
    "Stop",
];

/// Returns the name of an action in tables: one of [`ACTIONS`].
#[must_use]
pub fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Start { .. } => "Start",
        Action::SendLiveness { .. } => "SendLiveness",
        Action::RegisterHandler { .. } => "RegisterHandler",
        Action::DiscardClient { .. } => "DiscardClient",
        Action::DiscardRegistration { .. } => "DiscardRegistration",
        Action::SetStatus(_) => "SetStatus",
        Action::Renew { .. } => "Renew",
        Action::Stop { .. } => "Stop",
    }
}
