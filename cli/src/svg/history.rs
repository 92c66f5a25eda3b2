//! The data of the picture, collected line by line: one small record for each shape.

use std::time::Instant;

use livebus_core::{
    Action, ClientId, Event, Failure, LivenessId, RegistrationId, Report, Status, StopId,
};
use livebus_recording::{Content, Line, Replay};
use livebus_runner::Entry;

use crate::recorded_time::RecordedTime;

/// The data of a recording that is drawn.
#[derive(Debug)]
pub(crate) struct History {
    pub(super) service: String,
    pub(super) time: RecordedTime,
    pub(super) begin: Instant,
    /// The newest instant of any line.
    pub(super) end: Instant,
    /// In their order; each holds until the next.
    pub(super) reports: Vec<Reported>,
    pub(super) losses: Vec<Loss>,
    /// The leases, each from its instant on.
    pub(super) leases: Vec<Lease>,
    pub(super) proofs: Vec<Instant>,
    pub(super) messages: Operations<LivenessId>,
    pub(super) starts: Operations<ClientId>,
    pub(super) registrations: Operations<RegistrationId>,
    pub(super) stops: Operations<StopId>,
    pub(super) hints: Vec<Hint>,
}

/// A report, and the instant from which it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub(super) at: Instant,
    pub(super) report: Report,
}

/// A Running that ended by a failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    /// The newest proof before the loss.
    pub(super) proved: Instant,
    pub(super) noticed: Instant,
}

/// A lease, and the instant from which it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) at: Instant,
    /// `None` when it was withdrawn.
    pub(super) until: Option<Instant>,
}

/// An event that proves nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hint {
    pub(super) at: Instant,
    pub(super) kind: HintKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HintKind {
    Suspicion(Failure),
    ClientLost(Failure),
    Shutdown,
}

/// Operations of one kind, in the order in which they began.
#[derive(Debug)]
pub(super) struct Operations<I> {
    /// Ids only grow, so they are sorted.
    ids: Vec<I>,
    all: Vec<Operation>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) began: Instant,
    deadline: Instant,
    /// While it is in flight, its deadline.
    ended: Instant,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Done,
    Failed(Failure),
    /// The supervisor gave it up.
    GivenUp,
    /// It was in flight when the recording ended.
    Open,
}

