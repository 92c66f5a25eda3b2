//! How often something goes wrong in a simulated group.

use crate::rng::Rng;

/// Rates per million steps, or per million occasions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) crashes: u64,
    pub(super) client_losses: u64,
    pub(super) losses: u64,
    pub(super) revocations: u64,
    pub(super) shutdowns: u64,
    pub(super) outages: u64,
    pub(super) removals: u64,
    pub(super) failures: u64,
    pub(super) failed_letters: u64,
    pub(super) failed_commits: u64,
    pub(super) failed_positions: u64,
    pub(super) pending: u64,
    pub(super) returns: u64,
    /// Whether runners wake up late.
    pub(super) wakes_late: bool,
    /// The longest step of time, in milliseconds.
    pub(super) step: u64,
}

impl Rates {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self {
            crashes: rng.rate(20_000),
            client_losses: rng.rate(20_000),
            losses: rng.rate(50_000),
            revocations: rng.rate(100_000),
            shutdowns: rng.rate(20_000),
            outages: rng.rate(50_000),
            removals: rng.rate(2_000),
            failures: rng.rate(500_000),
            failed_letters: rng.rate(500_000),
            failed_commits: rng.rate(500_000),
            failed_positions: rng.rate(500_000),
            pending: rng.rate(300_000),
            returns: rng.rate(300_000),
            wakes_late: rng.percent(30),
            step: rng.magnitude(1, 5_000),
        }
    }

    pub(super) const fn none() -> Self {
        Self {
            crashes: 0,
            client_losses: 0,
            losses: 0,
            revocations: 0,
            shutdowns: 0,
            outages: 0,
            removals: 0,
            failures: 0,
            failed_letters: 0,
            failed_commits: 0,
            failed_positions: 0,
            pending: 0,
            returns: 0,
            wakes_late: false,
            step: 5_000,
        }
    }
}
