//! The canonical form of the invariant checker: only what later checks depend on, so that the explorer finds finitely many states.

use std::time::{Duration, Instant};

use livebus_core::{ClientId, Config, LivenessId, OpId, RegistrationId, Report, Status, StopId};

use super::action::{max_delay, min_gap, saturation};
use super::bookkeeping::{
    Bus, Diagnosis, Failures, InvariantChecker, LivenessCheck, Operation, Partial, Slot, Suspicion,
};
use super::diagnosis::diagnosis_age;

impl InvariantChecker {
    /// Returns the checker of the [canonical](livebus_core::Supervisor::canonical) supervisor: `now` becomes `epoch`, operations get
    /// their new ids, and what makes no difference any more is dropped.
    #[must_use]
    pub fn canonical(
        &self,
        config: &Config,
        report: &Report,
        (now, epoch): (Instant, Instant),
        names: &[OpId],
    ) -> Self {
        let settings = config.settings();
        let at = |instant: Instant| shifted(instant, now, epoch);
        let number = |id: OpId| {
            let index = names.iter().position(|known| *known == id);
            // The canonical supervisor does not have this operation, so it has no new id.
            index.map_or(UNKNOWN, |index| index as u64 + 1)
        };
        let recent = |instant: Instant, age: Duration| (instant + age > now).then(|| at(instant));
        let is_shutting_down = self.shutdown_at.is_some();
        let distance = match self.bus {
            Bus::NotLive { .. } => min_gap(config).max(settings.not_live_interval_max),
            Bus::Live { .. } => min_gap(config),
        };
        Self {
            report: *report,
            newest_id: names.len() as u64,
            start: self.start.map(|it| Operation {
                id: ClientId::from_number(number(it.id.into())),
                deadline: at(it.deadline),
            }),
            client: self
                .client
                .map(|it| ClientId::from_number(number(it.into()))),
            liveness: self.liveness.map(|it| LivenessCheck {
                id: LivenessId::from_number(number(it.id.into())),
                sent: at(it.sent),
                unverified_since: at(it.unverified_since),
                until: at(it.until),
            }),
            handlers: self
                .handlers
                .iter()
                .map(|slot| match *slot {
                    Slot::Idle => Slot::Idle,
                    Slot::Registered { id, fails } => Slot::Registered {
                        id: RegistrationId::from_number(number(id.into())),
                        fails,
                    },
                    Slot::Registering {
                        operation: it,
                        failures,
                    } => Slot::Registering {
                        operation: Operation {
                            id: RegistrationId::from_number(number(it.id.into())),
                            deadline: at(it.deadline),
                        },
                        failures: failures.min(saturation(settings.registration_backoff)),
                    },
                    Slot::Waiting { since, failures } => {
                        let failures = failures.min(saturation(settings.registration_backoff));
                        let max = max_delay(settings.registration_backoff, failures);
                        Slot::Waiting {
                            since: at(since.max(now.checked_sub(max).unwrap_or(since))),
                            failures,
                        }
                    }
                })
                .collect(),
            stop: self.stop.map(|it| Operation {
                id: StopId::from_number(number(it.id.into())),
                deadline: at(it.deadline),
            }),
            to_discard: Vec::new(),
            bus: self.bus_from(config, now, &at),
            starts_without_proof: self
                .starts_without_proof
                .min(saturation(settings.start_backoff)),
            start_waits_since: self.start_waits_since.filter(|_| !is_shutting_down).map(at),
            start_replaces: false,
            diagnosis: self
                .diagnosis
                .map(|it| match self.bus {
                    Bus::Live { .. } => Diagnosis { seen: now, ..it },
                    Bus::NotLive { .. } => it,
                })
                .filter(|it| now < it.seen + diagnosis_age(config))
                .filter(|_| !is_shutting_down && report.status != Status::Failed)
                .map(|it| Diagnosis {
                    seen: at(it.seen),
                    ..it
                }),
            last_message: self
                .last_message
                .filter(|_| !is_shutting_down)
                .and_then(|sent| recent(sent, distance)),
            last_attempt: if is_shutting_down || report.status == Status::Failed {
                epoch
            } else {
                at(self.last_attempt)
            },
            left_running: self
                .left_running
                .and_then(|ran| recent(ran, settings.drain)),
            shutdown_at: self.shutdown_at.map(|shutdown_at| {
                let max = config.shutdown_bound();
                at(shutdown_at.max(now.checked_sub(max).unwrap_or(shutdown_at)))
            }),
            step_ends_running: false,
            step_is_diagnosed: false,
        }
    }