impl History {
    pub(crate) fn begin<R: std::io::BufRead>(replay: &Replay<R>) -> Self {
        let header = replay.header();
        let time = RecordedTime::new(header.began_unix_ms, replay.epoch());
        let start_state = header.start_state.as_ref();
        let begin = start_state.and_then(|start| replay.epoch().instant(start.ns));
        let begin = begin.unwrap_or_else(|| time.began());
        let mut reports = Vec::new();
        let mut leases = Vec::new();
        let mut proofs = Vec::new();
        // The file continues another.
        if start_state.is_some() {
            let report = *replay.report();
            reports.push(Reported { at: begin, report });
            leases.extend(report.lease.map(|until| Lease {
                at: begin,
                until: Some(until),
            }));
            proofs.extend(report.evidence);
        }
        Self {
            service: header.service.clone(),
            time,
            begin,
            end: begin,
            reports,
            losses: Vec::new(),
            leases,
            proofs,
            messages: Operations::new(),
            starts: Operations::new(),
            registrations: Operations::new(),
            stops: Operations::new(),
            hints: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, line: &Line) {
        self.end = self.end.max(line.at);
        match &line.content {
            Content::Entry(Entry::Event(event)) => self.add_event(line.at, *event),
            Content::Entry(Entry::Action(action)) => self.add_action(line.at, *action),
            Content::Entry(Entry::Timeout) | Content::End(_) => {}
        }
    }

    /// Returns the last status that is drawn.
    pub(super) fn status(&self) -> Status {
        self.reports
            .last()
            .map_or(Status::Unknown, |it| it.report.status)
    }

    fn add_event(&mut self, at: Instant, event: Event) {
        match event {
            Event::StartAnswered { id, result } => self.starts.answered(id, at, result),
            Event::LivenessAnswered { id, result } => self.messages.answered(id, at, result),
            Event::RegistrationAnswered { id, result } => {
                self.registrations.answered(id, at, result);
            }
            // The status shows what it leads to.
            Event::HandlerHealth { .. } => {}
            Event::StopAnswered { id, result } => self.stops.answered(id, at, result),
            Event::Live { at } => self.proved(at),
            Event::Suspicion(failure) => self.hint(at, HintKind::Suspicion(failure)),
            Event::ClientLost { failure, .. } => self.hint(at, HintKind::ClientLost(failure)),
            Event::Shutdown => self.hint(at, HintKind::Shutdown),
        }
    }

    fn add_action(&mut self, at: Instant, action: Action) {
        match action {
            Action::Start { id, deadline, .. } => {
                self.starts.give_up(at);
                self.starts.begin(id, at, deadline);
            }
            Action::SendLiveness { id, deadline } => {
                self.messages.give_up(at);
                self.messages.begin(id, at, deadline);
            }
            Action::RegisterHandler { id, deadline, .. } => {
                self.registrations.begin(id, at, deadline);
            }
            Action::DiscardClient { client } => self.starts.discard(client, at),
            Action::DiscardRegistration { registration } => {
                self.registrations.discard(registration, at);
            }
            Action::SetStatus(report) => self.set_status(at, report),
            Action::Renew { evidence, lease } => {
                self.proved(evidence);
                self.leases.push(Lease {
                    at,
                    until: Some(lease),
                });
            }
            Action::Stop { id, deadline } => {
                self.messages.give_up(at);
                self.starts.give_up(at);
                self.registrations.give_up(at);
                self.stops.begin(id, at, deadline);
            }
        }
    }

    fn set_status(&mut self, at: Instant, report: Report) {
        if let Some(evidence) = report.evidence {
            self.proved(evidence);
            let was_lost = self.status() == Status::Running
                && report.status != Status::Running
                && report.cause.failure().is_some();
            if was_lost {
                self.messages.give_up(at);
                self.losses.push(Loss {
                    proved: evidence,
                    noticed: at,
                });
            }
        }
        self.leases.push(Lease {
            at,
            until: report.lease,
        });
        self.reports.push(Reported { at, report });
    }

    fn proved(&mut self, at: Instant) {
        if self.proofs.last().is_none_or(|newest| *newest < at) {
            self.proofs.push(at);
        }
    }

    fn hint(&mut self, at: Instant, kind: HintKind) {
        self.hints.push(Hint { at, kind });
    }
}

impl<I: Copy + Ord> Operations<I> {
    const fn new() -> Self {
        Self {
            ids: Vec::new(),
            all: Vec::new(),
        }
    }

    pub(super) fn all(&self) -> &[Operation] {
        &self.all
    }

    fn begin(&mut self, id: I, began: Instant, deadline: Instant) {
        self.ids.push(id);
        self.all.push(Operation {
            began,
            deadline,
            ended: deadline,
            ending: Ending::Open,
        });
    }

    fn answered(&mut self, id: I, at: Instant, result: Result<(), Failure>) {
        let ending = result.map_or_else(Ending::Failed, |()| Ending::Done);
        self.end(id, at, ending);
    }

    fn discard(&mut self, id: I, at: Instant) {
        self.end(id, at, Ending::GivenUp);
    }

    /// Gives up all operations in flight.
    fn give_up(&mut self, at: Instant) {
        let open = |operation: &&mut Operation| operation.ending == Ending::Open;
        // Older operations have ended: only a few, one for each handler, can be in flight.
        for operation in self.all.iter_mut().rev().take_while(open) {
            operation.end(at, Ending::GivenUp);
        }
    }

    /// Ends the operation with this id, if there is one.
    fn end(&mut self, id: I, at: Instant, ending: Ending) {
        if let Ok(index) = self.ids.binary_search(&id) {
            self.all[index].end(at, ending);
        }
    }
}

impl Operation {
    /// Ends the operation. An answer after its deadline, or after it was given up, does not count.
    fn end(&mut self, at: Instant, ending: Ending) {
        if self.ending != Ending::Open {
            return;
        }
        self.ended = at.min(self.deadline);
        self.ending = if at > self.deadline {
            Ending::GivenUp
        } else {
            ending
        };
    }

    /// Returns when and how it ended, in a recording that ends at `end`.
    pub(super) fn by(&self, end: Instant) -> (Instant, Ending) {
        match self.ending {
            Ending::Open if self.deadline <= end => (self.deadline, Ending::GivenUp),
            Ending::Open => (end, Ending::Open),
            Ending::Done | Ending::Failed(_) | Ending::GivenUp => (self.ended, self.ending),
        }
    }
}
