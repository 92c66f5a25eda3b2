//! How long to wait before trying again: doubling, capped, with jitter from a seed.

use std::time::Duration;

/// A back-off. Part of [`Settings`](crate::Settings), and checked with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The delay after the first failure, and the shortest ever.
    pub first: Duration,
    /// The longest delay.
    pub max: Duration,
    /// By how much a delay may deviate, either way, in percent of it: 0 to 100. It never leaves `first..=max`.
    pub jitter_percent: u8,
}

impl Backoff {
    /// Always the same delay.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self {
            first: delay,
            max: delay,
            jitter_percent: 0,
        }
    }

    /// The delay after failure number `failures` in a row (from 1), without jitter.
    #[must_use]
    pub fn doubled(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }

    /// The longest delay after failure number `failures` in a row (from 1), with any jitter.
    pub(crate) fn longest(&self, failures: u32) -> Duration {
        let middle = self.doubled(failures);
        let stray = middle / 100 * u32::from(self.jitter_percent);
        middle.saturating_add(stray).min(self.max)
    }

    /// The delay after failure number `failures` in a row (from 1), with the next number of `jitter`.
    pub(crate) fn delay(&self, failures: u32, jitter: &mut Jitter) -> Duration {
        let middle = self.doubled(failures);
        let stray = middle / 100 * u32::from(self.jitter_percent);
        let low = middle.saturating_sub(stray).max(self.first);
        let high = middle.saturating_add(stray).min(self.max);
        low + high.saturating_sub(low) / 1024 * jitter.next_1024()
    }
}

/// A small generator of numbers (splitmix64): the same seed gives the same delays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number in `0..=1024`.
    fn next_1024(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % 1025) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(500),
        max: Duration::from_secs(30),
        jitter_percent: 20,
    };

    #[test]
    fn without_jitter_it_doubles_up_to_the_cap() {
        let seconds: Vec<f64> = (1..=9).map(|n| BACKOFF.doubled(n).as_secs_f64()).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
        assert_eq!(BACKOFF.doubled(u32::MAX), BACKOFF.max);
    }

    #[test]
    fn jitter_strays_both_ways_and_stays_inside() {
        let mut jitter = Jitter::new(7);
        let delays: Vec<Duration> = (0..1_000).map(|_| BACKOFF.delay(3, &mut jitter)).collect();
        let (low, high) = (Duration::from_millis(1_600), Duration::from_millis(2_400));
        assert!(delays.iter().all(|d| (low..=high).contains(d)));
        assert!(delays.iter().any(|d| *d < Duration::from_millis(1_700)));
        assert!(delays.iter().any(|d| *d > Duration::from_millis(2_300)));
    }

    /// The first numbers of splitmix64 for this seed, as its authors' own program gives them.
    #[test]
    fn the_generator_is_splitmix64() {
        const FIRST: [u64; 5] = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        let mut jitter = Jitter::new(1_234_567);
        for number in FIRST {
            assert_eq!(u64::from(jitter.next_1024()), number % 1_025);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| {
            let mut jitter = Jitter::new(seed);
            (1..20)
                .map(|n| BACKOFF.delay(n, &mut jitter))
                .collect::<Vec<_>>()
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }
}
