//! Any configuration and any script: checks what can be observed from outside at each step.

use std::sync::LazyLock;
use std::time::Instant;

use livebus_core::{Action, Config, Event, FailureKind, OpId, Phase, Report, Status, Supervisor};

use super::bytes::Bytes;
use super::script::{Call, Script, due};
use super::settings;
use crate::operation::{begun_by, discarded_by};

/// The instant at which every script begins: late enough that clocks can go back.
pub(super) static ORIGIN: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Config::MAX_DURATION);

/// Reads settings, then a script, and runs it. The names of the checks are those of `docs/verification.md`.
///
/// # Panics
///
/// Where a rule of the core is broken.
pub fn events(bytes: &[u8]) {
    events_observed(bytes, |_, _| {});
}

/// Does the same as [`events()`], and calls `observe` after each step with the supervisor and its new actions.
///
/// # Panics
///
/// Where a rule of the core is broken.
pub fn events_observed(bytes: &[u8], observe: impl FnMut(&Supervisor, &[Action])) {
    let mut bytes = Bytes::new(bytes);
    let config = settings::config(&mut bytes);
    let mut run = Run::new(config, observe);
    run.check_new_actions();
    while !bytes.is_empty() {
        run.step(&mut bytes);
    }
    run.end();
}

/// A supervisor, and what is known of it from its actions.
struct Run<W> {
    supervisor: Supervisor,
    observe: W,
    script: Script,
    /// The number of queued actions that were checked.
    queued: usize,
    /// The report that follows from all actions.
    fold: Report,
    operations: Vec<OpId>,
    discarded: Vec<OpId>,
    /// Every proof that it received.
    proofs: Vec<Instant>,
}

