//! The bytes of a fuzzer, read one after another. After the last one, zeroes are read.

use std::time::Duration;

pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(self.0.len().min(N));
        self.0 = rest;
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(super) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Takes the next `length` bytes, or fewer if fewer are left.
    pub(super) fn part(&mut self, length: usize) -> Bytes<'a> {
        let (part, rest) = self.0.split_at(self.0.len().min(length));
        self.0 = rest;
        Bytes(part)
    }

    /// Takes the next `length` bytes as they are, or fewer if fewer are left.
    pub(super) fn slice(&mut self, length: usize) -> &'a [u8] {
        self.part(length).0
    }

    /// Reads a duration, from zero and nanoseconds to 584 years: a number of 16 bits, and the number of bits to shift it by.
    pub(super) fn duration(&mut self) -> Duration {
        let shift = self.byte() % 49;
        Duration::from_nanos(u64::from(self.u16()) << shift)
    }

    /// Reads a choice; zero is the first one.
    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[usize::from(self.byte()) % N]
    }
}

/// Returns `share` 65,536ths of a duration.
pub(super) fn share(of: Duration, share: u16) -> Duration {
    of / 65_536 * u32::from(share)
}
