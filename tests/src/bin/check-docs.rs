//! Runs every command and builds every snippet of the pages that instruct, in a fresh clone of the working commit.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use livebus_tests::apache_kafka::target_folder;
use livebus_tests::pages::{Checker, Checkout, Outcome, Page, Report};

/// Run every command and build every snippet of the documentation, as written, in a fresh clone of the working commit.
#[derive(Debug, Parser)]
struct Args {
    /// Check these pages only, like README.md.
    pages: Vec<String>,

    /// Build snippets with the newest versions that cargo finds, instead of those in Cargo.lock.
    #[arg(long)]
    newest: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if Checkout::is_behind(&repository)? {
        println!("note: there are changes that are not committed; the last commit is checked");
    }
    let checkout = Checkout::new(&repository)?;
    let clone = checkout.clone_path();
    let pages = if args.pages.is_empty() {
        checkout.pages()?
    } else {
        args.pages
    };
    let target = target_folder().join("check-docs");
    let mut checker = Checker::new(&clone, checkout.folder(), &target, args.newest)?;

    let mut reports: Vec<Report> = Vec::new();
    for path in &pages {
        checkout.clean()?;
        let text = fs::read_to_string(clone.join(path)).with_context(|| path.clone())?;
        let mut start = Instant::now();
        let report = checker.check(&Page::parse(path, &text)?, |line, outcome| {
            println!("{path}:{line}: {outcome} ({} s)", start.elapsed().as_secs());
            start = Instant::now();
        });
        reports.push(report);
    }
    println!("{}", summary(&reports));

    let failures: Vec<String> = reports.iter().flat_map(Report::failures).collect();
    for failure in &failures {
        eprintln!("\n{failure}");
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns the number of blocks for each outcome, and the reasons why some were not run.
fn summary(reports: &[Report]) -> String {
    let outcomes = || reports.iter().flat_map(|report| &report.outcomes);
    let count = |of: fn(&Outcome) -> bool| outcomes().filter(|(_, outcome)| of(outcome)).count();
    let not_run = |report: &Report| -> Vec<String> {
        let reason = |(line, outcome): &(usize, Outcome)| match outcome {
            Outcome::NotRun(reason) => Some(format!("\n  {}:{line}: {reason}", report.page)),
            Outcome::Ran | Outcome::Built | Outcome::RunByCi | Outcome::Failed(_) => None,
        };
        report.outcomes.iter().filter_map(reason).collect()
    };
    format!(
        "{} blocks on {} pages: {} ran, {} built, {} run by .ci/run, {} failed, {} not run{}",
        reports.iter().map(|report| report.fences).sum::<usize>(),
        reports.len(),
        count(|outcome| matches!(outcome, Outcome::Ran)),
        count(|outcome| matches!(outcome, Outcome::Built)),
        count(|outcome| matches!(outcome, Outcome::RunByCi)),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::NotRun(_))),
        reports.iter().flat_map(not_run).collect::<String>(),
    )
}
