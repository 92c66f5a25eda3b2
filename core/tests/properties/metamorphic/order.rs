//! Events of one instant, delivered in either order.
//!
//! Each of these pairs commutes, after any part of any script with everything polled, both delivered at the newest instant:
//!
//! | one | the other | result |
//! |---|---|---|
//! | an answer that is stale | any event | equal, with the same actions queued |
//! | a registration's answer | a suspicion, with `OnSuspicion::Check` | the same form, the same actions |
//! | a registration's answer | another registration's answer | the same form; without jitter, if both fail |
//! | a registration's answer | evidence | the same form |
//! | a registration's answer | a liveness message's answer | the same form, unless Running was reported in between or the client is fatal |
//! | evidence | other evidence | the same form, while live or where one proof is enough, unless the older is so old that a liveness message is sent at once |
//! | evidence | a liveness message's successful answer | the same form, while live |
//!
//! "The same form" is equal [`canonical`](Supervisor::canonical) supervisors and the same report but for `since` and
//! `evidence`: what was reported in between may differ. Codes are left out: a report keeps the code of the first delivered of
//! two failures of one class.
//!
//! No other pair commutes, and none should: of a suspicion and evidence the later one counts, a failure that ends
//! operations makes their answers stale, and a shutdown ends everything.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, ClientId, Event, Failure, FailureClass, LivenessId, OnSuspicion, OpId, Phase, Report,
    Settings, Status, Supervisor,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::coverage::samples;
use crate::replay::poll_all;
use crate::script::{Script, any_script};
use crate::simulation::{Kind, ORIGIN, Simulation, answer};

use checkpoint::{Checkpoint, checkpoint};

mod checkpoint;

/// Delivers two events at a checkpoint, in both orders.
fn both_orders(checkpoint: &Checkpoint, one: Event, other: Event) -> [Supervisor; 2] {
    [[one, other], [other, one]].map(|events| {
        let mut supervisor = checkpoint.supervisor.clone();
        for event in events {
            supervisor.handle_event(checkpoint.now, event);
        }
        supervisor
    })
}

/// Checks that both have the same form. Returns the actions of both.
fn same_form(both: [Supervisor; 2]) -> Result<[Vec<Action>; 2], TestCaseError> {
    let [mut one, mut other] = both;
    let actions = [poll_all(&mut one), poll_all(&mut other)];
    prop_assert_eq!(
        one.canonical(*ORIGIN),
        other.canonical(*ORIGIN),
        "{:?}\n{:?}",
        &actions[0],
        &actions[1]
    );
    prop_assert_eq!(shown(&one), shown(&other));
    Ok(actions)
}

fn shown(supervisor: &Supervisor) -> Report {
    Report {
        since: *ORIGIN,
        evidence: None,
        ..*supervisor.report()
    }
}

/// Whether the relation applied to a script.
type Applies = Result<bool, TestCaseError>;

/// An answer to an operation that is over, or that never began.
fn a_stale_answer_commutes_with_anything(
    script: &Script,
    which: Index,
    content: &Content,
) -> Applies {
    let Some(checkpoint) = checkpoint(script, which, |_| true) else {
        return Ok(false);
    };
    let unknown = OpId::from(LivenessId::from_number(1 << 40));
    let stale = answer(*checkpoint.done.last().unwrap_or(&unknown), content.result);
    let newest = *checkpoint.open.last().unwrap_or(&unknown);
    let client = checkpoint.done.iter().find_map(|id| match id {
        OpId::Client(client) => Some(*client),
        OpId::Liveness(_) | OpId::Registration(_) | OpId::Stop(_) => None,
    });
    let any = [
        answer(newest, content.result),
        Event::Live {
            at: content.at(&checkpoint),
        },
        Event::Suspicion(content.failure),
        Event::ClientLost {
            client: client.unwrap_or(ClientId::from_number(1 << 40)),
            failure: content.failure,
        },
        Event::Shutdown,
    ];
    for any in any {
        let [one, other] = both_orders(&checkpoint, stale, any);
        prop_assert_eq!(one, other);
    }
    Ok(true)
}

fn a_registration_commutes_with_a_suspicion(
    script: &Script,
    which: Index,
    content: &Content,
) -> Applies {
    if script.config.settings().on_suspicion == OnSuspicion::NotReady {
        return Ok(false);
    }
    let registers = |checkpoint: &Checkpoint| checkpoint.registrations().next().is_some();
    let Some(checkpoint) = checkpoint(script, which, registers) else {
        return Ok(false);
    };
    let id = checkpoint
        .registrations()
        .next()
        .expect("the filter requires one");
    let registered = answer(id, content.result);
    let both = both_orders(&checkpoint, registered, Event::Suspicion(content.failure));
    let actions = same_form(both)?.map(|actions| {
        let mut formatted: Vec<String> = actions.iter().map(|it| format!("{it:?}")).collect();
        formatted.sort_unstable();
        formatted
    });
    prop_assert_eq!(&actions[0], &actions[1]);
    Ok(true)
}

