//! The core driven by hand through a world, in virtual time: what every runner is measured by.
//!
//! This is the contract of a loop once more, without a loop: nothing here waits, spawns or wakes.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use livebus_core::{
    Action, Cause, Config, Event, Failure, FailureClass, Handler, OpId, Readiness, Report,
    ServiceHandle, Settings, Status, Supervisor,
};
use livebus_endpoints::StatusChange;
use livebus_recording::{Entry, Record, RecordedSupervisor};

use super::step::{Poke, Step, Stimulus};
use super::trace::{Promise, Scene, State, Writer, claim, heading};
use super::world::{Answer, Happening, Outcome, World};

/// The name of the one service of every world.
pub(super) const SERVICE: &str = "bus";

/// Drives the core alone through `world` and tells step by step what came and what it led to.
///
/// At one instant, happenings come in the order of the script, then answers in the order of their operations, then the
/// deadline.
///
/// # Panics
///
/// When the script makes no sense: settings that cannot be right; two things that come while the loop is held up over an
/// answer that lies in its inbox; a handle that is dropped while the loop's deadline is there, or while the executor is blocked.
#[must_use]
pub fn by_hand(world: &World) -> Vec<Step> {
    let mut hand = Hand::new(world);
    hand.start();
    while hand.go_on() {}
    hand.steps
}

struct Hand<'a> {
    world: &'a World,
    happenings: VecDeque<(Duration, Happening)>,
    writer: Writer,
    now: Instant,
    readiness: Readiness,
    service: ServiceHandle,
    cell: Cell,
    supervisor: RecordedSupervisor,
    told: Receiver<(Instant, Entry)>,
    tell: Sender<(Instant, Entry)>,
    /// The operations that were spawned and neither ended nor were given up.
    operations: BTreeMap<OpId, Operation>,
    /// How many answers of each kind were used up; the last kinds are the handlers'.
    used: BTreeMap<Kind, usize>,
    clients: Vec<OpId>,
    discarded: Vec<OpId>,
    has_handle: bool,
    ended: bool,
    looks: Vec<String>,
    published: Vec<StatusChange>,
    claims: Vec<String>,
    asks: Vec<Duration>,
    steps: Vec<Step>,
}

/// What a [`livebus_kafka::Observations`] holds.
#[derive(Default)]
struct Cell {
    live: Option<Instant>,
    suspicion: Option<Failure>,
    lost: Option<(OpId, Failure)>,
    armed: bool,
    urgent: bool,
}

struct Operation {
    name: String,
    deadline: Instant,
    kind: Kind,
    answer: Answer,
    called: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Start,
    Liveness,
    Stop,
    Registration(usize),
}

