//! Random numbers, where nothing depends on their quality.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Returns a random number, from the randomness of the standard library's hash maps.
pub(crate) fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}
