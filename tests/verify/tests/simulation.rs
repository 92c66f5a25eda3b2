//! Simulates supervisors with their environment. The message of a failure has the command that repeats its seed.

use std::thread;

use livebus_core::{Phase, Status};
use livebus_verify::simulation::{
    ACTIONS, EVENTS, EVENTS_PER_SEED, Seeds, Situation, simulate, simulate_many,
};

/// The number of seeds that it takes for a hundred million events.
const SEEDS: u64 = 9_700;

#[test]
fn hundred_million_events_break_no_claim_and_every_service_recovers() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let result = simulate_many(0, Seeds::Count(SEEDS), threads, &|_| {});
    let found = result.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{found}");
    assert!(found.events >= 100_000_000, "{} events", found.events);
    assert_eq!(found.seeds, SEEDS);

    let kinds = found.kinds();
    for (name, count) in EVENTS
        .iter()
        .zip(kinds)
        .chain(ACTIONS.iter().zip(found.actions))
    {
        assert!(count > 100_000, "{name}: {count}");
    }
    for (status, count) in Status::ALL.iter().zip(found.statuses) {
        // The first two are over before the first event.
        let early = matches!(status, Status::Unknown | Status::Preparing);
        assert!(early || count > 100_000, "{status}: {count}");
    }
    for (phase, row) in Phase::ALL.iter().zip(found.pairs) {
        assert!(row.iter().sum::<u64>() > 5_000, "{phase}: {row:?}");
        if *phase == Phase::Stopped {
            // The runner ends with the step that stops the supervisor; only events that it had already read come after that.
            continue;
        }
        for (event, count) in EVENTS.iter().zip(row) {
            assert!(count > 50, "{event} in {phase}: {count}");
        }
    }
    for situation in Situation::ALL {
        let once_a_seed = [
            Situation::Converged,
            Situation::OutageDetected,
            Situation::Stopped,
        ];
        let min = if once_a_seed.contains(situation) {
            SEEDS
        } else if *situation == Situation::StayedFailed {
            20
        } else if *situation == Situation::ServedWithoutOne {
            SEEDS / 20
        } else {
            10_000
        };
        let (name, count) = (situation.name(), found.count(*situation));
        assert!(count >= min, "{name}: {count}");
    }

    // Every bound holds, and none is loose: some duration came near each.
    for (name, shares) in [
        ("detection", found.detection),
        ("outage", found.outage),
        ("shutdown", found.shutdown),
    ] {
        assert!(shares.count >= SEEDS, "{name} {shares}");
        assert!((900..=1000).contains(&shares.max), "{name} {shares}");
    }
    assert!(
        (400..=1000).contains(&found.recovery.max),
        "{}",
        found.recovery
    );
}

#[test]
fn same_seed_gives_the_same_summary() {
    for seed in [1, 2, 3, 1 << 40, u64::MAX] {
        let run = || simulate(seed, EVENTS_PER_SEED).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(run(), run());
        let other =
            simulate(seed ^ 0x100, EVENTS_PER_SEED).unwrap_or_else(|failure| panic!("{failure}"));
        assert_ne!(run().digest, other.digest);
    }
}

#[test]
fn number_of_threads_does_not_change_the_summary() {
    let run = |threads| {
        let result = simulate_many(1_000_000, Seeds::Count(20), threads, &|_| {});
        result.unwrap_or_else(|failure| panic!("{failure}"))
    };
    assert_eq!(run(1), run(2));
}
