//! Compares the preset `as_in_voltha` with the transcription of the loop that it follows, in fewer environments than the command.

use std::time::Duration;

use livebus_verify::voltha::{
    BusFailure, Difference, Input, Output, ServiceStatus, Transcription, check,
};

const SEED: u64 = 20_200_423;
const ENVIRONMENTS: u64 = 20_000;

const DIFFERENCES: &str = include_str!("../../../docs/differences.md");

#[test]
fn every_difference_is_intended_and_each_intended_one_occurs() {
    let tally =
        check(SEED, 0..ENVIRONMENTS).unwrap_or_else(|counterexample| panic!("{counterexample}"));
    println!("{tally}");
    for difference in Difference::ALL {
        let explained = tally.explained[difference as usize];
        assert!(explained > 0, "{difference:?} does not occur");
    }
    let explained: u64 = tally.explained.iter().sum();
    assert_eq!(tally.agreed + explained, tally.comparisons);
    for (count, at_least) in [
        (tally.starts, ENVIRONMENTS),
        (tally.messages, 10 * ENVIRONMENTS),
        (tally.statuses, ENVIRONMENTS),
    ] {
        assert!(count >= at_least, "too few outputs to compare: {tally}");
    }
}

#[test]
fn differences_and_rows_of_the_document_match() {
    let section = DIFFERENCES
        .split("\n## ")
        .find(|section| section.starts_with("The preset"))
        .expect("the document has a section on the preset");
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), Difference::ALL.len());
    for (row, difference) in rows.iter().zip(Difference::ALL) {
        let name = format!("`{difference:?}`");
        let [voltha, preset, why, shown_by] = row[..] else {
            panic!("{row:?} does not have four columns");
        };
        assert_eq!((voltha, preset), (difference.voltha(), difference.preset()));
        assert_eq!(shown_by, name);
        assert!(!why.is_empty(), "{name} has no reason");
    }
}

#[test]
fn transcription_is_running_before_the_first_proof() {
    let running = started();
    assert_eq!(running.status(), ServiceStatus::Running);
    assert_eq!(running.due(), Some(seconds(61)));
}

#[test]
fn transcription_without_answers_stays_running_and_sends_a_message_each_minute() {
    let mut hung = started();
    let mut sent = 0;
    while let Some(due) = hung.due().filter(|due| *due < seconds(3_600)) {
        hung.advance_to(due);
        for output in hung.take_outputs() {
            assert_eq!(output, Output::SendLiveness);
            sent += 1;
        }
    }
    assert_eq!(sent, 59);
    assert_eq!(hung.status(), ServiceStatus::Running);
}

#[test]
fn seven_of_the_twenty_failures_are_a_loss() {
    let losses = BusFailure::ALL.into_iter().filter(|failure| {
        let mut running = started();
        running.handle(seconds(2), Input::LivenessReturned(Err(failure.text)));
        running.status() == ServiceStatus::NotReady
    });
    assert_eq!(losses.count(), 7);
}

#[test]
fn success_within_30_s_of_the_last_does_not_reach_the_monitor() {
    let mut running = started();
    for (at, due) in [(10, 70), (40, 70), (41, 101)] {
        running.handle(seconds(at), Input::Traffic(Ok(())));
        assert_eq!(running.due(), Some(seconds(due)));
    }
}

#[test]
fn failure_while_alive_reaches_the_monitor_at_once() {
    let mut running = started();
    running.handle(seconds(10), Input::Traffic(Ok(())));
    running.handle(seconds(11), Input::Traffic(Err("circuit breaker is open")));
    assert_eq!(running.status(), ServiceStatus::NotReady);
    assert_eq!(running.due(), Some(seconds(16)));
}

#[test]
fn eleventh_change_blocks_its_sender_after_the_monitor_ended() {
    let mut ended = started();
    ended.handle(seconds(2), Input::ContextDone);
    for change in 0..10 {
        assert_eq!(ended.blocked_senders(), 0);
        let result = if change % 2 == 0 {
            Err("i/o timeout")
        } else {
            Ok(())
        };
        ended.handle(seconds(3), Input::Traffic(result));
    }
    ended.handle(seconds(3), Input::Traffic(Err("i/o timeout")));
    assert_eq!(ended.blocked_senders(), 1);
    assert_eq!(ended.status(), ServiceStatus::Running);
}

#[test]
fn failed_start_is_repeated_two_seconds_later() {
    let mut starting = Transcription::new();
    starting.take_outputs();
    starting.handle(seconds(3), Input::StartReturned(Err("EOF")));
    assert_eq!(
        starting.take_outputs(),
        [Output::Status(ServiceStatus::NotReady)]
    );
    assert_eq!(starting.due(), Some(seconds(5)));
    starting.advance_to(seconds(5));
    assert_eq!(starting.take_outputs(), [Output::Start]);
}

/// Returns a transcription that was started at one second.
fn started() -> Transcription {
    let mut started = Transcription::new();
    started.handle(seconds(1), Input::StartReturned(Ok(())));
    started.take_outputs();
    started
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