impl<W: FnMut(&Supervisor, &[Action])> Run<W> {
    fn new(config: Config, observe: W) -> Self {
        Self {
            supervisor: Supervisor::new(config, *ORIGIN),
            observe,
            script: Script::new(*ORIGIN),
            queued: 0,
            fold: Report::unreported(*ORIGIN),
            operations: Vec::new(),
            discarded: Vec::new(),
            proofs: Vec::new(),
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let before = self.supervisor.clone();
        let call = self.script.call(bytes, &before);
        call.apply(&mut self.supervisor);
        self.note_proof(&call);
        self.compare(&before, &call);
        self.check_new_actions();
        self.check_restore(call.extra == 3);
        if call.polled {
            self.poll_all();
        }
    }

    fn poll_all(&mut self) {
        while self.supervisor.poll_action().is_some() {}
        self.queued = 0;
    }

    fn note_proof(&mut self, call: &Call) {
        match call.event {
            Some(Event::LivenessAnswered { result, .. }) => {
                if result.map_or_else(|it| it.class.kind() == FailureKind::Rejected, |()| true) {
                    self.proofs.push(self.script.clock);
                }
            }
            Some(Event::Live { at }) => self.proofs.push(at.min(self.script.clock)),
            Some(
                Event::StartAnswered { .. }
                | Event::RegistrationAnswered { .. }
                | Event::HandlerHealth { .. }
                | Event::StopAnswered { .. }
                | Event::Suspicion(_)
                | Event::ClientLost { .. }
                | Event::Shutdown,
            )
            | None => {}
        }
    }

    /// Compares with copies that receive the same call, or nearly the same.
    fn compare(&self, before: &Supervisor, call: &Call) {
        let after = &self.supervisor;
        let run_copy = |at, event| {
            let mut other = before.clone();
            let polled = true;
            let extra = 0;
            Call {
                at,
                event,
                polled,
                extra,
            }
            .apply(&mut other);
            other
        };
        // Rules 6 and 9.
        assert_eq!(
            &run_copy(self.script.clock, call.event),
            after,
            "a clock that goes back must stand still"
        );
        let stale = after.stale_answers() - before.stale_answers();
        let can_be_stale = matches!(
            call.event,
            Some(
                Event::StartAnswered { .. }
                    | Event::LivenessAnswered { .. }
                    | Event::RegistrationAnswered { .. }
                    | Event::HandlerHealth { .. }
                    | Event::StopAnswered { .. }
                    | Event::ClientLost { .. }
            )
        );
        assert!(stale <= u64::from(can_be_stale), "{stale} stale answers");
        // S10, and rule 2: a wake-up at which nothing is due.
        if stale == 1 {
            let passed = run_copy(call.at, None);
            assert_eq!(
                observable(&passed),
                observable(after),
                "a stale answer must do the same as time alone"
            );
        }
        if call.event.is_none() && !before.is_due(self.script.clock) {
            assert_eq!(
                observable(before),
                observable(after),
                "an early wake-up must change nothing"
            );
        }
        // S4.
        if before.phase() == Phase::Failed && call.event != Some(Event::Shutdown) {
            assert_eq!(
                observable(before),
                observable(after),
                "Failed must be left only by a shutdown"
            );
        }
    }

    /// Checks the actions that the newest call queued, and the state after it.
    fn check_new_actions(&mut self) {
        let clock = self.script.clock;
        let mut polled = self.supervisor.clone();
        let mut actions = Vec::new();
        // Rule 1.
        let timeout = polled.poll_timeout();
        while let Some(action) = polled.poll_action() {
            assert_eq!(
                timeout,
                Some(clock),
                "the timeout must be due while actions are queued"
            );
            actions.push(action);
        }
        let actions = actions.split_off(self.queued);
        self.queued += actions.len();
        let handlers = self.supervisor.config().handlers().len();
        assert!(actions.len() <= 6 + 2 * handlers, "S8: {actions:?}");
        for action in &actions {
            self.script.record_action(action);
            self.check_operation(action);
            self.check_status(action, clock);
        }
        let messages = actions.iter().filter_map(begun_by);
        assert!(
            messages
                .filter(|(id, _)| matches!(id, OpId::Liveness(_)))
                .count()
                <= 1,
            "rule 6: {actions:?}"
        );
        assert_eq!(
            &self.fold,
            self.supervisor.report(),
            "S9: the actions must add up to the report"
        );
        self.check_timeout(&polled);
        self.check_report();
        check_canonical(&self.supervisor);
        (self.observe)(&self.supervisor, &actions);
    }

    fn check_operation(&mut self, action: &Action) {
        if let Some((id, _)) = begun_by(action) {
            self.operations.push(id);
            assert_eq!(
                id.number(),
                self.operations.len() as u64,
                "rule 3: ids count up"
            );
        }
        if let Some(id) = discarded_by(action) {
            assert!(self.operations.contains(&id), "never begun: {action:?}");
            assert!(!self.discarded.contains(&id), "discarded twice: {action:?}");
            self.discarded.push(id);
        }
    }

    fn check_status(&mut self, action: &Action, clock: Instant) {
        let old = self.fold;
        let class = |report: &Report| report.warning.map(|failure| failure.class);
        match *action {
            Action::SetStatus(new) => {
                assert!(
                    new.status != old.status
                        || !new.cause.same_reason(old.cause)
                        || class(&new) != class(&old),
                    "S9: nothing new in {new:?}"
                );
                assert!(
                    is_edge(old.status, new.status),
                    "{} to {}",
                    old.status,
                    new.status
                );
                let moved = new.status != old.status;
                assert!(
                    moved || new.evidence >= old.evidence,
                    "newer evidence is known: {new:?}"
                );
                assert_eq!(new.since, if moved { clock } else { old.since });
                self.fold = new;
            }
            Action::Renew { evidence, lease } => {
                assert_eq!(old.status, Status::Running, "S9");
                assert_ne!(old.lease, Some(lease), "S9: nothing new");
                assert!(
                    Some(evidence) >= old.evidence,
                    "newer evidence is known: {action:?}"
                );
                self.fold.evidence = Some(evidence);
                self.fold.lease = Some(lease);
            }
            Action::Start { .. }
            | Action::SendLiveness { .. }
            | Action::RegisterHandler { .. }
            | Action::DiscardClient { .. }
            | Action::DiscardRegistration { .. }
            | Action::Stop { .. } => {}
        }
    }

    /// Checks the timeout of `polled`, whose actions are all polled.
    fn check_timeout(&self, polled: &Supervisor) {
        let due = polled.poll_timeout();
        assert!(
            due.is_none_or(|due| due > self.script.clock),
            "rule 2: without queued actions the timeout must be later"
        );
        let ended = matches!(polled.phase(), Phase::Failed | Phase::Stopped);
        assert_eq!(due.is_none(), ended, "S7");
        if polled.report().status == Status::Running {
            assert!(
                due <= polled.report().lease,
                "S2: no wake-up before the end of the lease"
            );
        }
    }

    fn check_report(&self) {
        let supervisor = &self.supervisor;
        let report = supervisor.report();
        let phase = supervisor.phase();
        assert_eq!(report.status == Status::Failed, phase == Phase::Failed);
        assert_eq!(report.status == Status::Stopped, phase == Phase::Stopped);
        assert_eq!(supervisor.is_stopped(), phase == Phase::Stopped);
        if let Some(evidence) = report.evidence {
            assert!(
                self.proofs.contains(&evidence),
                "S2: the evidence was never received"
            );
        }
        assert_eq!(
            report.lease.is_some(),
            report.status == Status::Running,
            "{report:?}"
        );
        if report.status != Status::Running {
            return;
        }
        assert!(
            matches!(
                phase,
                Phase::Idle | Phase::Suspected | Phase::InFlight | Phase::RetryPending
            ),
            "Running while {phase}"
        );
        let warning = report.warning.map(|warning| warning.class.kind());
        let bound = match warning {
            Some(FailureKind::Partial) => supervisor.config().partial_detection_bound(),
            Some(FailureKind::Rejected) | None => supervisor.config().detection_bound(),
            Some(kind @ (FailureKind::Definitive | FailureKind::Ambiguous)) => {
                panic!("Running with a warning that is {kind:?}")
            }
        };
        let evidence = report.evidence.expect("S1: Running without evidence");
        assert_eq!(report.lease, Some(evidence + bound), "S2");
        assert!(
            self.script.clock < evidence + bound,
            "S2: Running on old evidence"
        );
    }

    /// Checks that a restored snapshot is equal. With `go_on`, the script continues with the restored supervisor.
    fn check_restore(&mut self, go_on: bool) {
        let snapshot = self.supervisor.snapshot(*ORIGIN);
        let config = self.supervisor.config().clone();
        let restored = Supervisor::restore(config, *ORIGIN, &snapshot);
        let restored = restored.expect("a snapshot can be restored");
        assert_eq!(restored, self.supervisor);
        if go_on {
            self.supervisor = restored;
        }
    }

    /// Checks S11 and V5: after a shutdown without any answer, it stops within its bound.
    fn end(&mut self) {
        let shut_down = self.script.clock;
        self.supervisor.handle_event(shut_down, Event::Shutdown);
        self.check_new_actions();
        self.poll_all();
        while let Some(due) = self.supervisor.poll_timeout() {
            assert!(
                due <= shut_down + self.supervisor.config().shutdown_bound(),
                "V5: it did not stop in time"
            );
            self.script.clock = due;
            self.supervisor.handle_timeout(due);
            self.check_new_actions();
            self.poll_all();
        }
        assert!(self.supervisor.is_stopped());
    }
}

/// Returns what can be observed of a supervisor: the actions, the timeout, the report, the phase, whether it wants evidence.
fn observable(supervisor: &Supervisor) -> (Vec<Action>, Option<Instant>, Report, Phase, bool) {
    let mut polled = supervisor.clone();
    let actions = std::iter::from_fn(|| polled.poll_action()).collect();
    (
        actions,
        polled.poll_timeout(),
        *polled.report(),
        polled.phase(),
        polled.wants_evidence(),
    )
}

/// Checks that the canonical form of the canonical form is itself, and that it has the same phase and timers.
pub(super) fn check_canonical(supervisor: &Supervisor) {
    let (canonical, names) = supervisor.canonical(*ORIGIN);
    let (again, new_names) = canonical.canonical(*ORIGIN);
    assert_eq!(
        again, canonical,
        "the canonical form must be its own canonical form"
    );
    assert_eq!(names.len(), new_names.len());
    assert_eq!(canonical.phase(), supervisor.phase());
    assert_eq!(canonical.wants_evidence(), supervisor.wants_evidence());
    assert_eq!(
        canonical.poll_timeout().is_none(),
        due(supervisor).is_none()
    );
}

/// Returns whether the documentation has this transition of the status.
const fn is_edge(from: Status, to: Status) -> bool {
    use Status::{Failed, NotReady, Prepared, Preparing, Running, Stopped, Unknown};
    match (from, to) {
        (Unknown, Preparing)
        | (Preparing, Prepared)
        | (Prepared | NotReady | Running, Running | NotReady | Failed)
        | (Failed, NotReady)
        | (NotReady, Stopped) => true,
        (Unknown | Preparing | Prepared | Running | NotReady | Stopped | Failed, _) => false,
    }
}
