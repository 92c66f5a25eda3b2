//! The world: virtual time, and what will happen.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{Action, Event, LivenessId};

use super::broken::Broken;
use super::cluster::Cluster;
use super::configs::{self, Unit};
use super::log::Log;
use super::rates::Rates;
use super::service::{Life, NEVER, Service};
use super::summary::{Situation, Summary};
use crate::rng::Rng;

/// Where virtual time begins. Nothing depends on which instant it is.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A process with its services, and the bus that they use.
#[derive(Debug)]
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) rates: Rates,
    pub(super) cluster: Cluster,
    pub(super) services: Vec<Service>,
    /// What time it is, in nanoseconds.
    pub(super) clock: u64,
    pub(super) epoch: Instant,
    future: BinaryHeap<Reverse<Due>>,
    /// How many things were put into the future: those of one instant happen in the order in which they were.
    order: u64,
    pub(super) happened: u64,
    /// The longest time that an answer which proved something was under way.
    pub(super) flight: u64,
    /// The shortest timeout of all services.
    pub(super) timeout: u64,
    /// The detection bound that everything else is measured by.
    pub(super) pace: u64,
    pub(super) healed: bool,
    /// Room for what one step leads to.
    pub(super) actions: Vec<Action>,
    pub(super) summary: Summary,
    pub(super) log: Log,
}

/// What will happen, and when.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: u64,
    order: u64,
    what: What,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// Something comes to a supervisor's inbox.
    Told {
        service: usize,
        life: u32,
        event: Event,
    },
    /// The records of a round are sent again.
    Retry {
        service: usize,
        life: u32,
        id: LivenessId,
    },
    /// Half a round's time is over: are there other brokers?
    HalfTime {
        service: usize,
        life: u32,
        id: LivenessId,
    },
    /// A broker goes or comes.
    Broker(usize),
    /// Those who noticed that a broker is gone elect others.
    Election(usize),
    /// The network breaks, or is mended.
    Network,
    /// Brokers begin to refuse, or cease to.
    Refusal,
    /// A hint of the client library: so many more follow.
    Hint { service: usize, more: u64 },
    /// A hint without any reason.
    FalseHint,
    /// A client is beyond repair.
    ClientLost,
    /// A supervisor begins.
    Begin(usize),
}

impl World {
    pub(super) fn draw(seed: u64, log: Log) -> Result<Self, Broken> {
        let mut rng = Rng::new(seed);
        let unit = Unit::draw(&mut rng);
        let count = rng.pick(&[1_usize, 1, 1, 2, 3]);
        // Presets keep to themselves: a second and a millisecond do not get to meet.
        let presets = rng.below(4) == 0;
        let mut services = Vec::with_capacity(count);
        for _ in 0..count {
            let preset = presets.then(|| rng.below(3));
            let config = configs::draw(&mut rng, preset, unit);
            services.push(Service::new(config.map_err(|_| Broken::ConfigRefused)?));
        }
        let pace = services.iter().map(|it| it.bound).max().unwrap_or(1);
        let timeout = services.iter().map(shortest_timeout).min().unwrap_or(1);
        let rates = Rates::draw(&mut rng, pace, timeout);
        let cluster = Cluster::draw(&mut rng);
        let mut world = Self {
            flight: rates.latency * 6,
            rng,
            rates,
            cluster,
            services,
            clock: 0,
            epoch: *EPOCH,
            future: BinaryHeap::with_capacity(64),
            order: 0,
            happened: 0,
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
        for service in &world.services {
            let settings = service.config.settings();
            world.log.note(0, format_args!("{settings:?}"));
        }
        world.begin_faults();
        Ok(world)
    }

    fn begin_faults(&mut self) {
        for service in 0..self.services.len() {
            let delay = self.rng.below(self.timeout * 2);
            self.after(delay, What::Begin(service));
        }
        for broker in 0..self.cluster.brokers() {
            self.recur(self.rates.broker_up, What::Broker(broker));
        }
        self.recur(self.rates.network_open, What::Network);
        self.recur(self.rates.no_refusal, What::Refusal);
        self.recur(self.rates.false_hints, What::FalseHint);
        self.recur(self.rates.client_lost, What::ClientLost);
    }

    pub(super) fn instant(&self, at: u64) -> Instant {
        self.epoch + Duration::from_nanos(at)
    }

    pub(super) fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(NEVER)
    }

