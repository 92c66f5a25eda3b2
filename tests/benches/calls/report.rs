//! How the figures are printed.

use std::time::Duration;

use crate::calls::Load;
use crate::services::BARE;
use crate::turn::{Figures, Turn};

/// Prints a table: the medians of all turns, and the ratio of the median round trip to that of rdkafka alone, of the same turns.
#[expect(clippy::cast_precision_loss, reason = "figures to print")]
pub(crate) fn print(load: Load, index: usize, names: &[&str], turns: &[Vec<Turn>]) {
    let Some(bare) = names.iter().position(|name| *name == BARE) else {
        return;
    };
    println!("\n{} at once, {} calls\n", load.at_once, load.calls);
    println!(
        "| pair | n | p50 us | p50 to {BARE}: median (min to max) | p99 us | calls/s | CPU us/call |"
    );
    println!("|---|---|---|---|---|---|---|");
    let of_turns = |of: &[Turn]| of.iter().map(|turn| turn[index]).collect::<Vec<Figures>>();
    let of_bare = of_turns(&turns[bare]);
    for (name, own) in names.iter().zip(turns) {
        let own = of_turns(own);
        let all = |figure: &dyn Fn(&Figures) -> f64| median(&sorted(own.iter().map(figure)));
        let ratios = own.iter().zip(&of_bare).map(|(pair, bare)| {
            pair.measured.median.as_secs_f64() / bare.measured.median.as_secs_f64()
        });
        let ratios = sorted(ratios);
        let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
            continue;
        };
        println!(
            "| {name} | {} | {:.0} | {:.2} ({least:.2} to {most:.2}) | {:.0} | {:.0} | {:.1} |",
            own.len(),
            all(&|it| micros(it.measured.median)),
            median(&ratios),
            all(&|it| micros(it.measured.p99)),
            all(&|it| load.calls as f64 / it.measured.wall.as_secs_f64()),
            all(&|it| micros(it.cpu) / load.calls as f64),
        );
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
