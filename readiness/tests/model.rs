//! Compares followers with a model that keeps every change, on random reports, renewals, polls and ends.
//!
//! The message of a failure has the seed of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{Follower, Registry, Reporter, Service, StatusChange};

const RUNS: u64 = 400;
const STEPS: u32 = 1_000;
/// The number of a service's changes that are kept.
const KEPT: usize = 64;
const MAX_FOLLOWERS: usize = 5;

#[test]
fn followers_show_what_the_model_shows_and_are_woken_for_it() {
    let mut shown = 0;
    for seed in 1..=RUNS {
        shown += Run::new(seed).run();
    }
    assert!(shown > 10 * RUNS, "only {shown} changes were shown");
}

/// All reports, with the number of the reporter.
#[derive(Default)]
struct Log {
    changes: Vec<(usize, StatusChange)>,
    reporters: usize,
    has_reporter: bool,
}

impl Log {
    fn has_ended(&self, reporter: usize) -> bool {
        reporter != self.reporters || !self.has_reporter
    }
}

/// A follower as the documentation describes it.
#[derive(Clone)]
struct Model {
    reporter: usize,
    next: usize,
    status: Status,
    lapsed: bool,
    missed: usize,
}

impl Model {
    /// Returns the result of a poll at `now`.
    fn poll(&mut self, log: &Log, report: Report, now: Instant) -> Poll<Option<StatusChange>> {
        let oldest = log.changes.len().saturating_sub(KEPT);
        while let Some((by, change)) = log.changes.get(self.next) {
            if *by != self.reporter {
                break;
            }
            self.next += 1;
            if self.next <= oldest {
                self.missed += 1;
                continue;
            }
            let known = self.lapsed
                && change.report.status == Status::NotReady
                && change.report.cause == Cause::Starved;
            let from = std::mem::replace(&mut self.status, change.report.status);
            self.lapsed = false;
            if !known {
                return Poll::Ready(Some(StatusChange { from, ..*change }));
            }
        }
        if log.has_ended(self.reporter) {
            return Poll::Ready(None);
        }
        let due = report.lease.map(|lease| lease + Follower::GRACE);
        if !self.lapsed && self.status == Status::Running && due.is_some_and(|due| now >= due) {
            self.status = Status::NotReady;
            self.lapsed = true;
            let lease = report.lease.expect("it ran out");
            return Poll::Ready(Some(StatusChange {
                from: Status::Running,
                report: Report {
                    status: Status::NotReady,
                    cause: Cause::Starved,
                    since: lease,
                    lease: None,
                    ..report
                },
                at: lease,
            }));
        }
        if self.lapsed && report.status_at(now) == Status::Running {
            self.status = Status::Running;
            self.lapsed = false;
            return Poll::Ready(Some(StatusChange {
                from: Status::NotReady,
                report,
                at: now,
            }));
        }
        Poll::Pending
    }
}

/// A follower, its model, and the state of its wait.
struct Followed {
    real: Follower,
    model: Model,
    woken: Arc<Woken>,
    /// Whether the last poll was pending.
    is_pending: bool,
    /// The timeout of the last pending poll.
    due: Option<Instant>,
    /// The status that it showed last.
    last: Option<Status>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Run {
    seed: u64,
    random: Random,
    now: Instant,
    registry: Registry,
    reporter: Option<Reporter>,
    /// The services of all reporters, dropped ones included, each with the number of its reporter.
    services: Vec<(usize, Service)>,
    log: Log,
    followers: Vec<Followed>,
    shown: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let registry = Registry::builder().required("bus").build_at(now);
        Self {
            seed,
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            now,
            registry: registry.expect("one name"),
            reporter: None,
            services: Vec::new(),
            log: Log::default(),
            followers: Vec::new(),
            shown: 0,
        }
    }