    pub(super) fn after(&mut self, delay: u64, what: What) {
        self.at(self.clock.saturating_add(delay), what);
    }

    pub(super) fn at(&mut self, at: u64, what: What) {
        self.order += 1;
        let order = self.order;
        self.future.push(Reverse(Due { at, order, what }));
    }

    /// Once more after about this time; never, if it is zero.
    pub(super) fn recur(&mut self, mean: u64, what: What) {
        if mean > 0 {
            let delay = self.rng.around(mean);
            self.after(delay, what);
        }
    }

    /// Lets everything happen that does until `until`, or until there were so many events.
    pub(super) fn advance(&mut self, until: u64, events: u64) -> Result<(), Broken> {
        let mut at_once = 0;
        while self.summary.events < events {
            let due = self.future.peek().map_or(NEVER, |Reverse(due)| due.at);
            let (mut wakes, mut sleeper) = (NEVER, 0);
            for (number, service) in self.services.iter().enumerate() {
                let at = service.wakes();
                if at < wakes {
                    (wakes, sleeper) = (at, number);
                }
            }
            let next = due.min(wakes);
            if next > until || next == NEVER || self.happened > self.most_happenings(events) {
                break;
            }
            self.happened += 1;
            at_once = if next > self.clock { 0 } else { at_once + 1 };
            if at_once > MOST_AT_ONCE {
                return Err(Broken::HotLoop);
            }
            self.clock = self.clock.max(next);
            if wakes <= due {
                self.wake(sleeper)?;
            } else if let Some(Reverse(due)) = self.future.pop() {
                self.happen(due.what)?;
            }
        }
        if until != NEVER && self.summary.events < events {
            self.clock = self.clock.max(until);
        }
        Ok(())
    }

    /// What happens to the bus alone is no event; a world in which little else happens has an end too.
    const fn most_happenings(&self, events: u64) -> u64 {
        if self.healed {
            NEVER
        } else {
            events.saturating_mul(4)
        }
    }

    fn happen(&mut self, what: What) -> Result<(), Broken> {
        match what {
            What::Told {
                service,
                life,
                event,
            } => return self.tell(service, life, event),
            What::Retry { service, life, id } => self.retry(service, life, id),
            What::HalfTime { service, life, id } => self.half_time(service, life, id),
            What::Broker(broker) => self.broker(broker),
            What::Election(broker) => {
                if self.cluster.elect(broker, &mut self.rng) {
                    self.summary.note(Situation::Elected);
                    self.changed(true);
                }
            }
            What::Network => self.network(),
            What::Refusal => self.refusal(),
            What::Hint { service, more } => return self.hint(service, more),
            What::FalseHint => {
                let service = self.any_service();
                self.recur(self.rates.false_hints, What::FalseHint);
                let more = self.storm();
                return self.hint(service, more);
            }
            What::ClientLost => {
                self.recur(self.rates.client_lost, What::ClientLost);
                return self.lose_client();
            }
            What::Begin(service) => return self.begin(service),
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
        self.lives += 1;
        self.life = Some(Life::new(&self.config, now, nanos));
        self.lives
    }
}

/// More than ever happens at one instant.
const MOST_AT_ONCE: u32 = 10_000;

fn shortest_timeout(service: &Service) -> u64 {
    let s = service.config.settings();
    let timeouts = [
        s.start_timeout,
        s.registration_timeout,
        s.stop_timeout,
        s.suspicion_timeout,
        s.liveness_timeout,
        s.not_live_interval,
    ];
    let shortest = timeouts.into_iter().fold(Duration::MAX, Duration::min);
    u64::try_from(shortest.as_nanos()).unwrap_or(NEVER)
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl World {
    /// Whatever was yet to go wrong does not; answers under way arrive.
    pub(super) fn forget_faults(&mut self) {
        self.future.retain(|Reverse(due)| match due.what {
            What::Told { event, .. } => event != Event::Shutdown,
            What::Retry { .. }
            | What::HalfTime { .. }
            | What::Broker(_)
            | What::Election(_)
            | What::Network
            | What::Refusal
            | What::Hint { .. }
            | What::FalseHint
            | What::ClientLost
            | What::Begin(_) => false,
        });
    }
}
