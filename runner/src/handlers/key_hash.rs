//! The hash of a key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Hashes the key of a record or of a request. It is the same in each process, so a recording can have it.
pub(crate) fn hash_of_key(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