    fn run(mut self) -> u64 {
        for _ in 0..STEPS {
            self.step();
            for at in 0..self.followers.len() {
                self.must_be_woken_for_a_change(at);
            }
        }
        self.end_reporter();
        for at in 0..self.followers.len() {
            while matches!(self.poll(at), Poll::Ready(Some(_))) {}
        }
        self.shown
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..5 => self.now += ms(self.random.below(12)),
            5..7 => self.report(),
            7..12 => self.renew(),
            12..14 => self.follow(),
            14..18 => self.poll_one(),
            18 if self.random.below(4) == 0 => self.end_reporter(),
            18 if self.random.below(4) == 0 => {
                for _ in 0..self.random.below(2 * KEPT as u64) {
                    self.report();
                }
            }
            _ if self.random.below(4) == 0 && !self.followers.is_empty() => {
                let at = self.any_follower();
                self.followers.swap_remove(at);
            }
            _ => {}
        }
    }

    fn report(&mut self) {
        if self.reporter.is_none() {
            self.reporter = self.registry.reporter("bus").ok();
            self.log.reporters += 1;
            self.log.has_reporter = true;
        }
        let reporter = self.reporter.as_ref().expect("it was free");
        let service = reporter.service();
        let from = service.report().status;
        let lease = self.now + ms(self.random.below(40));
        let failed = Cause::LivenessFailed(FailureClass::Timeout.into());
        let (status, cause) = match self.random.below(8) {
            0..4 => (Status::Running, Cause::Evidence),
            4 | 5 => (Status::NotReady, Cause::Starved),
            6 => (Status::NotReady, failed),
            _ => (Status::Preparing, Cause::Configured),
        };
        let report = Report {
            status,
            cause,
            lease: (status == Status::Running).then_some(lease),
            ..Report::unreported(self.now)
        };
        reporter.report(self.now, report);
        self.services.push((self.log.reporters, service));
        self.note(from, report);
    }

    fn renew(&mut self) {
        let Some(reporter) = &self.reporter else {
            return;
        };
        if reporter.service().report().status == Status::Running {
            // Usually longer than the one before, and sometimes shorter.
            let lease = self.now + ms(self.random.below(30));
            reporter.renew(self.now, self.now, lease);
        }
    }

    fn end_reporter(&mut self) {
        let Some(reporter) = self.reporter.take() else {
            return;
        };
        let service = reporter.service();
        let from = service.report().status;
        reporter.close(self.now);
        let closed = service.report();
        drop(reporter);
        assert_eq!(closed.status, Status::Stopped, "seed {}", self.seed);
        if from != Status::Stopped {
            self.note(from, closed);
        }
        self.log.has_reporter = false;
    }

    fn note(&mut self, from: Status, report: Report) {
        let at = self.now;
        let change = StatusChange { from, report, at };
        self.log.changes.push((self.log.reporters, change));
    }

    fn follow(&mut self) {
        if self.followers.len() == MAX_FOLLOWERS {
            return;
        }
        let newest = self.registry.readiness().service("bus").expect("declared");
        let mut reporter = self.log.reporters;
        let mut service = newest;
        if self.random.below(2) == 0 && !self.services.is_empty() {
            let which = self.random.below(self.services.len() as u64);
            let index = usize::try_from(which).expect("it is small");
            (reporter, service) = self.services[index].clone();
        }
        let log = &self.log.changes;
        let mut next = log.len();
        let from_start = self.random.below(2) == 0;
        if from_start {
            let first = log.iter().position(|(by, _)| *by == reporter);
            next = first.unwrap_or(log.len());
            // Dropped changes of an earlier reporter are not counted.
            if reporter != self.log.reporters {
                next = next.max(log.len().saturating_sub(KEPT));
            }
        }
        // The status before the first change that will be shown.
        let oldest = log.get(next.max(log.len().saturating_sub(KEPT)));
        let status = service.report().status;
        let model = Model {
            reporter,
            next,
            status: oldest.map_or(status, |(_, change)| change.from),
            lapsed: false,
            missed: 0,
        };
        let real = if from_start {
            service.follow_from_start()
        } else {
            service.follow()
        };
        self.followers.push(Followed {
            real,
            model,
            woken: Arc::default(),
            is_pending: false,
            due: None,
            last: None,
        });
    }

    fn poll_one(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let at = self.any_follower();
        let to_the_end = self.random.below(2) == 0;
        while matches!(self.poll(at), Poll::Ready(Some(_))) && to_the_end {}
    }

    fn poll(&mut self, at: usize) -> Poll<Option<StatusChange>> {
        let (seed, now) = (self.seed, self.now);
        let report = self.report_now();
        let it = &mut self.followers[at];
        let waker = Waker::from(Arc::clone(&it.woken));
        it.woken.0.store(false, Ordering::Relaxed);
        let polled = it.real.poll_change(now, &mut Context::from_waker(&waker));
        let expected = it.model.poll(&self.log, report, now);
        assert_eq!(polled, expected, "seed {seed}");
        assert_eq!(it.real.missed(), it.model.missed as u64, "seed {seed}");
        it.is_pending = polled.is_pending();
        match polled {
            Poll::Ready(Some(change)) => {
                let follows = it.last.is_none_or(|last| last == change.from);
                assert!(follows, "seed {seed}: {:?}, then {change:?}", it.last);
                it.last = Some(change.report.status);
                self.shown += 1;
            }
            Poll::Ready(None) => {}
            Poll::Pending => {
                it.due = it.real.poll_timeout();
                let later = it.due.is_none_or(|due| due > now);
                assert!(later, "seed {seed}: its timeout has passed already");
                must_agree_with_the_reader(it.model.status, report, now);
            }
        }
        polled
    }

    /// Fails if a follower that waits has a change to show, was not woken, and its timeout has not passed.
    fn must_be_woken_for_a_change(&self, at: usize) {
        let it = &self.followers[at];
        if !it.is_pending || it.woken.0.load(Ordering::Relaxed) {
            return;
        }
        let report = self.report_now();
        let poll = |now| it.model.clone().poll(&self.log, report, now);
        let is_due = it.due.is_some_and(|due| due <= self.now);
        assert!(
            is_due || poll(self.now).is_pending(),
            "seed {}: {:?} and it is not woken",
            self.seed,
            poll(self.now)
        );
        // Its timeout is not later than its next change.
        if let Some(due) = it.due {
            let before = due.checked_sub(Duration::from_nanos(1)).expect("later");
            assert!(
                poll(before.min(self.now)).is_pending(),
                "seed {}",
                self.seed
            );
        }
    }

    fn report_now(&self) -> Report {
        let service = self.registry.readiness().service("bus");
        service.expect("declared").report()
    }

    fn any_follower(&mut self) -> usize {
        let which = self.random.below(self.followers.len() as u64);
        usize::try_from(which).expect("it is small")
    }
}

/// Fails if a follower and a reader differ, except during the grace.
fn must_agree_with_the_reader(shown: Status, report: Report, now: Instant) {
    let read = report.status_at(now);
    let in_grace = shown == Status::Running
        && read == Status::NotReady
        && report
            .lease
            .is_some_and(|lease| now < lease + Follower::GRACE);
    assert!(
        shown == read || in_grace,
        "{shown} was shown, {read} is read"
    );
}

/// A pseudo-random generator with a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
