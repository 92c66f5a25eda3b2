//! The memory of batches: where the parts of their records are, and how it is used again.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// Memory for batches. It keeps some of what batches have given back: memory that the allocator returned to the system has to be cleared
/// by the system before it is used again, which takes as long as copying the records into it. Clones share the memory.
#[derive(Clone, Default)]
pub struct BatchMemory(Arc<Mutex<Vec<Parts>>>);

/// The memory of a batch.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) arena: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) headers: Vec<HeaderEntry>,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Slice>,
    pub(crate) payload: Option<Slice>,
    pub(crate) first_header: u32,
    pub(crate) headers: u32,
}

/// Bytes of the arena.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderEntry {
    pub(crate) name: Slice,
    pub(crate) value: Option<Slice>,
}

impl BatchMemory {
    /// How many batches' memory is kept.
    const MAX_KEPT: usize = 8;

    /// The most bytes of one that is kept. Only records that are larger than usual need more.
    const MAX_BYTES: usize = 1 << 20;

    /// Returns empty parts.
    pub(crate) fn take(&self) -> Parts {
        lock(&self.0).pop().unwrap_or_default()
    }

    /// Takes the memory of a batch that is dropped.
    pub(crate) fn give_back(&self, mut parts: Parts) {
        parts.arena.clear();
        parts.entries.clear();
        parts.headers.clear();
        let mut kept = lock(&self.0);
        if parts.arena.capacity() <= Self::MAX_BYTES && kept.len() < Self::MAX_KEPT {
            kept.push(parts);
        }
    }
}

impl fmt::Debug for BatchMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = lock(&self.0).len();
        f.debug_struct("BatchMemory")
            .field("kept", &kept)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(memory: &BatchMemory, bytes: usize) -> Parts {
        let mut parts = memory.take();
        parts.arena.resize(bytes, 1);
        parts
    }

    fn kept(memory: &BatchMemory) -> usize {
        lock(&memory.0).len()
    }

    #[test]
    fn memory_that_is_given_back_is_used_again_and_holds_nothing() {
        let memory = BatchMemory::default();
        memory.give_back(filled(&memory, 1_000));
        assert_eq!(kept(&memory), 1);
        let again = memory.take();
        assert!(again.arena.is_empty() && again.arena.capacity() >= 1_000);
        assert_eq!(kept(&memory), 0);
    }

    #[test]
    fn kept_memory_is_bounded() {
        let memory = BatchMemory::default();
        memory.give_back(filled(&memory, BatchMemory::MAX_BYTES + 1));
        assert_eq!(kept(&memory), 0);
        let many: Vec<_> = (0..20).map(|_| filled(&memory, 10)).collect();
        for parts in many {
            memory.give_back(parts);
        }
        assert_eq!(kept(&memory), BatchMemory::MAX_KEPT);
    }
}
