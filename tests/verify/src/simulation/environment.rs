//! The environment: virtual time, and what will happen.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{Action, Event, FailureClass, LivenessId};

use super::cluster::Cluster;
use super::configs::{self, Unit};
use super::log::Log;
use super::rates::Rates;
use super::service::{Instance, NEVER, Service};
use super::summary::{Situation, Summary};
use super::violation::Violation;
use crate::rng::Rng;

/// The beginning of virtual time. Nothing depends on which instant it is.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A process with its services, and the bus that they use.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) rng: Rng,
    /// Draws what handlers report, so that seeds whose services have no handlers are the same with and without it.
    pub(super) handler_rng: Rng,
    pub(super) rates: Rates,
    pub(super) cluster: Cluster,
    pub(super) services: Vec<Service>,
    /// The current time, in nanoseconds.
    pub(super) clock: u64,
    pub(super) epoch: Instant,
    queue: BinaryHeap<Reverse<Scheduled>>,
    /// The number of occurrences scheduled so far. Those of one instant happen in the order in which they were scheduled.
    order: u64,
    pub(super) processed: u64,
    /// The maximum time for which an answer that proved something was in flight.
    pub(super) flight: u64,
    /// The minimum timeout of all services.
    pub(super) timeout: u64,
    /// The maximum detection bound of all services, by which other durations are scaled.
    pub(super) pace: u64,
    pub(super) healed: bool,
    /// A buffer for the actions of one step.
    pub(super) actions: Vec<Action>,
    pub(super) summary: Summary,
    pub(super) log: Log,
}

/// A scheduled occurrence.
#[derive(Debug, Clone, Copy)]
struct Scheduled {
    at: u64,
    order: u64,
    what: Occurrence,
}

/// Something that happens in the environment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Occurrence {
    /// An event arrives in the inbox of a supervisor.
    Input {
        service: usize,
        generation: u32,
        event: Event,
    },
    /// The records of a round are sent again.
    Retry {
        service: usize,
        generation: u32,
        id: LivenessId,
    },
    /// Half the time of a round is over: the client looks for other brokers.
    HalfTime {
        service: usize,
        generation: u32,
        id: LivenessId,
    },
    /// A broker fails or comes back.
    Broker(usize),
    /// The partitions of a broker that failed get other leaders.
    Election(usize),
    /// The cluster no longer counts a broker that failed among those in sync.
    InSync(usize),
    /// The network breaks, or works again.
    Network,
    /// The brokers begin or stop to refuse.
    Refusal,
    /// A suspicion of the client library; this many more follow.
    Suspicion {
        service: usize,
        class: FailureClass,
        more: u64,
    },
    /// A suspicion without a reason.
    FalseSuspicion,
    /// A client is lost.
    ClientLost,
    /// A supervisor starts.
    Begin(usize),
}

impl Environment {
    pub(super) fn draw(seed: u64, log: Log) -> Result<Self, Violation> {
        let mut rng = Rng::new(seed);
        let unit = Unit::draw(&mut rng);
        let count = rng.pick(&[1_usize, 1, 1, 2, 3]);
        // Presets have seconds and drawn settings may have milliseconds, so the two are not mixed.
        let presets = rng.below(4) == 0;
        let mut services = Vec::with_capacity(count);
        for _ in 0..count {
            let preset = presets.then(|| rng.below(3));
            let config = configs::draw(&mut rng, preset, unit);
            services.push(Service::new(config.map_err(|_| Violation::ConfigRejected)?));
        }
        let pace = services.iter().map(|it| it.bound).max().unwrap_or(1);
        let timeout = services.iter().map(min_timeout).min().unwrap_or(1);
        let mut rates = Rates::draw(&mut rng, pace, timeout);
        let mut handler_rng = Rng::of_case(seed, 1);
        rates.handler_reports = handler_rng.rate(4_000);
        let cluster = Cluster::draw(&mut rng);
        let mut env = Self {
            flight: rates.latency * 6,
            rng,
            handler_rng,
            rates,
            cluster,
            services,
            clock: 0,
            epoch: *EPOCH,
            queue: BinaryHeap::with_capacity(64),
            order: 0,
            processed: 0,
            timeout,
            pace,
            healed: false,
            actions: Vec::with_capacity(32),
            summary: Summary {
                seeds: 1,
                ..Summary::default()
            },
            log,
        };
        for service in &env.services {
            let settings = service.config.settings();
            env.log.note(0, format_args!("{settings:?}"));
        }
        env.begin_faults();
        Ok(env)
    }

    fn begin_faults(&mut self) {
        for service in 0..self.services.len() {
            let delay = self.rng.below(self.timeout * 2);
            self.after(delay, Occurrence::Begin(service));
        }
        for broker in 0..self.cluster.brokers() {
            self.recur(self.rates.broker_up, Occurrence::Broker(broker));
        }
        self.recur(self.rates.network_open, Occurrence::Network);
        self.recur(self.rates.no_refusal, Occurrence::Refusal);
        self.recur(self.rates.false_suspicions, Occurrence::FalseSuspicion);
        self.recur(self.rates.client_lost, Occurrence::ClientLost);
    }

    pub(super) fn instant(&self, at: u64) -> Instant {
        self.epoch + Duration::from_nanos(at)
    }