impl<'a> Hand<'a> {
    fn new(world: &'a World) -> Self {
        let began = Instant::now();
        let readiness = Readiness::builder().required(SERVICE).build(began);
        let readiness = readiness.expect("the name is not empty");
        let service = readiness.service(SERVICE).expect("it was declared");
        let (tell, told) = channel();
        Self {
            world,
            happenings: world.happenings.iter().copied().collect(),
            writer: Writer { began },
            now: began,
            readiness,
            service,
            cell: Cell::default(),
            supervisor: supervisor(world, began, &tell),
            told,
            tell,
            operations: BTreeMap::new(),
            used: BTreeMap::new(),
            clients: Vec::new(),
            discarded: Vec::new(),
            has_handle: false,
            ended: true,
            looks: Vec::new(),
            published: Vec::new(),
            claims: Vec::new(),
            asks: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn start(&mut self) {
        assert!(self.ended, "one supervision after the other");
        self.supervisor = supervisor(self.world, self.now, &self.tell);
        (self.has_handle, self.ended) = (true, false);
        self.carry_out();
        self.write(Stimulus::Start);
    }

    /// Plays what comes next, if anything does before the story ends.
    fn go_on(&mut self) -> bool {
        let happening = self
            .happenings
            .front()
            .map(|&(at, _)| self.writer.began + at);
        let answer = self.next_answer();
        let timer = self.supervisor.poll_timeout().filter(|_| !self.ended);
        let instants = [happening, answer.map(|(at, _)| at), timer];
        let instants = instants.map(|at| at.map(|at| at.max(self.now)));
        let Some(now) = instants.into_iter().flatten().min() else {
            return false;
        };
        if now > self.writer.began + self.world.until {
            return false;
        }
        self.now = now;
        if instants[0] == Some(now) {
            self.happen();
        } else if let Some((_, id)) = answer.filter(|_| instants[1] == Some(now)) {
            self.answer(id);
        } else {
            self.wake(&[]);
            self.write(Stimulus::Timer);
        }
        true
    }

    fn next_answer(&self) -> Option<(Instant, OpId)> {
        let due = |operation: &Operation| match operation.answer {
            Answer::Never => None,
            Answer::After { takes, .. } => Some(operation.called + takes),
        };
        let answers = self.operations.iter();
        answers.filter_map(|(id, it)| Some((due(it)?, *id))).min()
    }

    fn happen(&mut self) {
        let (_, happening) = self.happenings.pop_front().expect("there is one");
        match self.poke_of(happening) {
            Some(Poke::Drop) => {
                let due = self.supervisor.poll_timeout().filter(|_| !self.ended);
                assert!(
                    due.is_none_or(|due| due > self.now),
                    "whether a loop sees its end or its deadline first is up to the loop"
                );
                self.end();
                self.has_handle = false;
                self.write(Stimulus::Poke(Poke::Drop));
            }
            Some(poke) => {
                let message = self.poke(poke);
                if self.cell.urgent || message.is_some() {
                    self.wake(message.as_slice());
                }
                self.write(Stimulus::Poke(poke));
            }
            None => match happening {
                Happening::Blocked(long) => self.blocked(long),
                Happening::StartAgain
                | Happening::Live
                | Happening::Suspicion(_)
                | Happening::Lost(_)
                | Happening::LostBefore(_)
                | Happening::Shutdown
                | Happening::Dropped
                | Happening::Look => self.start(),
            },
        }
    }

    fn poke_of(&self, happening: Happening) -> Option<Poke> {
        let client = |before: usize| {
            let client = self.clients.iter().rev().nth(before);
            *client.expect("a client can be lost after it was started")
        };
        match happening {
            Happening::Live => Some(Poke::Live),
            Happening::Suspicion(class) => Some(Poke::Suspicion(class.into())),
            Happening::Lost(class) => Some(Poke::Lost(client(0), class.into())),
            Happening::LostBefore(class) => Some(Poke::Lost(client(1), class.into())),
            Happening::Shutdown => Some(Poke::Shutdown),
            Happening::Dropped => Some(Poke::Drop),
            Happening::Look => Some(Poke::Look),
            Happening::Blocked(_) | Happening::StartAgain => None,
        }
    }

    fn poke(&mut self, poke: Poke) -> Option<(Instant, Event)> {
        match poke {
            Poke::Live => self.cell.live_at(self.now),
            Poke::Suspicion(failure) => self.cell.suspicion(failure),
            Poke::Lost(client, failure) => self.cell.lost(client, failure),
            Poke::Shutdown if !self.ended => return Some((self.now, Event::Shutdown)),
            Poke::Shutdown => {}
            Poke::Look => {
                let ready = self.readiness.is_ready(self.now);
                self.looks.push(self.writer.look(self.now, ready));
            }
            Poke::Drop => panic!("a handle cannot be dropped while the executor is blocked"),
        }
        None
    }

    fn blocked(&mut self, long: Duration) {
        let end = self.now + long;
        let (mut pokes, mut messages) = (Vec::new(), Vec::new());
        while let Some((at, happening)) = self.happenings.front().copied() {
            if self.writer.began + at > end {
                break;
            }
            self.happenings.pop_front();
            self.now = self.writer.began + at;
            let poke = self
                .poke_of(happening)
                .expect("nothing starts while all is blocked");
            messages.extend(self.poke(poke));
            pokes.push((at, poke));
        }
        self.now = end;
        let due = self.supervisor.poll_timeout().is_some_and(|due| due <= end);
        if !self.ended && (due || self.cell.urgent || !messages.is_empty()) {
            self.wake(&messages);
        }
        self.write(Stimulus::Blocked(pokes));
    }

    fn answer(&mut self, id: OpId) {
        let operation = self.operations.remove(&id).expect("it is under way");
        let Answer::After { lies, outcome, .. } = operation.answer else {
            unreachable!("it has an answer");
        };
        let at = self.now;
        self.now += lies;
        let next = self
            .happenings
            .front()
            .map(|&(at, _)| self.writer.began + at);
        let next = next.into_iter().chain(self.next_answer().map(|(at, _)| at));
        assert!(
            lies.is_zero() || next.min().is_none_or(|next| next > self.now),
            "nothing else comes while the loop is held up"
        );
        let result = match outcome {
            Outcome::Returns(result) => result,
            Outcome::Panics => Err(FailureClass::Other.into()),
        };
        let event = match operation.kind {
            Kind::Start => Event::StartAnswered { id, result },
            Kind::Liveness => Event::LivenessAnswered { id, result },
            Kind::Stop => Event::StopAnswered { id, result },
            Kind::Registration(_) => Event::RegistrationAnswered { id, result },
        };
        self.wake(&[(at, event)]);
        self.write(Stimulus::Answer {
            operation: operation.name,
            outcome,
            at: at - self.writer.began,
        });
    }

    /// What a loop does on every wake, from reading its news to arming them again.
    fn wake(&mut self, messages: &[(Instant, Event)]) {
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
                self.asks.push(self.now - self.writer.began);
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
            Action::Discard { id } => {
                self.operations.remove(&id);
                self.discarded.push(id);
            }
            Action::SetStatus(report) => self.publish(report),
            Action::Renew { evidence, lease } => self.service.renew(self.now, evidence, lease),
        }
    }

    fn spawn(&mut self, id: OpId, name: String, deadline: Instant, kind: Kind) {
        let answers = match kind {
            Kind::Start => &self.world.starts,
            Kind::Liveness => &self.world.liveness,
            Kind::Stop => &self.world.stops,
            Kind::Registration(index) => &self.world.handlers[index].1,
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
            kind,
            answer,
            called,
        };
        self.operations.insert(id, operation);
    }

    fn publish(&mut self, report: Report) {
        let from = self.service.report().status;
        self.service.store(self.now, report);
        let at = self.now;
        self.published.push(StatusChange { from, report, at });
    }

    /// The loop is over.
    fn end(&mut self) {
        if self.ended {
            return;
        }
        let report = self.service.report();
        if report.status != Status::Stopped {
            self.publish(Report {
                status: Status::Stopped,
                cause: Cause::CutOff,
                warning: None,
                lease: None,
                since: self.now,
                ..report
            });
        }
        self.operations.clear();
        self.ended = true;
    }

    fn write(&mut self, stimulus: Stimulus) {
        let names = self
            .operations
            .values()
            .map(|operation| operation.name.clone());
        let mut under_way: Vec<String> = names.collect();
        under_way.sort();
        assert!(
            under_way.windows(2).all(|pair| pair[0] != pair[1]),
            "operations under way have names of their own: {under_way:?}"
        );
        let next = self.supervisor.poll_timeout().filter(|_| !self.ended);
        let state = State {
            report: self.service.report(),
            ready: self.readiness.is_ready(self.now),
            promise: Promise::new(self.has_handle, next),
            under_way: under_way.clone(),
            discarded: self.discarded.clone(),
            ended: self.ended,
        };
        let (now, writer) = (self.now - self.writer.began, self.writer);
        let changes = self.published.iter();
        self.claims.extend(self.looks.iter().cloned());
        self.claims
            .extend(changes.clone().map(|change| claim(writer, change)));
        let scene = Scene {
            heading: heading(now, &stimulus),
            looks: mem::take(&mut self.looks),
            entries: self
                .told
                .try_iter()
                .map(|(at, it)| writer.entry(at, &it))
                .collect(),
            published: changes.map(|change| writer.published(change)).collect(),
            state: writer.state(&state),
        };
        self.published.clear();
        self.steps.push(Step {
            now,
            stimulus,
            scene,
            under_way,
            ended: self.ended,
            claims: mem::take(&mut self.claims),
            asks: mem::take(&mut self.asks),
        });
    }
}

impl Cell {
    fn live_at(&mut self, at: Instant) {
        self.live = Some(at);
        self.urgent |= self.armed;
    }

    fn suspicion(&mut self, failure: Failure) {
        let telling = self
            .suspicion
            .map_or(failure, |old| old.more_telling(failure));
        self.suspicion = Some(telling);
        self.urgent = true;
    }

    fn lost(&mut self, client: OpId, failure: Failure) {
        self.lost = Some((client, failure));
        self.urgent = true;
    }

    fn arm(&mut self, armed: bool) {
        self.armed = armed;
        self.urgent |= armed && self.live.is_some();
    }
}

fn supervisor(world: &World, now: Instant, tell: &Sender<(Instant, Entry)>) -> RecordedSupervisor {
    let handlers: Vec<Handler> = world.handlers.iter().map(|(it, _)| it.clone()).collect();
    let config = Config::new(Settings {
        handlers,
        ..world.settings.clone()
    });
    let supervisor = Supervisor::new(config.expect("a world has settings that are right"), now);
    RecordedSupervisor::new(supervisor, now, vec![Box::new(Tell(tell.clone()))])
}

struct Tell(Sender<(Instant, Entry)>);

impl Record for Tell {
    fn record(&mut self, at: Instant, entry: Entry) {
        // Nobody listens once the story is over.
        let _ = self.0.send((at, entry));
    }
}
