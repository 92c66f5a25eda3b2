//! What a process costs while it runs, as Linux counts it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Counts what a process costs from now on. It must be [looked](Self::look) at now and then: what a thread does after the last
/// look before its end is lost.
#[derive(Debug)]
pub struct Cost {
    process: u32,
    began: Instant,
    threads: HashMap<String, Thread>,
    looked: bool,
    memory: f64,
    most_threads: usize,
}

/// The counts when the thread was seen first (for one that is newer than the beginning: zero), and when it was seen last.
#[derive(Debug, Clone, Copy)]
struct Thread {
    first: Counts,
    last: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    nanos: u64,
    wakes: u64,
}

impl Cost {
    /// Begins to count.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn new(process: u32) -> anyhow::Result<Self> {
        let mut cost = Self {
            process,
            began: Instant::now(),
            threads: HashMap::new(),
            looked: false,
            memory: 0.0,
            most_threads: 0,
        };
        cost.look()?;
        Ok(cost)
    }

    /// Looks at every thread.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn look(&mut self) -> anyhow::Result<()> {
        let folder = format!("/proc/{}", self.process);
        let mut threads = 0;
        for thread in fs::read_dir(format!("{folder}/task"))? {
            let thread = thread?;
            // A thread may end in between.
            let Some(last) = counts(&thread.path()) else {
                continue;
            };
            threads += 1;
            let first = if self.looked { Counts::default() } else { last };
            let name = thread.file_name().to_string_lossy().into_owned();
            let thread = self.threads.entry(name).or_insert(Thread { first, last });
            thread.last = last;
        }
        self.looked = true;
        self.most_threads = self.most_threads.max(threads);
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let kib: u32 = field(&status, "VmRSS:").context("no VmRSS")?;
        self.memory = self.memory.max(f64::from(kib) / 1_024.0);
        Ok(())
    }

    /// Milliseconds on a processor, for each second since the beginning.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        let nanos = self.threads.values().map(|t| t.last.nanos - t.first.nanos);
        let cpu = Duration::from_nanos(nanos.sum()).as_secs_f64();
        cpu * 1_000.0 / self.began.elapsed().as_secs_f64()
    }

    /// How often a thread that had gone to sleep was woken, for each minute since the beginning.
    #[must_use]
    pub fn wakes(&self) -> f64 {
        let wakes = self.threads.values().map(|t| t.last.wakes - t.first.wakes);
        let wakes = u32::try_from(wakes.sum::<u64>()).unwrap_or(u32::MAX);
        f64::from(wakes) * 60.0 / self.began.elapsed().as_secs_f64()
    }

    /// The most memory that was seen resident, in MiB.
    #[must_use]
    pub const fn memory(&self) -> f64 {
        self.memory
    }

    /// The most threads that were seen at once.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.most_threads
    }
}

fn counts(thread: &Path) -> Option<Counts> {
    let ran = fs::read_to_string(thread.join("schedstat")).ok()?;
    let status = fs::read_to_string(thread.join("status")).ok()?;
    Some(Counts {
        nanos: ran.split(' ').next()?.parse().ok()?,
        wakes: field(&status, "voluntary_ctxt_switches:")?,
    })
}

/// The number behind `name`, in a text of lines that begin with names.
fn field<T: std::str::FromStr>(status: &str, name: &str) -> Option<T> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
