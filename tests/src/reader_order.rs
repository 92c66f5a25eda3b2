//! What all readers of a process see at one instant, and the order in which they must see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use livebus_core::{Report, Status};
use livebus_endpoints::Probes;
use livebus_grpc::{Gate, Health, ServingStatus, WatchStream};
use livebus_readiness::{Reader, Service};
use livebus_runner::{Bus, Handle, Time};

/// A look that takes longer says nothing: what was read first may be outdated.
const MAX_LOOK: Duration = Duration::from_millis(5);

/// The readers of a process with one service.
#[derive(Debug)]
pub struct Readers {
    service: Service,
    probes: Probes,
    gate: Gate,
    health: Health,
    watch: WatchStream,
    watched: bool,
    clock: ReaderClock,
}

/// The clock of the readers.
pub enum ReaderClock {
    /// That of this machine. A watch may be late by a tick of its timer, so it is not compared.
    Real,
    /// That of a test, which stands still during a look.
    Turned(Arc<dyn Time>),
}

impl std::fmt::Debug for ReaderClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReaderClock")
    }
}

/// Whether the process is ready for each reader; whether its service is Running where that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is what one reader sees"
)]
pub struct Seen {
    /// Whether the gate is open.
    pub gate: bool,
    /// Of the empty name.
    pub health: bool,
    health_by_name: bool,
    watch: bool,
    /// Of `/readyz`.
    pub probes: bool,
    probes_by_name: bool,
}

/// What the looks have met, so that a case cannot pass by meeting nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Met {
    /// All were ready.
    pub ready: u32,
    /// None was.
    pub not_ready: u32,
    /// The gate was closed before the health service.
    pub only_the_gate_closed: u32,
    /// The probes were ready after the health service.
    pub only_the_probes_open: u32,
    /// The lease had ended without a report.
    pub lapsed: u32,
}

impl Readers {
    /// Makes the readers of the process that `bus` is the only service of.
    ///
    /// # Panics
    ///
    /// Never: the registry of a handle has its service.
    #[must_use]
    pub fn new<B: Bus>(bus: &Handle<B>, clock: ReaderClock) -> Self {
        let (gate, health) = (Gate::of(bus), Health::of(bus));
        let service = bus.readiness().services().next();
        Self {
            service: service.expect("a registry has a service"),
            probes: bus.probes(),
            gate: match &clock {
                ReaderClock::Real => gate,
                ReaderClock::Turned(time) => gate.time(Arc::clone(time)),
            },
            watch: health.watch(""),
            watched: false,
            health,
            clock,
        }
    }

    /// Looks with all readers while no report is stored, and checks the order. Returns the report that they saw.
    ///
    /// # Panics
    ///
    /// When a later reader is NotReady while an earlier one is ready, or two neighbours differ by more than one step. `at` says where.
    pub fn check(&mut self, at: &str, met: &mut Met) -> Report {
        loop {
            let (began, before) = (Instant::now(), self.service.report());
            let now = self.now();
            let seen = self.look(now);
            let report = self.service.report();
            let took = began.elapsed();
            let is_still = matches!(self.clock, ReaderClock::Turned(_)) || took < MAX_LOOK;
            if before == report && is_still {
                let at = format!("{at}: {seen:?}, {report:?}");
                self.check_order(seen, &report, now, &at, met);
                return report;
            }
        }
    }

    fn now(&self) -> Instant {
        match &self.clock {
            ReaderClock::Real => Instant::now(),
            ReaderClock::Turned(time) => time.now(),
        }
    }

    fn look(&mut self, now: Instant) -> Seen {
        let mut context = task::Context::from_waker(Waker::noop());
        let gate = self.gate.is_open();
        let serves = |name: &str| self.health.status(name) == Some(ServingStatus::Serving);
        let (health, health_by_name) = (serves(""), serves(self.service.name()));
        while let Poll::Ready(Some(status)) = self.watch.poll_next_unpin(&mut context) {
            self.watched = status == ServingStatus::Serving;
        }
        let is_ok = |path: &str| self.probes.answer(path, None, now).status == 200;
        Seen {
            gate,
            health,
            health_by_name,
            watch: self.watched,
            probes: is_ok("/readyz"),
            probes_by_name: is_ok(&format!("/readyz/{}", self.service.name())),
        }
    }

    fn check_order(&self, seen: Seen, report: &Report, now: Instant, at: &str, met: &mut Met) {
        assert!(!seen.gate || seen.health, "the gate closes first: {at}");
        assert!(!seen.health || seen.probes, "then the health service: {at}");
        assert_eq!(seen.probes, seen.probes_by_name, "{at}");
        let slack = match self.clock {
            ReaderClock::Real => MAX_LOOK * 2,
            ReaderClock::Turned(_) => {
                assert_eq!(seen.health, seen.health_by_name, "{at}");
                assert_eq!(seen.health, seen.watch, "{at}");
                Duration::ZERO
            }
        };
        // One step: they differ only just before the end of a lease.
        let left = report.lease.map(|it| it.saturating_duration_since(now));
        let is_near = |reader: Reader| left.is_some_and(|it| it <= reader.lead() + slack);
        if seen.gate != seen.health {
            assert!(is_near(Reader::Gate), "{at}");
            met.only_the_gate_closed += 1;
        }
        if seen.health != seen.probes {
            assert!(is_near(Reader::Health), "{at}");
            met.only_the_probes_open += 1;
        }
        met.ready += u32::from(seen.gate);
        met.not_ready += u32::from(!seen.probes);
        met.lapsed += u32::from(!seen.probes && report.status == Status::Running);
    }
}

/// Looks with all readers every 20 ms, on a thread, until the end.
#[derive(Debug)]
pub struct ReaderPolls {
    is_wanted: Arc<AtomicBool>,
    thread: JoinHandle<(u32, Met)>,
}

impl ReaderPolls {
    /// Begins. The clock of the readers must be [`ReaderClock::Real`].
    #[must_use]
    pub fn start(mut readers: Readers) -> Self {
        let is_wanted = Arc::new(AtomicBool::new(true));
        let is_still_wanted = Arc::clone(&is_wanted);
        let thread = thread::spawn(move || {
            let (mut polls, mut met) = (0, Met::default());
            while is_still_wanted.load(Ordering::Acquire) {
                polls += 1;
                readers.check(&format!("poll {polls}"), &mut met);
                thread::sleep(Duration::from_millis(20));
            }
            (polls, met)
        });
        Self { is_wanted, thread }
    }

    /// Ends the looks, and returns their number and what they met.
    ///
    /// # Errors
    ///
    /// When the readers were not in order: the thread has said what they saw.
    pub fn finish(self) -> anyhow::Result<(u32, Met)> {
        self.is_wanted.store(false, Ordering::Release);
        let polls = self.thread.join().ok();
        polls.context("the readers are not in order")
    }
}
