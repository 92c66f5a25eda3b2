//! The loop of a runner, without a loop: nothing here waits, spawns or wakes.
//!
//! It is what a runner owes, once more and as plainly as can be.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use livebus_core::{
    Action, Cause, ClientId, Event, Failure, FailureClass, OpId, Report, Status, Supervisor,
};
use livebus_readiness::{Readiness, Registry, Reporter, StatusChange};
use livebus_runner::{Entry, ObservedSupervisor};

use super::environment::{Answer, Environment, Outcome};
use super::trace::Writer;

/// The name of the one service of every world.
pub(super) const SERVICE: &str = "bus";

/// One supervision after the other, of the same bus.
pub(super) struct PlainLoop<'a> {
    environment: &'a Environment,
    pub(super) writer: Writer,
    pub(super) now: Instant,
    pub(super) readiness: Readiness,
    registry: Registry,
    /// That of the newest supervision; none before the first.
    reporter: Option<Reporter>,
    pub(super) cell: Cell,
    supervisor: ObservedSupervisor,
    /// What went into the supervisors and came out.
    pub(super) entries: Receiver<(Instant, Entry)>,
    sender: Sender<(Instant, Entry)>,
    /// The operations that were spawned and neither ended nor were given up.
    pub(super) operations: HashMap<OpId, Operation>,
    /// How many answers of each kind were used up.
    used: BTreeMap<Kind, usize>,
    pub(super) clients: Vec<ClientId>,
    pub(super) discarded: Vec<ClientId>,
    pub(super) ended: bool,
    pub(super) published: Vec<StatusChange>,
}

/// What a [`livebus_kafka::Observations`] holds.
#[derive(Default)]
pub(super) struct Cell {
    live: Option<Instant>,
    suspicion: Option<Failure>,
    lost: Option<(ClientId, Failure)>,
    armed: bool,
    /// The loop wakes.
    pub(super) urgent: bool,
}

/// An operation under way.
pub(super) struct Operation {
    pub(super) name: String,
    deadline: Instant,
    pub(super) answer: Answer,
    called: Instant,
}

/// Operations that use up the same answers of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Start,
    Liveness,
    Stop,
    Registration(usize),
}

