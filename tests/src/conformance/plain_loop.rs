//! A minimal runner that its caller steps: nothing here waits, spawns or wakes.
//!
//! It does what a runner must do, in the simplest form, as the reference for all runners.

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

/// The name of the one service of every environment.
pub(super) const SERVICE: &str = "bus";

/// Runs one supervision of the same bus after the other.
pub(super) struct PlainLoop<'a> {
    environment: &'a Environment,
    pub(super) writer: Writer,
    pub(super) now: Instant,
    pub(super) readiness: Readiness,
    registry: Registry,
    /// The reporter of the newest supervision; `None` before the first.
    reporter: Option<Reporter>,
    pub(super) cell: Cell,
    supervisor: ObservedSupervisor,
    /// The inputs and the actions of the supervisors.
    pub(super) entries: Receiver<(Instant, Entry)>,
    sender: Sender<(Instant, Entry)>,
    /// The operations that were spawned and have neither ended nor been dropped.
    pub(super) operations: HashMap<OpId, Operation>,
    /// The number of answers of each kind that were used.
    used: BTreeMap<Kind, usize>,
    pub(super) clients: Vec<ClientId>,
    pub(super) discarded: Vec<ClientId>,
    pub(super) ended: bool,
    pub(super) published: Vec<StatusChange>,
}

/// The content of a [`livebus_runner::Observations`].
#[derive(Default)]
pub(super) struct Cell {
    live: Option<Instant>,
    suspicion: Option<Failure>,
    lost: Option<(ClientId, Failure)>,
    armed: bool,
    /// The loop must wake.
    pub(super) urgent: bool,
}

/// An operation in flight.
pub(super) struct Operation {
    pub(super) name: String,
    deadline: Instant,
    pub(super) answer: Answer,
    called: Instant,
}

/// Operations of one kind use the same answers of the environment.
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
        assert!(self.ended, "the supervision before has ended");
        // The earlier reporter is dropped first: a service has one at a time.
        self.reporter = None;
        let reporter = self.registry.reporter(SERVICE);
        self.reporter = Some(reporter.expect("the service has no reporter"));
        self.supervisor = supervisor(self.environment, self.now, &self.sender);
        self.ended = false;
        self.execute_actions();
    }

    /// Returns the instant at which the loop wakes on its own.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.supervisor.poll_timeout().filter(|_| !self.ended)
    }

    /// Returns the operation that ends next, and when.
    pub(super) fn next_answer(&self) -> Option<(Instant, OpId)> {
        let due = |operation: &Operation| match operation.answer {
            Answer::Never => None,
            Answer::After { takes, .. } => Some(operation.called + takes),
        };
        let answers = self.operations.iter();
        let answers = answers.filter_map(|(id, it)| Some((due(it)?, *id)));
        answers.min_by_key(|(at, id)| (*at, id.number()))
    }

    /// Does what a loop does on every wake, from reading the observations to arming them again.
    pub(super) fn wake(&mut self, messages: &[(Instant, Event)]) {
        if self.ended {
            return;
        }
        let armed = self.cell.armed;
        let observed = mem::take(&mut self.cell);
        self.cell.armed = armed;
        if let Some(at) = observed.live {
            self.supervisor.handle_event(at, Event::Live { at });
        }
        for (at, event) in messages {
            self.supervisor.handle_event(*at, *event);
        }
        if let Some(failure) = observed.suspicion {
            self.supervisor
                .handle_event(self.now, Event::Suspicion(failure));
        }
        if let Some((client, failure)) = observed.lost {
            let lost = Event::ClientLost { client, failure };
            self.supervisor.handle_event(self.now, lost);
        }
        self.supervisor.handle_timeout(self.now);
        self.execute_actions();
    }

    /// Returns whether the loop has ended before its supervisor stopped.
    pub(super) const fn is_stopped_by_force(&self) -> bool {
        self.ended && !self.supervisor.is_stopped()
    }

    /// Delivers one input to the supervisor, whether there is a loop or not.
    pub(super) fn input(&mut self, at: Instant, event: Option<Event>) {
        match event {
            Some(event) => self.supervisor.handle_event(at, event),
            None => self.supervisor.handle_timeout(at),
        }
        self.execute_actions();
    }

    fn execute_actions(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            self.execute(action);
        }
        if self.supervisor.is_stopped() {
            return self.end();
        }
        self.cell.arm(self.supervisor.wants_evidence());
        // Observations may be left over from the supervision before.
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
            .expect("there is at least one answer");
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
        service.expect("the service is declared").report()
    }

    fn reporter(&self) -> &Reporter {
        self.reporter
            .as_ref()
            .expect("a supervision has a reporter")
    }

    fn publish(&mut self, report: Report) {
        let from = self.report().status;
        self.reporter().report(self.now, report);
        let at = self.now;
        self.published.push(StatusChange { from, report, at });
    }

    /// Ends the loop.
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
        let suspicion = self
            .suspicion
            .map_or(failure, |old| old.most_specific(failure));
        self.suspicion = Some(suspicion);
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

/// Returns the event that the loop receives when this operation has ended.
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
        .expect("the settings were checked when the script was read");
    let supervisor = Supervisor::new(config, now);
    let sender = sender.clone();
    let record = move |at, entry| {
        // Fails only after the scenario, when the receiver is dropped.
        let _ = sender.send((at, entry));
    };
    ObservedSupervisor::new(supervisor, now, vec![Box::new(record)])
}
