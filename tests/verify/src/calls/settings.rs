//! Random settings of a client, for the simulation and the comparison with the reference model.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::calls::{Config, Identity, Limits, Settings};

use crate::rng::Rng;

/// Who calls in every check. There are earlier and later epochs, and other instances.
pub const IDENTITY: Identity = Identity {
    instance: 7,
    epoch: 5,
};

/// Returns whom a random reply is for: in three of `of` cases another instance, an earlier epoch, or a later one.
pub(super) fn identity(rng: &mut Rng, of: u64) -> Identity {
    match rng.below(of) {
        0 => Identity {
            instance: 8,
            ..IDENTITY
        },
        1 => Identity {
            epoch: 4,
            ..IDENTITY
        },
        2 => Identity {
            epoch: 6,
            ..IDENTITY
        },
        _ => IDENTITY,
    }
}

/// Returns random settings with small limits, so that each of them is reached.
///
/// # Panics
///
/// Never: the settings are made to be valid.
#[must_use]
pub fn random_config(rng: &mut Rng) -> Config {
    let millis = |rng: &mut Rng, max| Duration::from_millis(rng.between(1, max));
    let backoff = |rng: &mut Rng| {
        let first = millis(rng, 300);
        Backoff {
            first,
            max: first + Duration::from_millis(rng.below(2_000)),
            jitter_percent: rng.pick(&[0, 20, 100]),
        }
    };
    let call_bytes = u32::try_from(rng.between(5, 20)).unwrap_or(20);
    let settings = Settings {
        limits: Limits {
            calls: u32::try_from(rng.between(1, 6)).unwrap_or(6),
            bytes: u64::from(call_bytes) + rng.below(40),
            call_bytes,
            remembered: u32::try_from(rng.between(1, 4)).unwrap_or(4),
        },
        assign_timeout: millis(rng, 1_000),
        assign_backoff: backoff(rng),
        attempts: u32::try_from(rng.between(1, 4)).unwrap_or(4),
        attempt_timeout: millis(rng, 500),
        retry_backoff: backoff(rng),
        overload_hint: millis(rng, 1_000),
        drain: Duration::from_millis(rng.below(1_000)),
        seed: rng.next_u64(),
    };
    Config::new(settings).expect("these settings are valid")
}