    pub(super) fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(NEVER)
    }

    pub(super) fn after(&mut self, delay: u64, what: Occurrence) {
        self.at(self.clock.saturating_add(delay), what);
    }

    pub(super) fn at(&mut self, at: u64, what: Occurrence) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Scheduled { at, order, what }));
    }

    /// Schedules an occurrence after about this time, or never if it is zero.
    pub(super) fn recur(&mut self, mean: u64, what: Occurrence) {
        if mean > 0 {
            let delay = self.rng.around(mean);
            self.after(delay, what);
        }
    }

    /// Advances the time to `until`, or until there were this many events.
    pub(super) fn advance(&mut self, until: u64, events: u64) -> Result<(), Violation> {
        let mut at_once = 0;
        while self.summary.events < events {
            let due = self.queue.peek().map_or(NEVER, |Reverse(due)| due.at);
            let (mut wakes, mut sleeper) = (NEVER, 0);
            for (number, service) in self.services.iter().enumerate() {
                let at = service.wakes();
                if at < wakes {
                    (wakes, sleeper) = (at, number);
                }
            }
            let next = due.min(wakes);
            if next > until || next == NEVER || self.processed > self.max_occurrences(events) {
                break;
            }
            self.processed += 1;
            at_once = if next > self.clock { 0 } else { at_once + 1 };
            if at_once > MAX_AT_ONE_INSTANT {
                return Err(Violation::HotLoop);
            }
            self.clock = self.clock.max(next);
            if wakes <= due {
                self.wake(sleeper)?;
            } else if let Some(Reverse(due)) = self.queue.pop() {
                self.process(due.what)?;
            }
        }
        if until != NEVER && self.summary.events < events {
            self.clock = self.clock.max(until);
        }
        Ok(())
    }

    /// Limits the occurrences that are no event of a supervisor, so that a run in which little else happens ends too.
    const fn max_occurrences(&self, events: u64) -> u64 {
        if self.healed {
            NEVER
        } else {
            events.saturating_mul(4)
        }
    }

    fn process(&mut self, what: Occurrence) -> Result<(), Violation> {
        match what {
            Occurrence::Input {
                service,
                generation,
                event,
            } => return self.deliver(service, generation, event),
            Occurrence::Retry {
                service,
                generation,
                id,
            } => self.retry(service, generation, id),
            Occurrence::HalfTime {
                service,
                generation,
                id,
            } => self.half_time(service, generation, id),
            Occurrence::Broker(broker) => self.broker(broker),
            Occurrence::Election(broker) => {
                if self.cluster.elect(broker, &mut self.rng) {
                    self.summary.note(Situation::Elected);
                    self.changed(true);
                }
            }
            Occurrence::InSync(broker) => self.shrink(broker),
            Occurrence::Network => self.network(),
            Occurrence::Refusal => self.refusal(),
            Occurrence::Suspicion {
                service,
                class,
                more,
            } => return self.on_suspicion(service, class, more),
            Occurrence::FalseSuspicion => {
                let service = self.any_service();
                self.recur(self.rates.false_suspicions, Occurrence::FalseSuspicion);
                let more = self.storm();
                let class = self.rng.pick(&SUSPICIONS);
                return self.on_suspicion(service, class, more);
            }
            Occurrence::ClientLost => {
                self.recur(self.rates.client_lost, Occurrence::ClientLost);
                return self.on_client_lost();
            }
            Occurrence::Begin(service) => return self.begin(service),
        }
        Ok(())
    }

    pub(super) fn any_service(&mut self) -> usize {
        let count = self.services.len() as u64;
        usize::try_from(self.rng.below(count)).unwrap_or(0)
    }
}

impl Service {
    pub(super) fn begin(&mut self, now: Instant, nanos: u64) -> u32 {
        self.generation += 1;
        self.instance = Some(Instance::new(&self.config, now, nanos));
        self.generation
    }
}

/// What a client library suspects.
pub(super) const SUSPICIONS: [FailureClass; 6] = [
    FailureClass::Unreachable,
    FailureClass::Unreachable,
    FailureClass::Timeout,
    FailureClass::Authentication,
    FailureClass::BrokerUnreachable,
    FailureClass::BrokerUnreachable,
];

/// More occurrences than there ever are at one instant.
const MAX_AT_ONE_INSTANT: u32 = 10_000;

fn min_timeout(service: &Service) -> u64 {
    let s = service.config.settings();
    let timeouts = [
        s.start_timeout,
        s.registration_timeout,
        s.stop_timeout,
        s.suspicion_timeout,
        s.liveness_timeout,
        s.not_live_interval,
    ];
    let min = timeouts.into_iter().fold(Duration::MAX, Duration::min);
    u64::try_from(min.as_nanos()).unwrap_or(NEVER)
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Environment {
    /// Removes all scheduled faults. Answers in flight still arrive.
    pub(super) fn forget_faults(&mut self) {
        self.queue.retain(|Reverse(due)| match due.what {
            Occurrence::Input { event, .. } => event != Event::Shutdown,
            Occurrence::Retry { .. }
            | Occurrence::HalfTime { .. }
            | Occurrence::Broker(_)
            | Occurrence::Election(_)
            | Occurrence::InSync(_)
            | Occurrence::Network
            | Occurrence::Refusal
            | Occurrence::Suspicion { .. }
            | Occurrence::FalseSuspicion
            | Occurrence::ClientLost
            | Occurrence::Begin(_) => false,
        });
    }
}
