//! Shrinks a case with a difference, by leaving out and simplifying its parts.

use std::time::Duration;

use livebus_core::{
    Backoff, Failure, FailureClass, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::case::Case;
use super::coverage::Coverage;
use super::run::first_difference;
use super::script::{Step, What, When};
use crate::leave_out::leave_out_ranges;

/// Returns the smallest case found that still has a difference.
pub(super) fn shrink(case: &Case) -> Case {
    let mut best = case.clone();
    cut_tail(&mut best);
    loop {
        let before = size(&best);
        leave_out_steps(&mut best);
        leave_out_handlers(&mut best);
        simplify_settings(&mut best);
        simplify_steps(&mut best);
        if size(&best) == before {
            return best;
        }
    }
}

/// The text of a case, which changes when shrinking makes progress.
fn size(case: &Case) -> String {
    format!("{case:?}")
}

fn differs(case: &Case) -> bool {
    case.config().is_ok() && first_difference(case, &mut Coverage::default()).is_some()
}

fn cut_tail(case: &mut Case) {
    if let Some(steps) = first_difference(case, &mut Coverage::default()) {
        case.steps.truncate(steps);
    }
}

fn accept(best: &mut Case, candidate: Case) -> bool {
    let accepted = differs(&candidate);
    if accepted {
        *best = candidate;
        cut_tail(best);
    }
    accepted
}

fn leave_out_steps(best: &mut Case) {
    leave_out_ranges(
        best,
        |best| best.steps.len(),
        |best, range| {
            let mut candidate = best.clone();
            candidate.steps.drain(range);
            accept(best, candidate)
        },
    );
}

fn simplify_steps(best: &mut Case) {
    for i in 0..best.steps.len() {
        for simpler in simpler_steps(best.steps.get(i).copied()) {
            let mut candidate = best.clone();
            if i < candidate.steps.len() && candidate.steps[i] != simpler {
                candidate.steps[i] = simpler;
                accept(best, candidate);
            }
        }
    }
}

fn simpler_steps(step: Option<Step>) -> Vec<Step> {
    let Some(step) = step else { return Vec::new() };
    let whens = [When::Same, When::Deadline, step.when];
    let plain = |failure: Failure| Failure::new(failure.class);
    let whats = match step.what {
        What::Answer { to, kind, result } => {
            let answer = |result| What::Answer { to, kind, result };
            vec![
                What::Time,
                answer(Ok(())),
                answer(Err(FailureClass::Unreachable.into())),
                answer(result.map_err(plain)),
                step.what,
            ]
        }
        What::Suspicion(failure) => vec![
            What::Time,
            What::Suspicion(FailureClass::Unreachable.into()),
            What::Suspicion(plain(failure)),
            step.what,
        ],
        What::HandlerHealth { by, result } => {
            let report = |result| What::HandlerHealth { by, result };
            vec![
                What::Time,
                report(Ok(())),
                report(result.map_err(plain)),
                step.what,
            ]
        }
        What::ClientLost { client, failure } => vec![
            What::Time,
            What::ClientLost {
                client,
                failure: plain(failure),
            },
            step.what,
        ],
        What::Time | What::Live(_) | What::Shutdown => vec![What::Time, step.what],
    };
    let polled = [None, step.polled];
    let mut steps = Vec::new();
    for what in whats {
        for when in whens {
            steps.extend(polled.map(|polled| Step { when, what, polled }));
        }
    }
    let own = steps.iter().position(|it| *it == step);
    steps.truncate(own.unwrap_or(0));
    steps
}

type Change = fn(&mut Settings);
type HandlerChange = fn(&mut Vec<Handler>);

fn leave_out_handlers(best: &mut Case) {
    let changes: &[HandlerChange] = &[
        |it| it.clear(),
        |it| it.truncate(it.len().saturating_sub(1)),
        |it| drop(it.drain(..it.len().min(1))),
    ];
    for change in changes {
        let mut candidate = best.clone();
        change(&mut candidate.handlers);
        if candidate.handlers != best.handlers {
            accept(best, candidate);
        }
    }
}

fn simplify_settings(best: &mut Case) {
    let changes: &[Change] = &[
        |s| s.failures_to_not_ready = 1,
        |s| s.failures_to_not_ready = s.failures_to_not_ready.min(2),
        |s| s.successes_to_ready = 1,
        |s| s.successes_to_ready = s.successes_to_ready.min(2),
        |s| s.on_suspicion = OnSuspicion::Check,
        |s| s.on_rejection = RejectionPolicy::Live,
        |s| s.on_client_lost = OnClientLost::Recreate,
        |s| s.recreate_after = None,
        |s| s.partial_tolerance = Duration::ZERO,
        |s| s.drain = Duration::ZERO,
        |s| s.seed = None,
        |s| s.start_backoff = Backoff::fixed(Duration::from_secs(1)),
        |s| s.registration_backoff = Backoff::fixed(Duration::from_secs(1)),
        |s| s.start_backoff.jitter_percent = 0,
        |s| s.registration_backoff.jitter_percent = 0,
        |s| s.not_live_interval_max = s.not_live_interval,
        |s| s.start_timeout = Duration::from_secs(100),
        |s| s.registration_timeout = Duration::from_secs(100),
        |s| s.stop_timeout = Duration::from_secs(100),
        |s| s.live_interval = Duration::from_secs(5),
        |s| s.liveness_timeout = s.live_interval,
        |s| s.liveness_timeout = Duration::from_secs(2),
        |s| s.recheck_delay = Duration::from_millis(500),
        |s| s.not_live_interval = Duration::from_secs(1),
        |s| s.not_live_interval_max = Duration::from_secs(4),
        |s| s.suspicion_timeout = Duration::from_millis(500),
        |s| s.suspicion_spacing = Duration::from_millis(200),
        |s| s.partial_tolerance = Duration::from_secs(20),
        |s| s.drain = Duration::from_secs(5),
        |s| *s = Settings::default(),
    ];
    for change in changes {
        let mut candidate = best.clone();
        change(&mut candidate.settings);
        if candidate.settings != best.settings {
            accept(best, candidate);
        }
    }
}