impl<'a> PlainLoop<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        let began = Instant::now();
        let registry = Registry::builder().required(SERVICE).build_at(began);
        let registry = registry.expect("the name is not empty");
        let readiness = registry.readiness();
        let (sender, entries) = channel();
        Self {
            environment,
            writer: Writer { began },
            now: began,
            readiness,
            registry,
            reporter: None,
            cell: Cell::default(),
            supervisor: supervisor(environment, began, &sender),
            entries,
            sender,
            operations: HashMap::new(),
            used: BTreeMap::new(),
            clients: Vec::new(),
            discarded: Vec::new(),
            ended: true,
            published: Vec::new(),
        }
    }

    pub(super) fn start(&mut self) {
        assert!(self.ended, "one supervision after the other");
        // The one before is gone, so that there can be another.
        self.reporter = None;
        let reporter = self.registry.reporter(SERVICE);
        self.reporter = Some(reporter.expect("it has none"));
        self.supervisor = supervisor(self.environment, self.now, &self.sender);
        self.ended = false;
        self.carry_out();
    }

    /// When the loop wakes by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.supervisor.poll_timeout().filter(|_| !self.ended)
    }

    /// The operation that ends next, and when.
    pub(super) fn next_answer(&self) -> Option<(Instant, OpId)> {
        let due = |operation: &Operation| match operation.answer {
            Answer::Never => None,
            Answer::After { takes, .. } => Some(operation.called + takes),
        };
        let answers = self.operations.iter();
        let answers = answers.filter_map(|(id, it)| Some((due(it)?, *id)));
        answers.min_by_key(|(at, id)| (*at, id.number()))
    }

    /// What a loop does on every wake, from reading its news to arming them again.
    pub(super) fn wake(&mut self, messages: &[(Instant, Event)]) {
        if self.ended {
            return;
        }
        let armed = self.cell.armed;
        let news = mem::take(&mut self.cell);
        self.cell.armed = armed;
        if let Some(at) = news.live {
            self.supervisor.handle_event(at, Event::Live { at });
        }
        for (at, event) in messages {
            self.supervisor.handle_event(*at, *event);
        }
        if let Some(failure) = news.suspicion {
            self.supervisor
                .handle_event(self.now, Event::Suspicion(failure));
        }
        if let Some((client, failure)) = news.lost {
            let lost = Event::ClientLost { client, failure };
            self.supervisor.handle_event(self.now, lost);
        }
        self.supervisor.handle_timeout(self.now);
        self.carry_out();
    }

    /// Whether the loop is over, and its supervisor has not come to its own end.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.ended && !self.supervisor.is_stopped()
    }

    /// Tells the supervisor just this, be there a loop or not.
    pub(super) fn input(&mut self, at: Instant, event: Option<Event>) {
        match event {
            Some(event) => self.supervisor.handle_event(at, event),
            None => self.supervisor.handle_timeout(at),
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            self.execute(action);
        }
        if self.supervisor.is_stopped() {
            return self.end();
        }
        self.cell.arm(self.supervisor.wants_evidence());
        // Left behind by the supervision before.
        if self.cell.urgent {
            self.wake(&[]);
        }
    }

    fn execute(&mut self, action: Action) {
        let by = |deadline: Instant| self.writer.at(deadline);
        match action {
            Action::Start { id, deadline, .. } => {
                self.clients.push(id);
                let name = format!("start #{} by {}", id.number(), by(deadline));
                self.spawn(id, name, deadline, Kind::Start);
            }
            Action::SendLiveness { id, deadline } => {
                let name = format!("liveness by {}", by(deadline));
                self.spawn(id, name, deadline, Kind::Liveness);
            }
            Action::RegisterHandler {
                id,
                handler,
                deadline,
                ..
            } => {
                let name = format!("registration of handler {}", handler.index());
                self.spawn(id, name, deadline, Kind::Registration(handler.index()));
            }
            Action::Stop { id, deadline } => {
                let name = format!("stop by {}", by(deadline));
                self.operations.clear();
                self.spawn(id, name, deadline, Kind::Stop);
            }
            Action::DiscardClient { client } => {
                self.operations.remove(&client.into());
                self.discarded.push(client);
            }
            Action::DiscardRegistration { registration } => {
                self.operations.remove(&registration.into());
            }
            Action::SetStatus(report) => self.publish(report),
            Action::Renew { evidence, lease } => self.reporter().renew(self.now, evidence, lease),
        }
    }

    fn spawn(&mut self, id: impl Into<OpId>, name: String, deadline: Instant, kind: Kind) {
        let answers = match kind {
            Kind::Start => &self.environment.starts,
            Kind::Liveness => &self.environment.liveness,
            Kind::Stop => &self.environment.stops,
            Kind::Registration(index) => &self.environment.handlers[index].1,
        };
        let used = self.used.entry(kind).or_default();
        let answer = *answers
            .get(*used)
            .or(answers.last())
            .expect("there are answers");
        *used += 1;
        let called = self.now;
        self.operations
            .retain(|_, operation| operation.deadline > called);
        let operation = Operation {
            name,
            deadline,
            answer,
            called,
        };
        self.operations.insert(id.into(), operation);
    }

    pub(super) fn report(&self) -> Report {
        let service = self.readiness.service(SERVICE);
        service.expect("it is declared").report()
    }

    fn reporter(&self) -> &Reporter {
        self.reporter.as_ref().expect("a supervision has one")
    }

    fn publish(&mut self, report: Report) {
        let from = self.report().status;
        self.reporter().report(self.now, report);
        let at = self.now;
        self.published.push(StatusChange { from, report, at });
    }

    /// The loop is over.
    pub(super) fn end(&mut self) {
        if self.ended {
            return;
        }
        let report = self.report();
        if report.status != Status::Stopped {
            self.publish(Report {
                status: Status::Stopped,
                cause: Cause::ForcedStop,
                warning: None,
                lease: None,
                since: self.now,
                ..report
            });
        }
        self.operations.clear();
        self.ended = true;
    }
}

impl Cell {
    pub(super) fn live_at(&mut self, at: Instant) {
        self.live = Some(at);
        self.urgent |= self.armed;
    }

    pub(super) fn suspicion(&mut self, failure: Failure) {
        let telling = self
            .suspicion
            .map_or(failure, |old| old.most_specific(failure));
        self.suspicion = Some(telling);
        self.urgent = true;
    }

    pub(super) fn lost(&mut self, client: ClientId, failure: Failure) {
        if self.lost.is_none_or(|(known, _)| known <= client) {
            self.lost = Some((client, failure));
        }
        self.urgent = true;
    }

    fn arm(&mut self, armed: bool) {
        self.armed = armed;
        self.urgent |= armed && self.live.is_some();
    }
}

/// What the loop is told when this operation has ended.
pub(super) fn answered(operation: OpId, outcome: Outcome) -> Event {
    let result = match outcome {
        Outcome::Returns(result) => result,
        Outcome::Panics => Err(FailureClass::Other.into()),
    };
    match operation {
        OpId::Client(id) => Event::StartAnswered { id, result },
        OpId::Liveness(id) => Event::LivenessAnswered { id, result },
        OpId::Registration(id) => Event::RegistrationAnswered { id, result },
        OpId::Stop(id) => Event::StopAnswered { id, result },
    }
}

fn supervisor(
    environment: &Environment,
    now: Instant,
    sender: &Sender<(Instant, Entry)>,
) -> ObservedSupervisor {
    let config = environment
        .config()
        .expect("a world has settings that are right");
    let supervisor = Supervisor::new(config, now);
    let sender = sender.clone();
    let record = move |at, entry| {
        // Nobody listens once the story is over.
        let _ = sender.send((at, entry));
    };
    ObservedSupervisor::new(supervisor, now, vec![Box::new(record)])
}
