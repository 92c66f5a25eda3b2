//! Which difference is in play, judged from what is known before anything happens.

use super::super::difference::Difference;
use super::super::transcription::{At, NOT_LIVE, Place, ServiceStatus, is_liveness_error};
use super::super::trouble::Trouble;
use super::{Ending, Happening, Mended, Open};

impl Mended {
    /// The difference that is in play when this happens now.
    #[must_use]
    pub fn situation(&self, now: At, happening: Happening) -> Option<Difference> {
        match self.ending {
            Ending::NotYet => self.situation_in_the_loop(now, happening),
            Ending::Failed => (happening == Happening::Shutdown).then_some(Difference::Shutdown),
            Ending::Stopping { until } => {
                let over = happening == Happening::StopReturned || until <= now;
                over.then_some(Difference::Shutdown)
            }
            Ending::Stopped => None,
        }
    }

    fn situation_in_the_loop(&self, now: At, happening: Happening) -> Option<Difference> {
        match happening {
            Happening::TimePasses => self.situation_in_time(now),
            Happening::StartReturned(number, result) => {
                let pending = self.seed.place == Place::Starting && number + 1 == self.starts;
                (pending && result.is_ok()).then_some(Difference::RunningWithoutProof)
            }
            Happening::LivenessReturned(number, result) => match self.open_message(now) {
                Some(open) if open.number == number => match result {
                    Ok(()) => self.situation_of_good_news(now),
                    Err(trouble) => self.situation_of_a_failed_message(now, open, trouble),
                },
                Some(_) | None => self
                    .reaches_the_monitor(now, result)
                    .then_some(Difference::LateAnswer),
            },
            Happening::Traffic(result) if self.has_client() => match result {
                Ok(()) => self.situation_of_good_news(now),
                Err(trouble) => self.situation_of_bad_news(now, trouble),
            },
            Happening::Shutdown => Some(Difference::Shutdown),
            Happening::Traffic(_) | Happening::StopReturned => None,
        }
    }

    fn situation_in_time(&self, now: At) -> Option<Difference> {
        match (self.seed.place, self.open) {
            (Place::Starting, _) => {
                (self.start_given_up <= now).then_some(Difference::StartWithoutDeadline)
            }
            (Place::Monitoring { timer, .. }, Some(open)) if timer <= now => {
                let depends = match self.seed.status() {
                    ServiceStatus::Prepared => true,
                    // Unless it was given up before, because something else succeeded since.
                    ServiceStatus::Running => open.until == now,
                    ServiceStatus::Unknown
                    | ServiceStatus::Preparing
                    | ServiceStatus::Stopped
                    | ServiceStatus::Failed
                    | ServiceStatus::NotReady => false,
                };
                depends.then_some(Difference::MessageWithoutDeadline)
            }
            (Place::Delaying { .. } | Place::Monitoring { .. } | Place::Exited, _) => None,
        }
    }

    fn situation_of_good_news(&self, now: At) -> Option<Difference> {
        let held_back = !self.seed.client.lets_through(now, true);
        held_back.then_some(Difference::GoodNewsHeldBack)
    }

    fn situation_of_a_failed_message(
        &self,
        now: At,
        open: Open,
        trouble: Trouble,
    ) -> Option<Difference> {
        let known = is_liveness_error(trouble.text);
        let bad_luck = trouble.may_be_bad_luck();
        let newer_success = self.last_success.is_some_and(|at| at > open.sent);
        if trouble.is_the_end_of_the_client() {
            Some(Difference::ClientLost)
        } else if self.seed.client.alive {
            match (known, bad_luck && newer_success) {
                (true, true) => Some(Difference::NewerSuccess),
                (true, false) => Some(Difference::IntervalFromTheNews),
                (false, true) => None,
                (false, false) => Some(Difference::UnknownText),
            }
        } else if known {
            let again = self.seed.client.lets_through(now, false);
            again.then_some(Difference::BadNewsAgain)
        } else {
            (self.seed.status() == ServiceStatus::Prepared).then_some(Difference::UnknownText)
        }
    }

    fn situation_of_bad_news(&self, now: At, trouble: Trouble) -> Option<Difference> {
        let known = is_liveness_error(trouble.text);
        if trouble.is_the_end_of_the_client() {
            Some(Difference::ClientLost)
        } else if self.seed.client.alive {
            match (known, self.open_message(now)) {
                (true, None) => Some(Difference::IntervalFromTheNews),
                (true, Some(open)) => {
                    let over_sooner = open.until < now + NOT_LIVE;
                    over_sooner.then_some(Difference::NewsDuringAMessage)
                }
                (false, _) => Some(Difference::UnknownText),
            }
        } else if known && self.seed.client.lets_through(now, false) {
            Some(match self.seed.status() {
                ServiceStatus::Prepared => Difference::HintBeforeProof,
                ServiceStatus::Unknown
                | ServiceStatus::Preparing
                | ServiceStatus::Running
                | ServiceStatus::Stopped
                | ServiceStatus::Failed
                | ServiceStatus::NotReady => Difference::BadNewsAgain,
            })
        } else {
            None
        }
    }

    fn reaches_the_monitor(&self, now: At, result: Result<(), Trouble>) -> bool {
        let known = result.map_or_else(|trouble| is_liveness_error(trouble.text), |()| true);
        known && self.seed.client.lets_through(now, result.is_ok())
    }

    pub(super) fn open_message(&self, now: At) -> Option<Open> {
        self.open.filter(|open| now < open.until)
    }

    pub(super) fn has_client(&self) -> bool {
        match self.seed.place {
            Place::Monitoring { .. } => true,
            Place::Starting | Place::Delaying { .. } | Place::Exited => false,
        }
    }
}
