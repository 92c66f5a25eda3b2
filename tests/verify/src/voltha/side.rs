//! The supervisor with the preset, with the inputs and outputs of the transcription.

use std::time::Instant;

use livebus_core::{
    Action, ClientId, Config, Event, Failure, LivenessId, Settings, Status, StopId, Supervisor,
};

use super::adapted::Occurrence;
use super::failure::BusFailure;
use super::transcription::{At, Output, ServiceStatus};

/// The supervisor, and the ids of its operations.
#[derive(Debug)]
pub(super) struct Side {
    created: Instant,
    supervisor: Supervisor,
    starts: Vec<ClientId>,
    messages: Vec<LivenessId>,
    stop: Option<StopId>,
    status: Status,
    outputs: Vec<Output>,
}

impl Side {
    pub(super) fn new() -> Self {
        let created = Instant::now();
        let config = Config::new(Settings::as_in_voltha()).expect("the preset is valid");
        let mut side = Self {
            created,
            supervisor: Supervisor::new(config, created),
            starts: Vec::new(),
            messages: Vec::new(),
            stop: None,
            status: Status::Unknown,
            outputs: Vec::new(),
        };
        side.drain();
        side
    }

    pub(super) fn due(&self) -> Option<At> {
        let due = self.supervisor.poll_timeout()?;
        Some(due.saturating_duration_since(self.created))
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    pub(super) fn handle(&mut self, now: At, occurrence: Occurrence) {
        let at = self.created + now;
        match self.event(at, occurrence) {
            Some(event) => self.supervisor.handle_event(at, event),
            None => self.supervisor.handle_timeout(at),
        }
        self.drain();
    }

    fn event(&self, at: Instant, occurrence: Occurrence) -> Option<Event> {
        let core_failure = |failure: BusFailure| Failure::new(failure.class);
        match occurrence {
            Occurrence::TimePasses => None,
            Occurrence::StartReturned(number, result) => Some(Event::StartAnswered {
                id: self.starts[number],
                result: result.map_err(core_failure),
            }),
            Occurrence::LivenessReturned(number, result) => Some(Event::LivenessAnswered {
                id: self.messages[number],
                result: result.map_err(core_failure),
            }),
            Occurrence::Traffic(Ok(())) => Some(Event::Live { at }),
            Occurrence::Traffic(Err(failure)) if failure.loses_the_client() => {
                self.starts.last().map(|&client| Event::ClientLost {
                    client,
                    failure: core_failure(failure),
                })
            }
            Occurrence::Traffic(Err(failure)) => Some(Event::Suspicion(core_failure(failure))),
            Occurrence::Shutdown => Some(Event::Shutdown),
            Occurrence::StopReturned => self
                .stop
                .map(|id| Event::StopAnswered { id, result: Ok(()) }),
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Start { id, .. } => {
                    self.starts.push(id);
                    self.outputs.push(Output::Start);
                }
                Action::SendLiveness { id, .. } => {
                    self.messages.push(id);
                    self.outputs.push(Output::SendLiveness);
                }
                Action::SetStatus(report) => {
                    if report.status != self.status {
                        self.status = report.status;
                        self.outputs.push(Output::Status(translated(report.status)));
                    }
                }
                Action::Stop { id, .. } => self.stop = Some(id),
                // VOLTHA has no such outputs, and the preset has no handlers.
                Action::RegisterHandler { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::Renew { .. } => {}
            }
        }
    }
}

/// Returns VOLTHA's name of a status.
pub(super) const fn translated(status: Status) -> ServiceStatus {
    match status {
        Status::Unknown => ServiceStatus::Unknown,
        Status::Preparing => ServiceStatus::Preparing,
        Status::Prepared => ServiceStatus::Prepared,
        Status::Running => ServiceStatus::Running,
        Status::NotReady => ServiceStatus::NotReady,
        Status::Stopped => ServiceStatus::Stopped,
        Status::Failed => ServiceStatus::Failed,
    }
}
