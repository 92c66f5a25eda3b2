//! What the effects of the table do to the record.

use livebus_core::{
    Action, Cause, ClientId, Failure, FailureClass, HandlerId, LivenessId, Phase, RegistrationId,
    StopId,
};

use super::failures::most_specific;
use super::interpreter::Told;
use super::record::{Record, Timer};
use super::table::{Effect, Until};
use super::time::Ns;

const TIMED_OUT: Failure = Failure::new(FailureClass::Timeout);

impl Record {
    pub(super) fn apply(&mut self, effect: Effect, told: &mut Told) {
        match effect {
            Effect::Do(several) => several.iter().for_each(|effect| self.apply(*effect, told)),
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
            Effect::SendLiveness => self.send_liveness(),
            Effect::SendRegistration => self.send_registration(told.handler),
            Effect::SendAllRegistrations => self.send_all_registrations(),
            Effect::SendStop => self.send_stop(),
            Effect::DiscardClient => {
                if let Some(client) = self.client.take() {
                    self.queue.push_back(Action::DiscardClient { client });
                }
            }
            Effect::DiscardRegistration => {
                if let Some(registration) = told.registration {
                    self.discard_registration(registration);
                }
            }
            Effect::DiscardAllRegistrations => self.discard_all_registrations(),
            Effect::Tell => {
                self.tell();
            }
            Effect::TellOrRenew => self.tell_or_renew(),
            Effect::TellTheEnd(ending) => self.tell_the_end(ending),

            Effect::Overdue => told.failure = TIMED_OUT,
            Effect::TheHint => told.failure = self.hint.unwrap_or(TIMED_OUT),
            Effect::TheWarning => told.failure = self.warning.unwrap_or(TIMED_OUT),
            Effect::LastFailed => told.failure = self.known.unwrap_or(TIMED_OUT),
            Effect::BlameStarting => self.trouble = Cause::Starting,
            Effect::BlameStart => self.trouble = Cause::StartFailed(told.failure),
            Effect::BlameLiveness => self.blame_liveness(told.failure),
            Effect::BlameLoss => self.trouble = Cause::ClientLost(told.failure),
            Effect::BlameStarvation => self.trouble = Cause::Starved,
            Effect::RememberFailure => self.known = Some(told.failure),
            Effect::RememberHint => self.remember_hint(told.failure),
            Effect::ForgetHint => self.hint = None,
            Effect::Warn => self.warning = Some(told.failure),
            Effect::ForgetWarning => self.warning = None,

            Effect::ForgetQuestion => self.question = None,
            Effect::DoubtFromNow => self.doubted = self.now,
            Effect::Decide => self.decides = true,
            Effect::DecideNot => self.decides = false,
            Effect::NotHinted => self.hinted = false,
            Effect::NoteEvidence => self.evidence = Some(told.at),
            Effect::ExtendTolerance => {
                let extended = told.at + self.spans.partial_tolerance;
                let timer = &mut self.timers[Timer::Tolerance as usize];
                *timer = timer.map(|at| at.max(extended));
            }
            Effect::NoteAnswer => self.evidence = Some(self.now),
            Effect::NoteLesserEvidence => self.note_lesser(told.at),
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
                let handler = &mut self.handlers[told.handler];
                handler.registered = true;
                handler.operation = None;
                handler.timer = None;
                handler.failure = None;
            }
            Effect::MarkNotRegistered => {
                let attempt = self.handlers[told.handler].attempt;
                let backoff = &self.settings.registration_backoff;
                let due = self.now + self.jitter.delay(backoff, attempt);
                let handler = &mut self.handlers[told.handler];
                told.registration = handler.operation.take();
                handler.failure = Some(told.failure);
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
            Until::SuspicionTimeout => now + spans.suspicion_timeout,
            Until::Silence if self.armed(Timer::Tolerance).is_some() => {
                now + spans.not_live_interval
            }
            Until::Silence if self.warning.is_some() => now + spans.live_interval,
            Until::Silence => {
                let spaced = self.asked + spans.suspicion_spacing;
                spaced.max(evidence + spans.live_interval)
            }
            Until::Lease => self.lease(),
            Until::RecheckDelay => now + spans.recheck_delay,
            Until::Spacing => self.asked + spans.suspicion_spacing,
            Until::NotLiveInterval => now + self.not_live_interval(),
            Until::IntervalOfQuestion => self.asked + spans.not_live_interval,
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

    /// How many starts in a row came to nothing.
    fn backoffs(&self) -> u32 {
        if self.proved_good { 1 } else { self.attempt }
    }

    /// Rule 39.
    fn blame_liveness(&mut self, failure: Failure) {
        let failure = self
            .hint
            .map_or(failure, |hint| most_specific(hint, failure));
        self.trouble = Cause::LivenessFailed(failure);
    }

    /// Rule 38.
    fn remember_hint(&mut self, hint: Failure) {
        let live = self.phase != Phase::NotLive;
        self.hint = Some(self.hint.map_or(hint, |older| most_specific(older, hint)));
        if live {
            self.hinted = true;
            self.failures = 0;
            self.doubted = self.now;
        }
    }

    fn note_lesser(&mut self, at: Ns) {
        self.evidence = Some(at);
        self.floor = self.floor.max(at);
    }

    /// The number of the next operation. Rule 6.
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
        self.question = Some(id);
        self.asked = self.now;
        let due = self.armed(Timer::Question).unwrap_or(self.now);
        self.queue.push_back(Action::SendLiveness {
            id,
            deadline: self.epoch.instant(due),
        });
    }

    fn send_all_registrations(&mut self) {
        for i in 0..self.handlers.len() {
            let handler = &mut self.handlers[i];
            handler.registered = false;
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
            handler: HandlerId::from_index(i).expect("a configuration has fewer than 65,536"),
            attempt: handler.attempt,
            deadline: self.epoch.instant(due),
        });
    }

    fn discard_all_registrations(&mut self) {
        for i in 0..self.handlers.len() {
            let handler = &mut self.handlers[i];
            handler.timer = None;
            handler.registered = false;
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
