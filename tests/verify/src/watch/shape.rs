//! What the watch remembers, as few numbers as decide what it will say: so that a model checker meets finitely many states.

use std::time::{Duration, Instant};

use livebus_core::{ClientId, Config, LivenessId, OpId, RegistrationId, Report, Status, StopId};

use super::action::{longest, saturation, shortest_gap};
use super::books::{Bus, Doubt, Operation, Question, Row, Slot, Watch};

impl Watch {
    /// The same watch over the [canonical](livebus_core::Supervisor::canonical) supervisor: time counted from `epoch`, which
    /// is `now`, operations by their new names, and what cannot matter any more forgotten.
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
            let place = names.iter().position(|known| *known == id);
            // The supervisor has forgotten it: no name of its own.
            place.map_or(FORGOTTEN, |place| place as u64 + 1)
        };
        let recent = |instant: Instant, age: Duration| (instant + age > now).then(|| at(instant));
        let ends = self.ending.is_some();
        let distance = match self.bus {
            Bus::NotLive { .. } => shortest_gap(config).max(settings.not_live_interval_max),
            Bus::Live { .. } => shortest_gap(config),
        };
        Self {
            report: *report,
            newest: names.len() as u64,
            start: self.start.map(|it| Operation {
                id: ClientId::from_number(number(it.id.into())),
                deadline: at(it.deadline),
            }),
            client: self
                .client
                .map(|it| ClientId::from_number(number(it.into()))),
            question: self.question.map(|it| Question {
                id: LivenessId::from_number(number(it.id.into())),
                sent: at(it.sent),
                asked: at(it.asked),
                until: at(it.until),
            }),
            handlers: self
                .handlers
                .iter()
                .map(|slot| match *slot {
                    Slot::Idle => Slot::Idle,
                    Slot::Registered => Slot::Registered,
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
                        let most = longest(settings.registration_backoff, failures);
                        Slot::Waiting {
                            since: at(since.max(now.checked_sub(most).unwrap_or(since))),
                            failures,
                        }
                    }
                })
                .collect(),
            stop: self.stop.map(|it| Operation {
                id: StopId::from_number(number(it.id.into())),
                deadline: at(it.deadline),
            }),
            left_behind: Vec::new(),
            bus: self.bus_from(config, now, &at),
            unproved: self.unproved.min(saturation(settings.start_backoff)),
            waiting: self.waiting.filter(|_| !ends).map(at),
            sent: self
                .sent
                .filter(|_| !ends)
                .and_then(|sent| recent(sent, distance)),
            tried: if ends || report.status == Status::Failed {
                epoch
            } else {
                at(self.tried)
            },
            ran: self.ran.and_then(|ran| recent(ran, settings.drain)),
            ending: self.ending.map(|ending| {
                let most = config.shutdown_bound();
                at(ending.max(now.checked_sub(most).unwrap_or(ending)))
            }),
            reason: false,
        }
    }

    fn bus_from(&self, config: &Config, now: Instant, at: &impl Fn(Instant) -> Instant) -> Bus {
        let unproved = Bus::unproved(at(now));
        if self.client.is_none() {
            return unproved;
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
                failed,
                doubted,
                partial,
            } => Bus::Live {
                evidence: at(evidence),
                failed: failed.map(|row| Row {
                    since: at(row.since),
                    count: row.count.min(config.settings().failures_to_not_ready),
                }),
                doubted: doubted.map(|it| Doubt {
                    oldest: at(it.oldest),
                    newest: at(it.newest),
                    confirmed: it.confirmed,
                    counted: at(it.counted),
                }),
                partial: partial.map(at),
            },
        }
    }
}

/// A number that no canonical supervisor gives a name to.
const FORGOTTEN: u64 = 1 << 20;

fn shifted(instant: Instant, now: Instant, epoch: Instant) -> Instant {
    match instant.checked_duration_since(now) {
        Some(ahead) => epoch + ahead,
        None => epoch.checked_sub(now - instant).unwrap_or(epoch),
    }
}

/// What a canonical watch remembers beside the report, as numbers.
pub fn pack(watch: &Watch, epoch: Instant, to: &mut Vec<i64>) {
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
    operation(watch.start.map(|it| (it.id.into(), it.deadline)), to);
    to.push(watch.client.map_or(0, |it| id(it.into())));
    match watch.question {
        None => to.push(0),
        Some(it) => to.extend([id(it.id.into()), at(it.sent), at(it.asked), at(it.until)]),
    }
    for slot in &watch.handlers {
        match *slot {
            Slot::Idle => to.push(0),
            Slot::Registered => to.push(1),
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
    operation(watch.stop.map(|it| (it.id.into(), it.deadline)), to);
    match watch.bus {
        Bus::NotLive {
            newest,
            proofs,
            proved,
        } => to.extend([0, at(newest), i64::from(proofs), i64::from(proved)]),
        Bus::Live {
            evidence,
            failed,
            doubted,
            partial,
        } => {
            to.extend([1, at(evidence)]);
            match failed {
                None => to.push(0),
                Some(row) => to.extend([i64::from(row.count), at(row.since)]),
            }
            match doubted {
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
            some_at(partial, to);
        }
    }
    to.push(i64::from(watch.unproved));
    some_at(watch.waiting, to);
    some_at(watch.sent, to);
    to.push(at(watch.tried));
    some_at(watch.ran, to);
    some_at(watch.ending, to);
}
