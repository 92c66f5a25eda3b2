//! Chance: a small generator of numbers, whole numbers only, so that a seed means the same everywhere.

/// splitmix64.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

/// One in a million.
pub(super) const MILLION: u64 = 1_000_000;

impl Random {
    /// The generator of this seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        // Seeds that are neighbours shall not have anything in common.
        random.0 = random.number() ^ seed.rotate_left(32);
        random
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `most`, 0 if there is none.
    pub(super) fn below(&mut self, most: u64) -> u64 {
        let wide = u128::from(self.number()) * u128::from(most);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `least` to `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// Something that happens so many times in a million.
    pub(super) fn chance(&mut self, in_a_million: u64) -> bool {
        in_a_million > 0 && self.below(MILLION) < in_a_million
    }

    /// One of them.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    /// A time whose mean is this or a little more: mostly up to twice as long, sometimes much longer.
    pub(super) fn around(&mut self, mean: u64) -> u64 {
        let most = if self.below(16) == 0 {
            mean * 6
        } else {
            mean * 2
        };
        1 + self.below(most)
    }

    /// From `least` to `most`, each order of magnitude as likely as another.
    pub(super) fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        let bits = |it: u64| u64::from(it.max(1).ilog2());
        let low = 1_u64 << self.between(bits(least), bits(most));
        self.between(low, low * 2).clamp(least, most)
    }

    /// A rate, in a million: none at all for every second one.
    pub(super) fn rate(&mut self, most: u64) -> u64 {
        if self.below(2) == 0 {
            0
        } else {
            self.magnitude(most.min(500), most)
        }
    }
}