fn registrations_commute(script: &Script, which: Index, content: &Content) -> Applies {
    let settings = script.config.settings();
    let has_jitter = settings.registration_backoff.jitter_percent > 0;
    if has_jitter && content.result.is_err() && content.other_result.is_err() {
        return Ok(false);
    }
    let Some(checkpoint) = checkpoint(script, which, |checkpoint| {
        checkpoint.registrations().count() > 1
    }) else {
        return Ok(false);
    };
    let open: Vec<_> = checkpoint.registrations().collect();
    let one = answer(open[0], content.result);
    let other = answer(open[1], content.other_result);
    same_form(both_orders(&checkpoint, one, other))?;
    Ok(true)
}

fn a_registration_commutes_with_evidence(
    script: &Script,
    which: Index,
    content: &Content,
) -> Applies {
    let registers = |checkpoint: &Checkpoint| checkpoint.registrations().next().is_some();
    let Some(checkpoint) = checkpoint(script, which, registers) else {
        return Ok(false);
    };
    let id = checkpoint
        .registrations()
        .next()
        .expect("the filter requires one");
    let at = content.at(&checkpoint);
    let registered = answer(id, content.result);
    same_form(both_orders(&checkpoint, registered, Event::Live { at }))?;
    Ok(true)
}

fn a_registration_commutes_with_a_liveness_answer(
    script: &Script,
    which: Index,
    content: &Content,
) -> Applies {
    let suits = |checkpoint: &Checkpoint| {
        checkpoint.registrations().next().is_some() && checkpoint.liveness_message().is_some()
    };
    let fatal = Err(Failure::new(FailureClass::ClientFatal));
    let Some(checkpoint) =
        checkpoint(script, which, suits).filter(|_| content.other_result != fatal)
    else {
        return Ok(false);
    };
    let id = checkpoint
        .registrations()
        .next()
        .expect("the filter requires one");
    let registered = answer(id, content.result);
    let id = checkpoint
        .liveness_message()
        .expect("the filter requires one");
    let both = both_orders(&checkpoint, registered, answer(id, content.other_result));
    let running_in_between = both.iter().any(|supervisor| {
        let actions = poll_all(&mut supervisor.clone());
        supervisor.report().status != Status::Running && actions.iter().any(reports_running)
    });
    if !running_in_between {
        same_form(both)?;
    }
    Ok(!running_in_between)
}

fn reports_running(action: &Action) -> bool {
    matches!(action, Action::SetStatus(report) if report.status == Status::Running)
}

fn pieces_of_evidence_commute(script: &Script, which: Index, content: &Content) -> Applies {
    let one_is_enough = script.config.settings().successes_to_ready == 1;
    let suits = |checkpoint: &Checkpoint| {
        let supervisor = &checkpoint.supervisor;
        supervisor.report().status == Status::Running
            || (one_is_enough && supervisor.wants_evidence())
    };
    let Some(checkpoint) = checkpoint(script, which, suits) else {
        return Ok(false);
    };
    let one = Event::Live {
        at: content.at(&checkpoint),
    };
    let other = Event::Live { at: checkpoint.now };
    let both = both_orders(&checkpoint, one, other);
    let sent = both.iter().any(|supervisor| {
        let actions = poll_all(&mut supervisor.clone());
        actions.iter().any(sends_liveness)
    });
    if !sent {
        same_form(both)?;
    }
    Ok(!sent)
}

fn sends_liveness(action: &Action) -> bool {
    matches!(action, Action::SendLiveness { .. })
}

fn evidence_commutes_with_success(script: &Script, which: Index, content: &Content) -> Applies {
    let suits = |checkpoint: &Checkpoint| {
        checkpoint.supervisor.phase() == Phase::InFlight && checkpoint.liveness_message().is_some()
    };
    let Some(checkpoint) = checkpoint(script, which, suits) else {
        return Ok(false);
    };
    let id = checkpoint
        .liveness_message()
        .expect("the filter requires one");
    let at = content.at(&checkpoint);
    let success = answer(id, Ok(()));
    same_form(both_orders(&checkpoint, success, Event::Live { at }))?;
    Ok(true)
}

