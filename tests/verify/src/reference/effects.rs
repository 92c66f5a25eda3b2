//! What each effect of the table does to the record.

use livebus_core::{
    Action, Cause, ClientId, Failure, FailureClass, HandlerId, LivenessId, Phase, RegistrationId,
    StopId,
};

use super::failures::most_specific;
use super::interpreter::Payload;
use super::record::{Record, Timer};
use super::table::{Effect, Until};
use super::time::Ns;

const TIMED_OUT: Failure = Failure::new(FailureClass::Timeout);

impl Record {
    #[expect(clippy::too_many_lines, reason = "a table, one entry per effect")]
    pub(super) fn apply(&mut self, effect: Effect, payload: &mut Payload) {
        match effect {
            Effect::Do(several) => several
                .iter()
                .for_each(|effect| self.apply(*effect, payload)),
            Effect::Enter(phase) => self.phase = phase,
            Effect::Arm(timer, until) => self.timers[timer as usize] = self.until(until),
            Effect::ArmSooner(timer, until) => {
                let both = [self.timers[timer as usize], self.until(until)];
                self.timers[timer as usize] = both.into_iter().flatten().min();
            }
            Effect::ArmOnce(timer, until) => {
                if self.armed(timer).is_none() {
                    self.timers[timer as usize] = self.until(until);
                }
            }
            Effect::Disarm(timer) => self.timers[timer as usize] = None,
            Effect::DisarmAll => self.timers = [None; Timer::ALL.len()],

            Effect::SendStart => self.send_start(),
            Effect::CountStartsAgain => (self.attempt, self.proved_good) = (0, false),
            Effect::SendLiveness => self.send_liveness(),
            Effect::SendRegistration => self.send_registration(payload.handler),
            Effect::SendAllRegistrations => self.send_all_registrations(),
            Effect::SendStop => self.send_stop(),
            Effect::DiscardClient => {
                if let Some(client) = self.client.take() {
                    self.queue.push_back(Action::DiscardClient { client });
                }
            }
            Effect::DiscardRegistration => {
                if let Some(registration) = payload.registration {
                    self.discard_registration(registration);
                }
            }
            Effect::DiscardAllRegistrations => self.discard_all_registrations(),
            Effect::Report => {
                self.report_if_changed();
            }
            Effect::ReportOrRenew => self.report_or_renew(),
            Effect::ReportEnd(ending) => self.report_end(ending),

            Effect::UseTimeout => payload.failure = TIMED_OUT,
            Effect::UseWarning => payload.failure = self.warning.unwrap_or(TIMED_OUT),
            Effect::CauseStarting => self.cause = Cause::Starting,
            Effect::CauseStartFailed => {
                self.cause = Cause::StartFailed(self.diagnosis.unwrap_or(payload.failure));
            }
            Effect::CauseLivenessFailed => {
                self.diagnose(payload.failure);
                self.cause = Cause::LivenessFailed(self.diagnosis.unwrap_or(payload.failure));
            }
            Effect::CauseClientLost => self.cause = Cause::ClientLost(payload.failure),
            Effect::CauseStarved => self.cause = Cause::Starved,
            Effect::Diagnose => self.diagnose(payload.failure),
            Effect::DateDiagnosis => self.date_diagnosis(),
            Effect::ForgetDiagnosis => self.diagnosis = None,
            Effect::MarkSuspicion => self.mark_suspicion(),
            Effect::Warn => self.warning = Some(payload.failure),
            Effect::ForgetWarning => self.warning = None,

            Effect::ForgetCheck => self.check = None,
            Effect::MarkUnverified => self.unverified_since = self.now,
            Effect::Decide => self.decides = true,
            Effect::DecideNot => self.decides = false,
            Effect::NoSuspicionCame => self.suspicion_came = false,
            Effect::NoteEvidence => self.evidence = Some(payload.at),
            Effect::ExtendTolerance => {
                let extended = payload.at + self.spans.partial_tolerance;
                let timer = &mut self.timers[Timer::Tolerance as usize];
                *timer = timer.map(|at| at.max(extended));
            }
            Effect::NoteAnswer => self.evidence = Some(self.now),
            Effect::NoteLesserEvidence => self.note_lesser(payload.at),
            Effect::NoteLesserAnswer => self.note_lesser(self.now),
            Effect::RaiseFloor => self.floor = self.now,
            Effect::MarkProved => self.proved = true,
            Effect::MarkNotProved => self.proved = false,
            Effect::CountProof => self.proofs += 1,
            Effect::ForgetProofs => self.proofs = 0,
            Effect::CountFailure => self.failures += 1,
            Effect::ForgetFailures => self.failures = 0,
            Effect::CountInterval => self.intervals += 1,
            Effect::ForgetIntervals => self.intervals = 0,
            Effect::ProvedGood => self.proved_good = true,

            Effect::MarkRegistered => {
                let handler = &mut self.handlers[payload.handler];
                handler.registered = handler.operation.take();
                handler.timer = None;
                handler.failure = None;
            }
            Effect::NoteHandlerFailure => {
                self.handlers[payload.handler].failure = Some(payload.failure);
            }
            Effect::ForgetHandlerFailure => self.handlers[payload.handler].failure = None,
            Effect::MarkNotRegistered => {
                let attempt = self.handlers[payload.handler].attempt;
                let backoff = &self.settings.registration_backoff;
                let due = self.now + self.jitter.delay(backoff, attempt);
                let handler = &mut self.handlers[payload.handler];
                payload.registration = handler.operation.take();
                handler.failure = Some(payload.failure);
                handler.timer = Some(due);
            }
        }
    }

