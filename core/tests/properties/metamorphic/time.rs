//! The same story on another day, with waits that are split, and with wake-ups for nothing.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Failure, FailureClass, Settings, Status, Supervisor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::replay::{Pair, Translation, deliver, drained, replay};
use crate::script::{Script, any_script, thousandths};
use crate::simulation::{Entry, ORIGIN, Simulation};

/// A story that is told `shift` later, or earlier, is the same story.
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
    pair.drain_alike(&identical)?;
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
            Self::Earlier(by) => at.checked_sub(by).expect("the origin leaves room for this"),
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

/// A wait may be cut into pieces, as long as nothing is due in between.
///
/// Exactly: `handle_timeout` at any instants, in any order, each before `poll_timeout` and none after the newest instant of
/// the call that follows, leaves an equal supervisor in the end.
///
/// A piece that ends at a deadline or after it is not a split but a timer that is less late, and what is due is armed from
/// there: [`more_wakes_never_detect_later`] says what holds then. A piece that ends after the following call lets time pass
/// which that call has not seen.
fn split_waits_are_waits(script: &Script, cuts: &[u32]) -> Result<(), TestCaseError> {
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

/// The last instant of a wait until `end` at which nothing is due.
fn last_instant_before(due: Option<Instant>, end: Instant) -> Instant {
    let almost = due.and_then(|due| due.checked_sub(Duration::from_nanos(1)));
    almost.map_or(end, |almost| almost.min(end))
}

/// Where a split does meet deadlines, Running ends no later for it.
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

/// A wake-up for nothing is nothing, however often it comes, and so is every question.
///
/// Exactly: between any two calls, `handle_timeout` at any instants that are not after the newest one, the getters,
/// `snapshot`, `canonical`, and `poll_action` after it gave `None`, leave an equal supervisor. (Wake-ups at later instants are
/// [`split_waits_are_waits`]; that none of them causes anything by itself is rule 2 in `rules.rs`.)
fn spurious_wakes_are_nothing(
    script: &Script,
    back: &[u32],
    polled: bool,
) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut calm = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut restless = calm.clone();
    for entry in &log[1..] {
        deliver(&mut calm, entry.called_at, entry.input);
        deliver(&mut restless, entry.called_at, entry.input);
        if polled {
            prop_assert_eq!(drained(&mut calm), drained(&mut restless));
            prop_assert_eq!(restless.poll_action(), None);
        }
        restless.handle_timeout(entry.clock);
        for share in back {
            let ago = thousandths(script.config.detection_bound(), *share);
            restless.handle_timeout(entry.clock.checked_sub(ago).unwrap_or(entry.clock));
            call_every_query(&restless, entry);
        }
        prop_assert_eq!(&calm, &restless);
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

/// S12, rule 6. When the clock goes back, no time has passed.
///
/// Exactly: whoever is told `max` of all instants so far, in place of an instant that goes back, ends up equal, with the
/// same actions queued.
fn going_back_is_standing(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let back = replay(&script.config, &log, |entry| entry.called_at);
    let stood = replay(&script.config, &log, |entry| entry.clock);
    prop_assert_eq!(back, stood);
    Ok(())
}

/// What happens at an instant may be told in one call or two: time first, then the event. Not so evidence, which counts
/// before time passes: there it is the event first, then the time.
fn time_may_pass_first(script: &Script) -> Result<(), TestCaseError> {
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
    fn a_story_that_is_told_later_or_earlier_is_the_same(script in any_script(), shift in any_shift()) {
        shift_moves_everything(&script, shift)?;
    }

    #[test]
    fn a_wait_may_be_split_wherever_nothing_is_due(
        script in any_script(),
        cuts in vec(0_u32..=1_000, 0..4),
    ) {
        split_waits_are_waits(&script, &cuts)?;
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
    fn a_wake_up_for_nothing_is_nothing(
        script in any_script(),
        back in vec(0_u32..=2_000, 1..3),
        polled in any::<bool>(),
    ) {
        spurious_wakes_are_nothing(&script, &back, polled)?;
    }

    #[test]
    fn s12_a_clock_that_goes_back_stands(script in any_script()) {
        going_back_is_standing(&script)?;
    }

    #[test]
    fn rule_5_time_may_pass_in_a_call_of_its_own(script in any_script()) {
        time_may_pass_first(&script)?;
    }
}

/// What a split at deadlines may change: what was found out, and when what comes next is due.
#[test]
fn a_wait_that_is_split_at_its_deadlines_is_another_story() {
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
