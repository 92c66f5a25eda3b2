//! Readers: whether the process is ready, and the report of each service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livebus_core::{Cause, Failure, Report, Status};

use crate::counters::ServiceCounts;
use crate::errors::UnknownService;
use crate::explanation::{Detail, Explanation, Leaders};
use crate::follower::Follower;
use crate::handlers::HandlerState;
use crate::heartbeat::ServiceLoop;
use crate::predicate::View;
use crate::reader::Reader;
use crate::shared::Shared;
use crate::slot::Slot;
use crate::status_change::StatusChange;
use crate::subscription::Subscription;

/// Reads whether a process is ready. Clones share everything, and none of them can change anything.
///
/// [`is_ready`](Self::is_ready) takes no lock: it is one atomic load and one comparison of the earliest lease with a
/// [coarse clock](crate::Clock). It reads the services one by one only after a lease has run out.
#[derive(Debug, Clone)]
pub struct Readiness {
    pub(crate) shared: Arc<Shared>,
}

impl Readiness {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns whether the process is ready now. A Running whose lease has run out is NotReady.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.is_ready_at(self.shared.clock.now())
    }

    /// As [`is_ready`](Self::is_ready), with the caller's own clock.
    #[must_use]
    #[inline]
    pub fn is_ready_at(&self, now: Instant) -> bool {
        self.shared.is_ready(now)
    }

    /// As [`is_ready_at`](Self::is_ready_at), for a kind of reader: an earlier one sees the end of a lease earlier.
    #[must_use]
    pub fn is_ready_for(&self, reader: Reader, now: Instant) -> bool {
        self.is_ready_at(now + reader.lead())
    }

    /// Returns the next instant, not before `now`, at which the lease of a Running ends for that kind of reader; `None` without
    /// any. If nothing is reported until then, no status changes before.
    #[must_use]
    pub fn next_lapse(&self, reader: Reader, now: Instant) -> Option<Instant> {
        let reports = self.shared.slots.iter().map(|slot| slot.lock().report());
        let running =
            reports.filter(|report| report.status_at(now + reader.lead()) == Status::Running);
        let earliest = running.filter_map(|report| report.lease).min()?;
        // A lease holds at its last instant.
        let after = earliest.checked_add(Duration::from_nanos(1))?;
        Some(after.checked_sub(reader.lead()).unwrap_or(now))
    }

    /// Returns whether there were reporters, and all were dropped: no service reports any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let mut slots = self.shared.slots.iter();
        let any = slots.clone().any(|slot| slot.lock().has_ended());
        any && slots.all(|slot| !slot.lock().has_reporter())
    }

    /// Returns a subscription to the changes of all services, other than by the passing of time: those come at the instants of
    /// [`next_lapse`](Self::next_lapse).
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.shared.subscriptions.subscribe()
    }

    /// Returns whether the process is ready at `now` if each of the services with these names is taken for Running.
    #[must_use]
    pub fn is_ready_without(&self, names: &[String], now: Instant) -> bool {
        if names.is_empty() {
            self.is_ready_at(now)
        } else {
            self.shared.evaluate_without(self.shared.ready, names, now)
        }
    }

    /// Returns whether the process was started: whether it would be ready if each service were Running that has been Running at least
    /// once, and each of those with these names.
    #[must_use]
    pub fn is_started_without(&self, names: &[String]) -> bool {
        let view = View::EverRunning;
        self.shared.evaluate_view(self.shared.ready, names, view)
    }

    /// Returns whether no service is Failed or Stopped, unless [`healthy_when`](crate::RegistryBuilder::healthy_when) replaced
    /// that. Reads the services one by one.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_healthy_at(self.shared.clock.now())
    }

    /// As [`is_healthy`](Self::is_healthy), with the caller's own clock.
    #[must_use]
    pub fn is_healthy_at(&self, now: Instant) -> bool {
        self.shared.evaluate(self.shared.healthy, now)
    }

    /// Returns the service of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownService`] when none of this name is declared; it lists those that are.
    pub fn service(&self, name: &str) -> Result<Service, UnknownService> {
        let index = self.shared.index(name)?;
        Ok(Service::new(Arc::clone(&self.shared), index, None))
    }

    /// Returns all services, in the order of their declaration.
    pub fn services(&self) -> impl Iterator<Item = Service> + '_ {
        let indices = 0..self.shared.slots.len();
        indices.map(|index| Service::new(Arc::clone(&self.shared), index, None))
    }

    /// Returns the services' names, in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.slots.iter().map(Slot::name)
    }
}

