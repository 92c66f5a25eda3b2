//! What this process has.

use std::fs;

use anyhow::Context as _;

/// What this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    /// The memory that is resident.
    pub(crate) memory_kib: u64,
}

impl Usage {
    pub(crate) fn now() -> anyhow::Result<Self> {
        let entries = |folder: &str| fs::read_dir(folder).map(Iterator::count);
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(Self {
            threads: entries("/proc/self/task").context("/proc/self/task")?,
            descriptors: entries("/proc/self/fd").context("/proc/self/fd")?,
            memory_kib: number.context("no VmRSS")?.parse()?,
        })
    }
}
