//! Replays: an unchanged recording gives the same actions, and a change is found.

use std::time::Duration;

use livebus_core::FailureClass;
use livebus_recording::{Content, Difference, Outcome, Reader};
use livebus_runner::Entry;

use crate::memory::{lines, recording, replay};

#[test]
fn a_thousand_random_runs_replay_the_same() {
    let (mut inputs, mut actions) = (0, 0);
    for seed in 0..1_000 {
        let text = recording(seed, 80);
        let Ok(Outcome::Same(summary)) = replay(&text) else {
            panic!("{seed}: {:?}", replay(&text));
        };
        assert_eq!(summary.lines, lines(&text).len() as u64);
        assert_eq!(summary.lines, 2 + summary.inputs + summary.actions);
        assert!(summary.end.is_some() && !summary.was_cut);
        inputs += summary.inputs;
        actions += summary.actions;
    }
    assert!(inputs > 50_000, "too few inputs: {inputs}");
    assert!(actions > 50_000, "too few actions: {actions}");
}

/// Returns the line of an action with one field changed; `None` if it has no such field.
fn changed(line: &str, field: &str) -> Option<String> {
    let begin = line.find(&format!("\"{field}\":"))? + field.len() + 3;
    let end = begin + line[begin..].find([',', '}'])?;
    let value = match &line[begin..end] {
        "\"Running\"" => "\"NotReady\"".to_owned(),
        "\"Evidence\"" => "\"Starting\"".to_owned(),
        text if text.starts_with('"') => {
            let class = FailureClass::from_name(text.trim_matches('"'))?;
            let is_timeout = class == FailureClass::Timeout;
            let other = if is_timeout { "Unreachable" } else { "Timeout" };
            format!("\"{other}\"")
        }
        number => (number.parse::<i64>().ok()? + 1).to_string(),
    };
    Some(format!("{}{value}{}", &line[..begin], &line[end..]))
}

#[test]
fn a_changed_field_of_an_action_is_found_in_its_line() {
    let fields = [
        "ns", "id", "status", "cause", "failure", "warning", "since", "evidence", "lease",
        "attempt", "deadline",
    ];
    let mut found = [0; 11];
    for seed in 0..60 {
        let text = recording(seed, 50);
        let lines = lines(&text);
        for (index, line) in lines.iter().enumerate() {
            let line = std::str::from_utf8(line).expect("text");
            if !line.contains("\"action\"") {
                continue;
            }
            // The field that was tried least often.
            let (field, other) = (0..fields.len())
                .filter_map(|field| Some((field, changed(line, fields[field])?)))
                .min_by_key(|(field, _)| found[*field])
                .expect("every action has an instant");
            let text = [&lines[..index], &[other.as_bytes()], &lines[index + 1..]].concat();
            let outcome = replay(&text.concat()).expect("it can be read");
            let Outcome::Different(Difference {
                line: number,
                recorded,
                replayed,
                ..
            }) = outcome
            else {
                panic!("not noticed: {other}");
            };
            assert_eq!(number, index as u64 + 1);
            assert_eq!(recorded, other.trim_end());
            assert_eq!(replayed.as_deref(), Some(line.trim_end()));
            found[field] += 1;
        }
    }
    assert!(found.iter().all(|times| *times > 5), "{found:?}");
}

#[test]
fn a_removed_action_is_found() {
    let mut found = 0;
    for seed in 0..20 {
        let text = recording(seed, 50);
        let lines = lines(&text);
        let is_action =
            |line: &[u8]| std::str::from_utf8(line).is_ok_and(|l| l.contains("\"action\""));
        for index in (0..lines.len()).filter(|index| is_action(lines[*index])) {
            let text = [&lines[..index], &lines[index + 1..]].concat().concat();
            let next = lines[index..]
                .iter()
                .skip(1)
                .position(|line| is_action(line));
            let expected = next.map_or(lines.len() - 1, |next| index + 1 + next);
            // After a forced stop the last actions may not have been polled.
            let stopped = lines[lines.len() - 1].ends_with(b"\"stopped\"}\n");
            match replay(&text).expect("it can be read") {
                Outcome::Different(difference) => {
                    assert_eq!(difference.line, expected as u64, "{seed}");
                }
                Outcome::Same(_) => assert!(
                    next.is_none() && !stopped,
                    "{seed}: line {} is not missed",
                    index + 1
                ),
            }
            found += 1;
        }
    }
    assert!(found > 500, "{found}");
}

#[test]
fn the_summary_has_the_time_from_the_start_to_the_newest_input() {
    let mut text = recording(1, 0);
    let end = lines(&text)[lines(&text).len() - 1].len();
    text.truncate(text.len() - end);
    for seconds in [7, 5] {
        let line = format!("{{\"ns\":{seconds}000000000,\"event\":\"Shutdown\"}}\n");
        text.extend_from_slice(line.as_bytes());
    }
    let Ok(Outcome::Same(summary)) = replay(&text) else {
        panic!("{:?}", replay(&text));
    };
    assert_eq!(
        (summary.inputs, summary.elapsed),
        (2, Duration::from_secs(7))
    );
}

#[test]
fn replay_passes_every_line_in_order() {
    let text = recording(3, 60);
    let mut numbers = Vec::new();
    let replayed = livebus_recording::Replay::new(&text[..])
        .and_then(|replay| replay.run(|number, _| numbers.push(number)));
    assert!(matches!(replayed, Ok(Outcome::Same(_))));
    let all: Vec<u64> = (2..=lines(&text).len() as u64).collect();
    assert_eq!(numbers, all);
}

#[test]
fn a_reader_returns_every_line() {
    let text = recording(4, 60);
    let mut reader = Reader::new(&text[..]).expect("a recording");
    let epoch = reader.epoch();
    let mut again = lines(&text)[0].to_vec();
    let mut inputs = 0;
    for item in &mut reader {
        let (_, line) = item.expect("nothing is damaged");
        inputs += u64::from(matches!(
            line.content,
            Content::Entry(Entry::Event(_) | Entry::Timeout)
        ));
        line.encode(epoch, &mut again).expect("it can be written");
    }
    assert!(inputs > 20);
    assert!(again == text, "byte for byte");
    assert!(!reader.was_cut());
}
