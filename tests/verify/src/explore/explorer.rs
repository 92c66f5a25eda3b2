//! Our own search: breadth first, every state kept whole, every step kept as an edge.

use std::collections::{BTreeMap, HashMap, VecDeque};

use livebus_core::{Action, Event, Phase, Status};

use super::moves::{BusState, Move};
use super::universes::Universe;
use super::world::World;
use crate::watch::Claim;

/// Everything that one universe can be, as a graph.
#[derive(Debug, Default)]
pub struct Explored {
    /// What is known of each state, in the order of their discovery.
    pub states: Vec<Facts>,
    /// Where the edges of each state begin in `edges`; one more than there are states.
    pub starts: Vec<usize>,
    /// All edges.
    pub edges: Vec<Edge>,
    /// The first state in which a claim is broken.
    pub broken: Option<(u32, Claim)>,
    /// How each state was found: from which one.
    pub found_from: Vec<u32>,
    /// The longest time that a bus could not be used when Running ended, in ticks.
    pub detected_after: Option<u32>,
    /// How often each event, or time alone, came in each phase.
    pub pairs: BTreeMap<(Phase, &'static str), u64>,
    /// How often each phase led to another.
    pub arrows: BTreeMap<(Phase, Phase, &'static str), u64>,
    /// How often each action came out.
    pub actions: BTreeMap<&'static str, u64>,
}

/// What the graph's readers need to know of a state.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The status.
    pub status: Status,
    /// The phase.
    pub phase: Phase,
    /// The bus.
    pub bus: BusState,
    /// Whether the shutdown was asked for.
    pub ending: bool,
    /// Whether one more tick leaves an operation unanswered beyond its deadline.
    pub pressing: bool,
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// Where it leads.
    pub to: u32,
    /// What it is.
    pub what: Move,
    /// Whether it tries something: a start or a liveness message.
    pub tries: bool,
    /// Whether it is a start.
    pub starts: bool,
}

/// Explores until everything is known, a claim is broken, or there are more than `most` states.
///
/// # Errors
///
/// `most`, when there are more.
pub fn explore(universe: &Universe, most: usize) -> Result<Explored, usize> {
    let mut explored = Explored::default();
    let mut numbers: HashMap<Box<[u8]>, u32> = HashMap::new();
    let mut rest: VecDeque<World> = VecDeque::new();
    let first = World::first(universe);
    explored.note(&first, 0, universe);
    numbers.insert(first.code().into(), 0);
    rest.push_back(first);
    let mut moves = Vec::new();
    let mut number = 0;
    while let Some(world) = rest.pop_front() {
        explored.starts.push(explored.edges.len());
        if let Err(claim) = world.is_sound(universe) {
            explored.broken = explored.broken.or(Some((number, claim)));
        }
        world.moves(universe, &mut moves);
        for what in &moves {
            let (next, step) = world.after(universe, *what);
            let to = *numbers.entry(next.code().into()).or_insert_with(|| {
                let new = explored.note(&next, number, universe);
                rest.push_back(next.clone());
                new
            });
            explored.detected_after = explored.detected_after.max(step.detected_after);
            explored.count(&world, &next, *what, step.event, &step.actions);
            let starts = step
                .actions
                .iter()
                .any(|it| matches!(it, Action::Start { .. }));
            let asks = |it: &Action| matches!(it, Action::SendLiveness { .. });
            explored.edges.push(Edge {
                to,
                what: *what,
                starts,
                tries: starts || step.actions.iter().any(asks),
            });
        }
        if explored.broken.is_some() {
            return Ok(explored);
        }
        if explored.states.len() > most {
            return Err(most);
        }
        number += 1;
        if number.is_multiple_of(1_000_000) {
            eprintln!("{number} states explored, {} wait", rest.len());
        }
    }
    explored.starts.push(explored.edges.len());
    Ok(explored)
}

impl Explored {
    fn note(&mut self, world: &World, from: u32, universe: &Universe) -> u32 {
        let number = u32::try_from(self.states.len()).expect("fewer states than 2^32");
        if let Some(claim) = world.broken {
            self.broken = self.broken.or(Some((number, claim)));
        }
        let soon = *super::world::EPOCH + universe.tick;
        let watch = &world.watch;
        let deadlines = [
            watch.starting().map(|(_, deadline)| deadline),
            watch.asking().map(|(_, deadline)| deadline),
            watch.stopping().map(|(_, deadline)| deadline),
        ];
        let registering = universe
            .handlers()
            .map(|handler| watch.registering(usize::from(handler)))
            .map(|it| it.map(|(_, deadline)| deadline));
        let mut deadlines = deadlines.into_iter().chain(registering).flatten();
        self.found_from.push(from);
        self.states.push(Facts {
            status: world.supervisor.report().status,
            phase: world.supervisor.phase(),
            bus: world.bus,
            ending: watch.ending().is_some(),
            pressing: deadlines.any(|deadline| deadline <= soon),
        });
        number
    }

    fn count(
        &mut self,
        before: &World,
        after: &World,
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

    /// The edges of a state.
    #[must_use]
    pub fn edges_of(&self, state: u32) -> &[Edge] {
        let state = state as usize;
        let end = self.starts.get(state + 1).copied();
        &self.edges[self.starts[state]..end.unwrap_or(self.edges.len())]
    }

    /// The states on the way to this one, from the beginning.
    #[must_use]
    pub fn way_to(&self, state: u32) -> Vec<u32> {
        let mut way = vec![state];
        let mut at = state;
        while at != 0 {
            at = self.found_from[at as usize];
            way.push(at);
        }
        way.reverse();
        way
    }
}

/// What an event is called in tables and pictures.
#[must_use]
pub fn event_name(event: Event) -> &'static str {
    match event {
        Event::StartAnswered { result: Ok(()), .. } => "start answered: ok",
        Event::StartAnswered { result: Err(_), .. } => "start answered: failed",
        Event::LivenessAnswered { result: Ok(()), .. } => "liveness answered: ok",
        Event::LivenessAnswered { result: Err(_), .. } => "liveness answered: failed",
        Event::RegistrationAnswered { result: Ok(()), .. } => "registration answered: ok",
        Event::RegistrationAnswered { result: Err(_), .. } => "registration answered: failed",
        Event::StopAnswered { result: Ok(()), .. } => "stop answered: ok",
        Event::StopAnswered { result: Err(_), .. } => "stop answered: failed",
        Event::Live { .. } => "evidence",
        Event::Suspicion(_) => "suspicion",
        Event::ClientLost { .. } => "client lost",
        Event::Shutdown => "shutdown",
    }
}

/// What actions are called in tables.
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

/// What an action is called in tables: one of [`ACTIONS`].
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
