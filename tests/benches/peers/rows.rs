//! What is compared, and how it is printed.

use clap::ValueEnum;

use crate::turn::Turn;

/// The name of the request handler among the consumers.
pub(crate) const LIVEBUS: &str = "livebus";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// 100 bytes each, a function that does nothing, positions committed each 100 ms.
    Throughput,
    /// 1,000 keys, a function of 0 to 5 ms, 100 at once, the records of a key in their order.
    Keys,
    /// 10,000 bytes each, a function of 1 ms, one at a time.
    Slow,
}

impl Row {
    pub(crate) const ALL: [Self; 3] = [Self::Throughput, Self::Keys, Self::Slow];

    /// Returns the argument of the consumers, which is the name of the topic too.
    pub(crate) const fn topic(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Keys => "keys",
            Self::Slow => "slow",
        }
    }

    pub(crate) const fn records(self, throughput: u64) -> u64 {
        match self {
            Self::Throughput => throughput,
            Self::Keys | Self::Slow => 10_000,
        }
    }

    /// Returns how many of the records a consumer handles.
    pub(crate) fn records_of(self, name: &str, records: u64) -> u64 {
        match self {
            // It has a task and an entry in a queue for each record, and takes a hundred times as long.
            Self::Throughput if name == "parallel-consumer" => (records / 100).max(1),
            Self::Throughput | Self::Keys | Self::Slow => records,
        }
    }

    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Throughput | Self::Keys => 100,
            Self::Slow => 10_000,
        }
    }

    /// Returns how many calls of the function are in flight at most.
    pub(crate) const fn calls(self) -> u32 {
        match self {
            Self::Slow => 1,
            Self::Throughput => 16,
            Self::Keys => 100,
        }
    }

    pub(crate) const fn counts_bytes(self) -> bool {
        matches!(self, Self::Slow)
    }

    /// Returns the milliseconds of the function for a record.
    pub(crate) fn millis(self, offset: i64) -> u64 {
        match self {
            Self::Throughput => 0,
            Self::Keys => offset.unsigned_abs() % 6,
            Self::Slow => 1,
        }
    }
}

/// Prints a table: the medians, and the ratio of the request handler to each consumer, of the same rounds.
pub(crate) fn print(row: Row, records: u64, names: &[&str], turns: &[Vec<Turn>]) {
    let Some(ours) = names.iter().position(|name| *name == LIVEBUS) else {
        return;
    };
    println!("\n{}, {records} records\n", row.topic());
    println!(
        "| consumer | n | records/s | livebus to it: median (min to max) | CPU ns/record | bytes fetched / handled | memory MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, own) in names.iter().zip(turns) {
        let ratios = own
            .iter()
            .zip(&turns[ours])
            .map(|(peer, livebus)| livebus.rate() / peer.rate());
        let ratios = sorted(ratios);
        let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
            continue;
        };
        let fetched = if row.counts_bytes() {
            let of = own.iter().map(|it| it.fetched_of_handled(row.bytes()));
            format!("{:.3}", median(&sorted(of)))
        } else {
            "-".to_owned()
        };
        println!(
            "| {name} | {} | {:.0} | {:.3} ({least:.3} to {most:.3}) | {:.0} | {fetched} | {:.1} |",
            own.len(),
            median(&sorted(own.iter().map(Turn::rate))),
            median(&ratios),
            median(&sorted(own.iter().map(Turn::cpu_nanos))),
            median(&sorted(own.iter().map(|it| it.memory_mib))),
        );
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
