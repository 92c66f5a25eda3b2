//! The rates of faults. They are drawn per seed, so some seeds have few faults, some very many, and some only one kind.

use crate::rng::{MILLION, Rng};

/// Rates per million, and mean times in nanoseconds; a mean of zero is never.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates {
    /// The usual time to an answer.
    pub(super) latency: u64,
    /// The usual time to an answer of a slow broker.
    pub(super) slow: u64,

    pub(super) lost: u64,
    pub(super) failing: u64,
    pub(super) late: u64,
    /// An answer at the deadline, or a nanosecond before or after it.
    pub(super) at_deadline: u64,
    pub(super) duplicated: u64,
    /// An answer to an operation that is not in flight, or never was.
    pub(super) unknown_answers: u64,
    /// A refused connection ends a round at once.
    pub(super) fails_fast: u64,

    pub(super) start_fails: u64,
    pub(super) start_hangs: u64,
    pub(super) registration_fails: u64,
    pub(super) registration_hangs: u64,
    pub(super) stop_hangs: u64,
    /// A registered handler reports that it fails, or that it works.
    pub(super) handler_reports: u64,

    pub(super) broker_up: u64,
    pub(super) broker_down: u64,
    pub(super) election: u64,
    /// From the failure of a broker until it counts no longer as in sync.
    pub(super) shrink: u64,
    pub(super) network_open: u64,
    pub(super) network_broken: u64,
    pub(super) no_refusal: u64,
    pub(super) refusal: u64,

    /// The failure of a broker leads to a suspicion.
    pub(super) suspicions: u64,
    pub(super) false_suspicions: u64,
    /// A suspicion is the first of very many.
    pub(super) storm: u64,
    pub(super) client_lost: u64,

    /// From one piece of evidence of ordinary traffic to the next.
    pub(super) traffic: u64,
    pub(super) old_evidence: u64,

    pub(super) timer_late: u64,
    pub(super) sleeps: u64,
    pub(super) sleep: u64,
    pub(super) clock_back: u64,
    pub(super) wakes_early: u64,

    /// The time from the start of a service to its shutdown.
    pub(super) lifetime: u64,
}

impl Rates {
    /// Draws rates for services whose detection bound is `bound`, and whose minimum timeout is `timeout`.
    pub(super) fn draw(rng: &mut Rng, bound: u64, timeout: u64) -> Self {
        let intensity = match rng.below(8) {
            0 => 0,
            1..=4 => 1,
            5 | 6 => 3,
            _ => 10,
        };
        let mut rate = |max: u64| rng.rate(max * intensity).min(MILLION * 9 / 10);
        let mut rates = Self {
            lost: rate(60_000),
            failing: rate(40_000),
            late: rate(60_000),
            at_deadline: rate(40_000),
            duplicated: rate(60_000),
            unknown_answers: rate(20_000),
            fails_fast: rate(300_000),
            start_fails: rate(80_000),
            start_hangs: rate(80_000),
            registration_fails: rate(80_000),
            registration_hangs: rate(80_000),
            stop_hangs: rate(90_000),
            suspicions: rate(300_000),
            storm: rate(20_000),
            old_evidence: rate(30_000),
            timer_late: rate(20_000),
            sleeps: rate(4_000),
            clock_back: rate(20_000),
            wakes_early: rate(20_000),
            ..Self::default()
        };
        let mut mean = |min: u64, max: u64| {
            if rng.below(3) == 0 {
                0
            } else {
                rng.magnitude(min, max)
            }
        };
        rates.broker_up = mean(bound, bound * 64 / intensity.max(1));
        rates.network_open = mean(bound, bound * 64 / intensity.max(1));
        rates.no_refusal = mean(bound * 4, bound * 128 / intensity.max(1));
        rates.false_suspicions = mean(bound / 4, bound * 64);
        rates.client_lost = mean(bound * 8, bound * 256);
        rates.traffic = mean(timeout / 64, bound * 8);
        rates.lifetime = mean(bound * 4, bound * 256);
        if intensity == 0 {
            (rates.network_open, rates.no_refusal) = (0, 0);
        }
        rates.broker_down = rng.magnitude(bound / 8, bound * 6);
        rates.network_broken = rng.magnitude(bound / 8, bound * 6);
        rates.refusal = rng.magnitude(bound / 8, bound * 2);
        rates.election = rng.magnitude(bound / 8, bound * 2);
        rates.shrink = rng.magnitude(bound / 8, bound * 2);
        rates.sleep = rng.magnitude(bound / 16, bound * 4);
        rates.latency = (timeout / rng.pick(&[8, 16, 64, 512])).max(1);
        rates.slow = timeout * rng.pick(&[1, 1, 2]);
        rates
    }

    /// Ends all faults. Answers come in time; ordinary traffic goes on.
    pub(super) fn end(&mut self, timeout: u64) {
        *self = Self {
            latency: (timeout / 16).max(1).min(self.latency),
            traffic: self.traffic,
            ..Self::default()
        };
    }
}
