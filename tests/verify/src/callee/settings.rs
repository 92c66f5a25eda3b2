//! Random settings of a callee.

use std::time::Duration;

use livebus_core::calls::{CallId, CalleeConfig, CalleeSettings, Correlation};

use crate::calls::settings::IDENTITY;
use crate::rng::Rng;

/// Returns random settings with small limits, so that each of them is reached.
pub(super) fn random_config(rng: &mut Rng) -> CalleeConfig {
    let number = |rng: &mut Rng, min, max| u32::try_from(rng.between(min, max)).unwrap_or(1);
    let settings = CalleeSettings {
        tolerance: Duration::from_millis(rng.below(50)),
        old_replies: number(rng, 0, 4),
        at_most_once: rng.percent(40),
        max_duplicates: number(rng, 1, 8),
    };
    CalleeConfig::new(settings).expect("these settings are valid")
}

/// Returns what the attempts of a call carry.
pub(super) const fn correlation(call: u64) -> Correlation {
    Correlation {
        from: IDENTITY,
        call: CallId(call),
    }
}
