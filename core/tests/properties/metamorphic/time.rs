//! The same run at another time, with split waits, and with spurious wake-ups.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Failure, FailureClass, Settings, Status, Supervisor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::replay::{Pair, Translation, deliver, poll_all, replay};
use crate::script::{Script, any_script, thousandths};
use crate::simulation::{Entry, ORIGIN, Simulation};

/// A run that is `shift` later, or earlier, is the same run.
///
/// Exactly: the same actions and reports with every instant moved by `shift`, `poll_timeout` moved by `shift`, and the same
/// words in a snapshot whose epoch is moved by `shift`.
fn shift_moves_everything(script: &Script, shift: Shift) -> Result<(), TestCaseError> {
    let origin = shift.from(*ORIGIN);
    let mut pair = Pair {
        original: Supervisor::new(script.config.clone(), *ORIGIN),
        counterpart: Supervisor::new(script.config.clone(), origin),
        translation: Translation {
            from: *ORIGIN,
            to: origin,
            ids: [].into(),
            unknown_offset: 0,
        },
    };
    let identical = |action| action;
    pair.poll_and_compare(&identical)?;
    for entry in &Simulation::run(script).log[1..] {
        pair.deliver(entry.called_at, entry.input, &identical)?;
    }
    prop_assert_eq!(
        pair.original.snapshot(*ORIGIN),
        pair.counterpart.snapshot(origin)
    );
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Shift {
    Later(Duration),
    Earlier(Duration),
}

impl Shift {
    fn from(self, at: Instant) -> Instant {
        match self {
            Self::Later(by) => at + by,
            Self::Earlier(by) => at
                .checked_sub(by)
                .expect("the clock has this much time before the origin"),
        }
    }
}

fn any_shift() -> impl Strategy<Value = Shift> {
    let nanos = u64::try_from(Config::MAX_DURATION.as_nanos()).expect("a year fits");
    let by = (0..=nanos).prop_map(Duration::from_nanos);
    prop_oneof![
        by.clone().prop_map(Shift::Later),
        by.prop_map(Shift::Earlier),
        Just(Shift::Later(Config::MAX_DURATION * 10)),
        Just(Shift::Earlier(Duration::from_nanos(1))),
    ]
}

/// A wait may be split where nothing is due.
///
/// Exactly: `handle_timeout` at any instants, in any order, each before `poll_timeout` and none after the newest instant of
/// the call that follows, leaves an equal supervisor in the end.
///
/// A part that ends at a deadline or after it is not a split but a timer that is less late, and later deadlines count from
/// there: see [`more_wakes_never_detect_later`]. A part that ends after the following call advances the clock beyond that
/// call.
fn split_waits_change_nothing(script: &Script, cuts: &[u32]) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut whole = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut split = whole.clone();
    for (before, entry) in log.iter().zip(&log[1..]) {
        let end = last_instant_before(entry.due_before, entry.clock);
        if let Some(wait) = end.checked_duration_since(before.clock) {
            for cut in cuts {
                split.handle_timeout(before.clock + thousandths(wait, *cut));
            }
            split.handle_timeout(end);
        }
        deliver(&mut whole, entry.called_at, entry.input);
        deliver(&mut split, entry.called_at, entry.input);
        prop_assert_eq!(&whole, &split);
    }
    Ok(())
}

/// Returns the last instant of a wait until `end` at which nothing is due.
fn last_instant_before(due: Option<Instant>, end: Instant) -> Instant {
    let almost = due.and_then(|due| due.checked_sub(Duration::from_nanos(1)));
    almost.map_or(end, |almost| almost.min(end))
}

/// Where a wait is split at deadlines, Running ends no later.
///
/// Exactly: from any Running, in silence, with wake-ups at the instants `A` and the lease: the first instant at which it is
/// not Running any more is not later with wake-ups at `A` and any others.
fn more_wakes_never_detect_later(
    script: &Script,
    position: Index,
    few: &[u32],
    more: &[u32],
) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let running: Vec<usize> = (0..log.len())
        .filter(|n| log[*n].report.status == Status::Running)
        .collect();
    let Some(n) = (!running.is_empty()).then(|| running[position.index(running.len())]) else {
        return Ok(());
    };
    let supervisor = replay(&script.config, &log[..=n], |entry| entry.called_at);
    let lease = log[n].report.lease.expect("Running has a lease");
    let instants = |shares: &mut dyn Iterator<Item = &u32>| {
        let wait = lease - log[n].clock;
        let mut instants: Vec<Instant> = shares
            .map(|share| log[n].clock + thousandths(wait, *share))
            .chain([lease])
            .collect();
        instants.sort_unstable();
        instants
    };
    let ended = |instants: &[Instant]| {
        let mut alone = supervisor.clone();
        *instants
            .iter()
            .find(|at| {
                alone.handle_timeout(**at);
                alone.report().status != Status::Running
            })
            .expect("the lease is the last one")
    };
    let coarse = ended(&instants(&mut few.iter()));
    let fine = ended(&instants(&mut few.iter().chain(more)));
    prop_assert!(fine <= coarse, "{:?} later", fine - coarse);
    Ok(())
}

