//! The one generator of random numbers of this crate. It works on whole numbers only, so a seed gives the same numbers everywhere.

/// A splitmix64 generator.
#[derive(Debug, Clone)]
pub struct Rng(u64);

/// One million.
pub const MILLION: u64 = 1_000_000;

impl Rng {
    /// Returns the generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed);
        // The sequences of neighbouring seeds have nothing in common.
        rng.0 = rng.next_u64() ^ seed.rotate_left(32);
        rng
    }

    /// Returns the generator of one case of a seed. The sequences of two cases have nothing in common.
    #[must_use]
    pub fn of_case(seed: u64, case: u64) -> Self {
        let mut rng = Self(seed ^ 0x6c69_7665_6275_7321);
        let salt = rng.next_u64();
        let mut rng = Self(salt ^ case.wrapping_mul(0xd134_2543_de82_ef95));
        rng.next_u64();
        rng
    }

    /// Returns any number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number less than `bound`, or 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Returns a number from `min` to `max`, both included.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// Returns true this many times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns true this many times in a million. Draws no number if that is never.
    pub fn per_million(&mut self, times: u64) -> bool {
        times > 0 && self.below(MILLION) < times
    }

    /// Returns one of the elements of a slice, which must not be empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    /// Returns a time with about this mean: mostly up to twice as long, sometimes up to six times.
    pub fn around(&mut self, mean: u64) -> u64 {
        let max = if self.below(16) == 0 {
            mean * 6
        } else {
            mean * 2
        };
        1 + self.below(max)
    }

    /// Returns a number from `min` to `max`; each order of magnitude is as likely as another.
    pub fn magnitude(&mut self, min: u64, max: u64) -> u64 {
        let bits = |it: u64| u64::from(it.max(1).ilog2());
        let low = 1_u64 << self.between(bits(min), bits(max));
        self.between(low, low * 2).clamp(min, max)
    }

    /// Returns a rate per million. Every second rate is zero.
    pub fn rate(&mut self, max: u64) -> u64 {
        if self.below(2) == 0 {
            0
        } else {
            self.magnitude(max.min(500), max)
        }
    }
}
