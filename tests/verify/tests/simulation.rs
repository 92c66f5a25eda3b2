//! Whole worlds in virtual time. When a seed fails, the failure says how to play it again.

use std::thread;

use livebus_core::{Phase, Status};
use livebus_verify::simulation::{
    ACTIONS, EVENTS, EVENTS_PER_SEED, Seeds, Situation, simulate, simulate_many,
};

/// As many seeds as have a hundred million events.
const SEEDS: u64 = 9_700;

#[test]
fn nothing_breaks_a_claim_and_all_comes_right_in_a_hundred_million_events() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let played = simulate_many(0, Seeds::Count(SEEDS), threads, &|_| {});
    let seen = played.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{seen}");
    assert!(seen.events >= 100_000_000, "{} events", seen.events);
    assert_eq!(seen.seeds, SEEDS);

    let kinds = seen.kinds();
    for (name, count) in EVENTS
        .iter()
        .zip(kinds)
        .chain(ACTIONS.iter().zip(seen.actions))
    {
        assert!(count > 100_000, "{name}: {count}");
    }
    for (status, count) in Status::ALL.iter().zip(seen.statuses) {
        // The first two are over before the first event.
        let early = matches!(status, Status::Unknown | Status::Preparing);
        assert!(early || count > 100_000, "{status}: {count}");
    }
    for (phase, row) in Phase::ALL.iter().zip(seen.pairs) {
        assert!(row.iter().sum::<u64>() > 5_000, "{phase}: {row:?}");
        if *phase == Phase::Stopped {
            // The runner ends with the step that stops it; only what it had read already is told.
            continue;
        }
        for (event, count) in EVENTS.iter().zip(row) {
            assert!(count > 50, "{event} in {phase}: {count}");
        }
    }
    for situation in Situation::ALL {
        let once_a_seed = [
            Situation::Converged,
            Situation::Detected,
            Situation::Stopped,
        ];
        let least = if once_a_seed.contains(situation) {
            SEEDS
        } else if *situation == Situation::StayedFailed {
            20
        } else {
            10_000
        };
        let (name, count) = (situation.name(), seen.count(*situation));
        assert!(count >= least, "{name}: {count}");
    }

    // The bounds are met, and they are not wide: something came near each.
    for (name, against) in [
        ("detection", seen.detection),
        ("death", seen.death),
        ("shutdown", seen.shutdown),
    ] {
        assert!(against.count >= SEEDS, "{name} {against}");
        assert!((900..=1000).contains(&against.most), "{name} {against}");
    }
    assert!(
        (400..=1000).contains(&seen.recovery.most),
        "{}",
        seen.recovery
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in [1, 2, 3, 1 << 40, u64::MAX] {
        let play = || simulate(seed, EVENTS_PER_SEED).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(play(), play());
        let other =
            simulate(seed ^ 0x100, EVENTS_PER_SEED).unwrap_or_else(|failure| panic!("{failure}"));
        assert_ne!(play().digest, other.digest);
    }
}

#[test]
fn the_threads_do_not_change_what_is_seen() {
    let play = |threads| {
        let played = simulate_many(1_000_000, Seeds::Count(20), threads, &|_| {});
        played.unwrap_or_else(|failure| panic!("{failure}"))
    };
    assert_eq!(play(1), play(2));
}
