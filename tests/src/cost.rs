//! Measures the cost of a running process with the counters of Linux.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Measures the cost of a process from now on. Call [`sample`](Self::sample) now and then: the work of a thread between the last
/// sample and its end is lost.
#[derive(Debug)]
pub struct Cost {
    process: u32,
    began: Instant,
    threads: HashMap<String, Thread>,
    sampled: bool,
    memory: f64,
    max_threads: usize,
}

/// The counts in the first sample of the thread (zero for one that started after the beginning), and in the last.
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
    /// Starts to count.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn new(process: u32) -> anyhow::Result<Self> {
        let mut cost = Self {
            process,
            began: Instant::now(),
            threads: HashMap::new(),
            sampled: false,
            memory: 0.0,
            max_threads: 0,
        };
        cost.sample()?;
        Ok(cost)
    }

    /// Reads the counters of every thread.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn sample(&mut self) -> anyhow::Result<()> {
        let folder = format!("/proc/{}", self.process);
        let mut threads = 0;
        for thread in fs::read_dir(format!("{folder}/task"))? {
            let thread = thread?;
            // A thread may end while this reads its counters.
            let Some(last) = counts(&thread.path()) else {
                continue;
            };
            threads += 1;
            let first = if self.sampled {
                Counts::default()
            } else {
                last
            };
            let name = thread.file_name().to_string_lossy().into_owned();
            let thread = self.threads.entry(name).or_insert(Thread { first, last });
            thread.last = last;
        }
        self.sampled = true;
        self.max_threads = self.max_threads.max(threads);
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let kib: u32 = field(&status, "VmRSS:").context("no VmRSS")?;
        self.memory = self.memory.max(f64::from(kib) / 1_024.0);
        Ok(())
    }

    /// Returns the CPU time per second since the beginning, in milliseconds.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        let nanos = self.threads.values().map(|t| t.last.nanos - t.first.nanos);
        let cpu = Duration::from_nanos(nanos.sum()).as_secs_f64();
        cpu * 1_000.0 / self.began.elapsed().as_secs_f64()
    }

    /// Returns how often a sleeping thread was woken, per minute since the beginning.
    #[must_use]
    pub fn wakes(&self) -> f64 {
        let wakes = self.threads.values().map(|t| t.last.wakes - t.first.wakes);
        let wakes = u32::try_from(wakes.sum::<u64>()).unwrap_or(u32::MAX);
        f64::from(wakes) * 60.0 / self.began.elapsed().as_secs_f64()
    }

    /// Returns the maximum of the resident memory, in MiB.
    #[must_use]
    pub const fn memory(&self) -> f64 {
        self.memory
    }

    /// Returns the maximum number of threads at one time.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.max_threads
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

/// Returns the number after `name`, in a text whose lines begin with names.
fn field<T: std::str::FromStr>(status: &str, name: &str) -> Option<T> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