/// Reads the report of one service. Clones share everything, and none of them can change anything.
#[derive(Debug, Clone)]
pub struct Service {
    shared: Arc<Shared>,
    index: usize,
    /// The number of the reporter that its followers follow; `None` is the newest when they begin.
    reporter: Option<u64>,
}

impl Service {
    pub(crate) const fn new(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self {
            shared,
            index,
            reporter,
        }
    }

    /// Returns the declared name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.slot().name()
    }

    /// Returns whether it was declared as required.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.slot().is_required()
    }

    /// Returns the newest report, with the newest lease. [`Report::status_at`] says whether that still holds. Takes a lock that
    /// is held only to copy some values, and never while foreign code runs.
    #[must_use]
    pub fn report(&self) -> Report {
        self.slot().lock().report()
    }

    /// Returns what is known about `failure` of this service; empty when the reporter has set no
    /// [explainer](crate::Reporter::set_explainer).
    #[must_use]
    pub fn explain(&self, failure: Failure) -> Explanation {
        let explainer = self.slot().lock().explainer();
        // Without the lock: this is foreign code.
        explainer.map_or_else(Explanation::default, |it| it.explain(failure))
    }

    /// As [`explain`](Self::explain), of the failure of `cause`: with the reason of the handler or the caller that it names. Empty for a cause
    /// without a failure.
    #[must_use]
    pub fn explain_cause(&self, cause: Cause) -> Explanation {
        let Some(failure) = cause.failure() else {
            return Explanation::default();
        };
        let explanation = self.explain(failure);
        let of_named = self.named_by(cause).and_then(|it| it.failure);
        match of_named {
            Some((its, reason)) if its.class == failure.class => Explanation {
                reason: Some(reason),
                ..explanation
            },
            Some(_) | None => explanation,
        }
    }

    /// Returns `cause` for people, in one line: with the name of the handler or the caller that it names, and as
    /// [`explain_cause`](Self::explain_cause).
    #[must_use]
    pub fn describe_cause(&self, cause: Cause) -> String {
        let explanation = self.explain_cause(cause);
        match (cause.failure(), self.named_by(cause)) {
            (Some(failure), Some(named)) => {
                let (kind, name) = (named.kind(), named.name);
                let failure = explanation.describe(failure);
                format!("{kind} {name} does not work: {failure}")
            }
            (Some(_) | None, _) => explanation.describe_cause(cause),
        }
    }

    /// Returns the handler or the caller that is the reason, if it is known.
    fn named_by(&self, cause: Cause) -> Option<HandlerState> {
        let id = cause.handler()?;
        self.handlers().into_iter().nth(id.index())
    }

    /// Returns the cause and the warning of `report` for people, in one line: with the name and the number of the code, the reason and
    /// the remedy, as far as they are [known](Self::explain). Describes a report while it is new: reasons are not kept.
    #[must_use]
    pub fn describe(&self, report: &Report) -> String {
        let cause = self.describe_cause(report.cause);
        match report.warning {
            Some(warning) => {
                let warning = self.explain(warning).describe(warning);
                format!("{cause}, with a warning: {warning}")
            }
            None => cause,
        }
    }

    /// Returns the facts about the bus of this service that are shown with its status; empty as for [`explain`](Self::explain).
    #[must_use]
    pub fn details(&self) -> Vec<Detail> {
        let explainer = self.slot().lock().explainer();
        // Without the lock: this is foreign code.
        explainer.map_or_else(Vec::new, |it| it.details())
    }

    /// Returns the leaders that the newest liveness message of this service asked; `None` if it asks none, and as for
    /// [`explain`](Self::explain).
    #[must_use]
    pub fn leaders(&self) -> Option<Leaders> {
        let explainer = self.slot().lock().explainer();
        // Without the lock: this is foreign code.
        explainer.and_then(|it| it.leaders())
    }

    /// Returns what was counted of this service since the registry was built.
    #[must_use]
    pub fn counts(&self) -> ServiceCounts {
        let slot = self.slot();
        ServiceCounts {
            changes: slot.lock().change_counts(),
            starts: slot.activity().starts(),
            checks: slot.activity().checks(),
        }
    }

    /// Returns the state of each request handler and each caller of this service, in the order of their ids; empty as for [`explain`](Self::explain).
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerState> {
        let explainer = self.slot().lock().explainer();
        // Without the lock: this is foreign code.
        explainer.map_or_else(Vec::new, |it| it.handlers())
    }

    /// Returns its status at `now`, with its cause and how long it has lasted, for people, in one line: `NotReady for 2.0 s: the bus
    /// cannot be used: Unreachable`.
    #[must_use]
    pub fn describe_at(&self, now: Instant) -> String {
        self.describe_report_at(&self.report(), now)
    }

    /// As [`describe_at`](Self::describe_at), of a report that was read before.
    #[must_use]
    pub fn describe_report_at(&self, report: &Report, now: Instant) -> String {
        let status = report.status_at(now);
        if report.status != status {
            return format!("{status}: its lease has run out");
        }
        let since = now.saturating_duration_since(report.since).as_secs_f64();
        let cause = self.describe_cause(report.cause);
        format!("{status} for {since:.1} s: {cause}")
    }

    /// Returns the loops of this service: those of its newest reporter.
    #[must_use]
    pub fn loops(&self) -> Arc<[ServiceLoop]> {
        self.slot().lock().loops()
    }

    /// Returns when the supervisor of this service acts next if nothing happens before: usually the next liveness check, or the deadline
    /// of the one in flight. `None` when only an event can make it act, and without a supervisor.
    #[must_use]
    pub fn next_check(&self) -> Option<Instant> {
        let loops = self.loops();
        let own = loops.iter().find(|it| it.handler().is_none());
        own.and_then(|it| it.heartbeat().deadline())
    }

    /// Returns whether it has been Running at least once since the registry was built.
    #[must_use]
    pub fn was_running(&self) -> bool {
        self.slot().lock().was_running()
    }

    /// Returns the newest changes, `max` at most, in their order. At most 64 are kept. The end of a lease is none: it is no report.
    #[must_use]
    pub fn newest_changes(&self, max: usize) -> Vec<StatusChange> {
        self.slot().lock().newest_changes(max)
    }

    /// Returns the status now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.report().status_at(self.shared.clock.now())
    }

    /// Returns a follower of the changes from now on. It ends when the current reporter is dropped; at once if there is none. The
    /// service of a [`Reporter`](crate::Reporter::service) follows that one.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower::from_now(Arc::clone(&self.shared), self.index, self.reporter)
    }

    /// Returns a follower of all changes of the current reporter, from the oldest that is kept; if there is none, of the last
    /// one. It ends as [`follow`](Self::follow) does.
    #[must_use]
    pub fn follow_from_start(&self) -> Follower {
        Follower::from_start(Arc::clone(&self.shared), self.index, self.reporter)
    }

    /// Returns a follower of the changes from now on, of all reporters of the service, one after the other. It never ends.
    #[must_use]
    pub fn follow_all_reporters(&self) -> Follower {
        Follower::of_all_reporters(Arc::clone(&self.shared), self.index)
    }

    fn slot(&self) -> &Slot {
        &self.shared.slots[self.index]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use livebus_core::{Cause, Failure, FailureClass, Report};

    use crate::explanation::{Explain, Explanation};
    use crate::registry::Registry;

    struct Remedies;

    impl Explain for Remedies {
        fn explain(&self, failure: Failure) -> Explanation {
            Explanation {
                remedy: (failure.class == FailureClass::Tls).then(|| "renew it".into()),
                ..Explanation::default()
            }
        }
    }

    #[test]
    fn a_report_is_described_with_its_cause_and_its_warning() {
        let now = Instant::now();
        let names = Registry::builder().required("bus");
        let registry = names.build_at(now).expect("there is one name");
        let reporter = registry.reporter("bus").expect("it has none");
        reporter.set_explainer(std::sync::Arc::new(Remedies));
        let service = reporter.service();
        let report = |cause, warning| Report {
            cause,
            warning,
            ..service.report()
        };

        let lost = report(Cause::LivenessFailed(FailureClass::Tls.into()), None);
        assert_eq!(
            service.describe(&lost),
            "the bus cannot be used: Tls; renew it"
        );
        let warned = report(Cause::Evidence, Some(FailureClass::Tls.into()));
        assert_eq!(
            service.describe(&warned),
            "the bus works, with a warning: Tls; renew it"
        );
        let works = report(Cause::Evidence, None);
        assert_eq!(service.describe(&works), "the bus works");
    }
}