/// Spurious wake-ups and queries change nothing, however often they come.
///
/// Exactly: between any two calls, `handle_timeout` at any instants that are not after the newest one, the getters,
/// `snapshot`, `canonical`, and `poll_action` after it gave `None`, leave an equal supervisor. (Wake-ups at later instants are
/// [`split_waits_change_nothing`]; that none of them causes anything on its own is rule 2 in `rules.rs`.)
fn spurious_wakes_change_nothing(
    script: &Script,
    back: &[u32],
    polled: bool,
) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut undisturbed = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut disturbed = undisturbed.clone();
    for entry in &log[1..] {
        deliver(&mut undisturbed, entry.called_at, entry.input);
        deliver(&mut disturbed, entry.called_at, entry.input);
        if polled {
            prop_assert_eq!(poll_all(&mut undisturbed), poll_all(&mut disturbed));
            prop_assert_eq!(disturbed.poll_action(), None);
        }
        disturbed.handle_timeout(entry.clock);
        for share in back {
            let ago = thousandths(script.config.detection_bound(), *share);
            disturbed.handle_timeout(entry.clock.checked_sub(ago).unwrap_or(entry.clock));
            call_every_query(&disturbed, entry);
        }
        prop_assert_eq!(&undisturbed, &disturbed);
    }
    Ok(())
}

fn call_every_query(supervisor: &Supervisor, entry: &Entry) {
    let _ = supervisor.poll_timeout();
    let _ = supervisor.is_due(entry.clock);
    let _ = supervisor.wants_evidence();
    let _ = supervisor.snapshot(entry.called_at);
    let _ = supervisor.canonical(entry.called_at);
}

/// S12, rule 6. A clock that goes back counts as no time.
///
/// Exactly: a supervisor that is given the maximum of all instants so far, in place of an instant that goes back, is equal in
/// the end, with the same actions queued.
fn going_back_counts_as_no_time(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let back = replay(&script.config, &log, |entry| entry.called_at);
    let clamped = replay(&script.config, &log, |entry| entry.clock);
    prop_assert_eq!(back, clamped);
    Ok(())
}

/// One call with an event equals two calls at its instant: first `handle_timeout`, then the event. For evidence, which counts
/// before time, the event comes first.
fn timeout_may_come_first(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let one = replay(&script.config, &log, |entry| entry.called_at);
    let mut two = Supervisor::new(script.config.clone(), *ORIGIN);
    for entry in &log[1..] {
        if !matches!(entry.event(), Some(Event::Live { .. })) {
            two.handle_timeout(entry.called_at);
        }
        if let Some(event) = entry.event() {
            two.handle_event(entry.called_at, event);
        }
        two.handle_timeout(entry.called_at);
    }
    prop_assert_eq!(one, two);
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn run_shifted_in_time_behaves_the_same(script in any_script(), shift in any_shift()) {
        shift_moves_everything(&script, shift)?;
    }

    #[test]
    fn wait_split_where_nothing_is_due_changes_nothing(
        script in any_script(),
        cuts in vec(0_u32..=1_000, 0..4),
    ) {
        split_waits_change_nothing(&script, &cuts)?;
    }

    #[test]
    fn more_wake_ups_never_end_running_later(
        script in any_script(),
        position in any::<Index>(),
        few in vec(0_u32..=1_000, 0..32),
        more in vec(0_u32..=1_000, 1..16),
    ) {
        more_wakes_never_detect_later(&script, position, &few, &more)?;
    }

    #[test]
    fn spurious_wake_ups_and_queries_change_nothing(
        script in any_script(),
        back in vec(0_u32..=2_000, 1..3),
        polled in any::<bool>(),
    ) {
        spurious_wakes_change_nothing(&script, &back, polled)?;
    }

    #[test]
    fn s12_clock_that_goes_back_does_not_advance(script in any_script()) {
        going_back_counts_as_no_time(&script)?;
    }

    #[test]
    fn rule_5_timeout_and_event_may_be_separate_calls(script in any_script()) {
        timeout_may_come_first(&script)?;
    }
}

/// A split at deadlines may change the cause, and when the next deadline is.
#[test]
fn wait_split_at_its_deadlines_changes_the_cause() {
    let config = Config::new(Settings::default()).expect("valid");
    let mut late = Simulation::new(&config);
    late.answer_all();
    let mut on_time = late.clone();
    let lease = late.report().lease.expect("Running");

    late.deliver_and_drain(lease, None);
    while on_time.status() == Status::Running {
        on_time.fire_timer();
    }

    assert_eq!(on_time.clock, lease);
    let timeout = Failure::new(FailureClass::Timeout);
    assert_eq!(on_time.report().cause, Cause::LivenessFailed(timeout));
    assert_eq!(late.report().cause, Cause::Starved);
}