    fn until(&mut self, until: Until) -> Option<Ns> {
        let (now, evidence) = (self.now, self.evidence.unwrap_or(self.now));
        let spans = &self.spans;
        let at = match until {
            Until::StartBackoff => {
                now + self
                    .jitter
                    .delay(&self.settings.start_backoff, self.backoffs())
            }
            Until::LivenessTimeout => now + spans.liveness_timeout,
            Until::SuspicionTimeout if self.armed(Timer::Tolerance).is_some() => {
                now + spans.liveness_timeout
            }
            Until::SuspicionTimeout => now + spans.suspicion_timeout,
            Until::Silence if self.armed(Timer::Tolerance).is_some() => {
                now + spans.not_live_interval
            }
            Until::Silence if self.warning.is_some() => now + spans.live_interval,
            Until::Silence => {
                let spaced = self.last_sent + spans.suspicion_spacing;
                spaced.max(evidence + spans.live_interval)
            }
            Until::Lease => self.lease(),
            Until::RecheckDelay => now + spans.recheck_delay,
            Until::Spacing => self.last_sent + spans.suspicion_spacing,
            Until::NotLiveInterval => now + self.not_live_interval(),
            Until::IntervalOfCheck => self.last_sent + spans.not_live_interval,
            Until::Tolerance => now + spans.partial_tolerance,
            Until::RecreateAfter => return spans.recreate_after.map(|after| now + after),
            Until::RecreateAfterProof => {
                return spans.recreate_after.map(|after| self.floor + after);
            }
            Until::Drain => self.drain_ends(),
            Until::StopTimeout => now + spans.stop_timeout,
        };
        Some(at)
    }

    fn not_live_interval(&self) -> Ns {
        super::time::doubled(
            self.spans.not_live_interval,
            self.spans.not_live_interval_max,
            self.intervals + 1,
        )
    }

    /// The number of starts in a row that failed.
    fn backoffs(&self) -> u32 {
        if self.proved_good { 1 } else { self.attempt }
    }

    /// Rules 38 and 39.
    fn diagnose(&mut self, failure: Failure) {
        let live = matches!(
            self.phase,
            Phase::Idle | Phase::Suspected | Phase::InFlight | Phase::RetryPending
        );
        let older = self
            .diagnosis
            .filter(|_| live || self.now < self.diagnosis_until);
        if older.is_none_or(|older| most_specific(older, failure) == failure) {
            self.diagnosis = Some(failure);
            self.date_diagnosis();
        }
    }

    fn mark_suspicion(&mut self) {
        self.suspicion_came = true;
        self.failures = 0;
        self.unverified_since = self.now;
    }

    fn date_diagnosis(&mut self) {
        self.diagnosis_until = self.now + 2 * self.spans.not_live_interval_max;
    }

    fn note_lesser(&mut self, at: Ns) {
        self.evidence = Some(at);
        self.floor = self.floor.max(at);
    }

    /// Returns the number of the next operation. Rule 6.
    fn operation(&mut self) -> u64 {
        self.operations += 1;
        self.operations
    }

    fn discard_registration(&mut self, registration: RegistrationId) {
        self.queue
            .push_back(Action::DiscardRegistration { registration });
    }

    pub(super) fn send_start(&mut self) {
        self.attempt = if self.proved_good {
            1
        } else {
            self.attempt + 1
        };
        self.proved_good = false;
        let id = ClientId::from_number(self.operation());
        self.client = Some(id);
        let due = self.now + self.spans.start_timeout;
        self.timers[Timer::Start as usize] = Some(due);
        self.queue.push_back(Action::Start {
            id,
            attempt: self.attempt,
            deadline: self.epoch.instant(due),
        });
    }

    fn send_liveness(&mut self) {
        let id = LivenessId::from_number(self.operation());
        self.check = Some(id);
        self.last_sent = self.now;
        let due = self.armed(Timer::Check).unwrap_or(self.now);
        self.queue.push_back(Action::SendLiveness {
            id,
            deadline: self.epoch.instant(due),
        });
    }

    fn send_all_registrations(&mut self) {
        for i in 0..self.handlers.len() {
            let handler = &mut self.handlers[i];
            handler.registered = None;
            handler.failure = None;
            handler.attempt = 0;
            self.send_registration(i);
        }
    }

    fn send_registration(&mut self, i: usize) {
        let id = RegistrationId::from_number(self.operation());
        let due = self.now + self.spans.registration_timeout;
        let handler = &mut self.handlers[i];
        handler.attempt += 1;
        handler.operation = Some(id);
        handler.timer = Some(due);
        self.queue.push_back(Action::RegisterHandler {
            id,
            handler: HandlerId::from_index(i)
                .expect("a configuration has fewer than 65,536 handlers"),
            attempt: handler.attempt,
            deadline: self.epoch.instant(due),
        });
    }

    fn discard_all_registrations(&mut self) {
        for i in 0..self.handlers.len() {
            let handler = &mut self.handlers[i];
            handler.timer = None;
            handler.registered = None;
            if let Some(registration) = handler.operation.take() {
                self.discard_registration(registration);
            }
        }
    }

    fn send_stop(&mut self) {
        let id = StopId::from_number(self.operation());
        self.stop = Some(id);
        let due = self.now + self.spans.stop_timeout;
        self.queue.push_back(Action::Stop {
            id,
            deadline: self.epoch.instant(due),
        });
    }
}