    fn bus_from(&self, config: &Config, now: Instant, at: &impl Fn(Instant) -> Instant) -> Bus {
        let without_proof = Bus::without_proof(at(now));
        if self.client.is_none() {
            return without_proof;
        }
        match self.bus {
            Bus::NotLive {
                newest,
                proofs,
                proved,
            } => Bus::NotLive {
                newest: at(now
                    .checked_sub(
                        config
                            .detection_bound()
                            .max(config.settings().recreate_after.unwrap_or_default()),
                    )
                    .map_or(newest, |oldest| newest.max(oldest))),
                proofs,
                proved,
            },
            Bus::Live {
                evidence,
                failures,
                suspicion,
                partial,
                brought_forward,
            } => Bus::Live {
                evidence: at(evidence),
                failures: failures.map(|it| Failures {
                    since: at(it.since),
                    count: it.count.min(config.settings().failures_to_not_ready),
                }),
                suspicion: suspicion.map(|it| Suspicion {
                    oldest: at(it.oldest),
                    newest: at(it.newest),
                    confirmed: it.confirmed,
                    counted: at(it.counted),
                }),
                partial: partial.map(|it| Partial {
                    since: at(it.since),
                    ..it
                }),
                brought_forward: brought_forward.map(at),
            },
        }
    }
}

/// A number that is not the id of any operation of a canonical supervisor.
const UNKNOWN: u64 = 1 << 20;

fn shifted(instant: Instant, now: Instant, epoch: Instant) -> Instant {
    match instant.checked_duration_since(now) {
        Some(ahead) => epoch + ahead,
        None => epoch.checked_sub(now - instant).unwrap_or(epoch),
    }
}

/// Appends the state of a canonical checker, without its report, as numbers.
pub fn encode(checker: &InvariantChecker, epoch: Instant, to: &mut Vec<i64>) {
    let nanos = |it: Duration| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX);
    let at = |it: Instant| match it.checked_duration_since(epoch) {
        Some(ahead) => nanos(ahead),
        None => -nanos(epoch - it),
    };
    let id = |it: OpId| i64::try_from(it.number()).unwrap_or(i64::MAX);
    let some_at = |it: Option<Instant>, to: &mut Vec<i64>| match it {
        None => to.push(0),
        Some(it) => to.extend([1, at(it)]),
    };
    let operation = |it: Option<(OpId, Instant)>, to: &mut Vec<i64>| match it {
        None => to.push(0),
        Some((operation, deadline)) => to.extend([id(operation), at(deadline)]),
    };
    operation(checker.start.map(|it| (it.id.into(), it.deadline)), to);
    to.push(checker.client.map_or(0, |it| id(it.into())));
    match checker.liveness {
        None => to.push(0),
        Some(it) => to.extend([
            id(it.id.into()),
            at(it.sent),
            at(it.unverified_since),
            at(it.until),
        ]),
    }
    for slot in &checker.handlers {
        match *slot {
            Slot::Idle => to.push(0),
            Slot::Registered { id: it, fails } => to.extend([1, id(it.into()), i64::from(fails)]),
            Slot::Registering {
                operation,
                failures,
            } => to.extend([
                2,
                id(operation.id.into()),
                at(operation.deadline),
                i64::from(failures),
            ]),
            Slot::Waiting { since, failures } => to.extend([3, at(since), i64::from(failures)]),
        }
    }
    operation(checker.stop.map(|it| (it.id.into(), it.deadline)), to);
    match checker.bus {
        Bus::NotLive {
            newest,
            proofs,
            proved,
        } => to.extend([0, at(newest), i64::from(proofs), i64::from(proved)]),
        Bus::Live {
            evidence,
            failures,
            suspicion,
            partial,
            brought_forward,
        } => {
            to.extend([1, at(evidence)]);
            match failures {
                None => to.push(0),
                Some(it) => to.extend([i64::from(it.count), at(it.since)]),
            }
            match suspicion {
                None => to.push(0),
                Some(it) => {
                    to.extend([
                        1 + i64::from(it.confirmed),
                        at(it.oldest),
                        at(it.newest),
                        at(it.counted),
                    ]);
                }
            }
            some_at(partial.map(|it| it.since), to);
            to.extend(partial.map(|it| it.class as i64));
            some_at(brought_forward, to);
        }
    }
    match checker.diagnosis {
        None => to.push(0),
        Some(it) => to.extend([1 + it.class as i64, at(it.seen)]),
    }
    to.push(i64::from(checker.starts_without_proof));
    some_at(checker.start_waits_since, to);
    some_at(checker.last_message, to);
    to.push(at(checker.last_attempt));
    some_at(checker.left_running, to);
    some_at(checker.shutdown_at, to);
}