/// The random content of the events.
#[derive(Debug, Clone)]
struct Content {
    result: Result<(), Failure>,
    other_result: Result<(), Failure>,
    failure: Failure,
    /// The age of evidence, in thousandths of the detection bound.
    age: u32,
}

impl Content {
    fn at(&self, checkpoint: &Checkpoint) -> Instant {
        let bound = checkpoint.supervisor.config().detection_bound();
        let at = checkpoint.now.checked_sub(bound / 1_000 * self.age);
        at.unwrap_or(checkpoint.now)
    }
}

fn any_content() -> impl Strategy<Value = Content> {
    let failure = (0..FailureClass::ALL.len()).prop_map(|n| Failure::new(FailureClass::ALL[n]));
    let result = prop_oneof![Just(Ok(())), failure.clone().prop_map(Err)];
    (result.clone(), result, failure, 0_u32..1_100).prop_map(
        |(result, other_result, failure, age)| Content {
            result,
            other_result,
            failure,
            age,
        },
    )
}

type Relation = fn(&Script, Index, &Content) -> Applies;

/// Each relation, and to how many of a thousand scripts it must apply: about two thirds of the measured number.
const RELATIONS: [(&str, Relation, usize); 7] = [
    ("stale, any", a_stale_answer_commutes_with_anything, 1_000),
    (
        "registration, suspicion",
        a_registration_commutes_with_a_suspicion,
        290,
    ),
    ("registrations", registrations_commute, 220),
    (
        "registration, evidence",
        a_registration_commutes_with_evidence,
        360,
    ),
    (
        "registration, liveness",
        a_registration_commutes_with_a_liveness_answer,
        350,
    ),
    ("evidence", pieces_of_evidence_commute, 520),
    ("evidence, success", evidence_commutes_with_success, 500),
];

#[test]
fn order_relations_apply_to_enough_scripts() {
    for (name, relation, at_least) in RELATIONS {
        let scripts = samples((any_script(), any::<Index>(), any_content()));
        let applied = scripts
            .filter(|(script, which, content)| {
                relation(script, *which, content).is_ok_and(|applies| applies)
            })
            .count();
        assert!(
            applied >= at_least,
            "{name}: only {applied} of 1,000 scripts"
        );
    }
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn stale_answer_commutes_with_every_event(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        a_stale_answer_commutes_with_anything(&script, which, &content)?;
    }

    #[test]
    fn registration_answer_commutes_with_a_suspicion(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        a_registration_commutes_with_a_suspicion(&script, which, &content)?;
    }

    #[test]
    fn registration_answers_commute_with_each_other(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        registrations_commute(&script, which, &content)?;
    }

    #[test]
    fn registration_answer_commutes_with_evidence(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        a_registration_commutes_with_evidence(&script, which, &content)?;
    }

    #[test]
    fn registration_answer_commutes_with_a_liveness_answer(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        a_registration_commutes_with_a_liveness_answer(&script, which, &content)?;
    }

    #[test]
    fn two_pieces_of_evidence_commute(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        pieces_of_evidence_commute(&script, which, &content)?;
    }

    #[test]
    fn evidence_commutes_with_a_successful_liveness_answer(
        script in any_script(), which in any::<Index>(), content in any_content(),
    ) {
        evidence_commutes_with_success(&script, which, &content)?;
    }
}

/// A suspicion and evidence do not commute: the later one counts.
#[test]
fn suspicion_and_evidence_do_not_commute() {
    let config = livebus_core::Config::new(Settings::default()).expect("valid");
    let mut sim = Simulation::new(&config);
    sim.answer_newest(Kind::Start, Ok(()));
    let early = Duration::from_millis(250);
    sim.deliver_and_drain(sim.clock + early, None);
    let checkpoint = Checkpoint {
        supervisor: sim.supervisor,
        now: sim.clock,
        open: Vec::new(),
        done: Vec::new(),
    };
    let suspicion = Event::Suspicion(FailureClass::Unreachable.into());
    let evidence = Event::Live { at: checkpoint.now };

    let decided = both_orders(&checkpoint, suspicion, evidence).map(|mut supervisor| {
        poll_all(&mut supervisor);
        supervisor
            .poll_timeout()
            .expect("a liveness check is in flight")
            - checkpoint.now
    });

    let settings = config.settings();
    let interval_ends = settings.not_live_interval.saturating_sub(early);
    assert_eq!(decided, [interval_ends, settings.suspicion_timeout]);
    assert!(settings.suspicion_timeout < interval_ends);
}
