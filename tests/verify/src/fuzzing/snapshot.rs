//! Any words as a snapshot: refused, or a supervisor that handles any input and whose timers end.

use std::time::Duration;

use livebus_core::{Config, Event, Supervisor};

use super::bytes::Bytes;
use super::events::{ORIGIN, check_canonical};
use super::script::Script;
use super::settings;
use crate::operation::{answer, begun_by};

/// The ends of number ranges, and values that are too large for the counters of the core.
const EXTREMES: [u64; 6] = [
    u32::MAX as u64,
    u64::MAX,
    i64::MAX as u64,
    1 << 63,
    (1 << 62) - 1,
    u16::MAX as u64,
];
const TICK: Duration = Duration::from_nanos(1);

/// Reads settings, a script after which a snapshot is taken, changes to its words, and a script for the restored supervisor.
///
/// # Panics
///
/// If a restored supervisor has no equal snapshot, is due at once, or does not end.
pub fn snapshot(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let config = settings::config(&mut bytes);
    let words = words(&mut bytes, &config);
    let Some(mut hostile) = Supervisor::restore(config.clone(), *ORIGIN, &words) else {
        return;
    };
    let again = Supervisor::restore(config, *ORIGIN, &hostile.snapshot(*ORIGIN));
    let again = again.expect("the snapshot of a restored supervisor can be restored");
    assert_eq!(again.snapshot(*ORIGIN), hostile.snapshot(*ORIGIN));
    check_canonical(&hostile);
    let mut script = Script::new(*ORIGIN);
    while !bytes.is_empty() {
        script.call(&mut bytes, &hostile).apply(&mut hostile);
        while let Some(action) = hostile.poll_action() {
            script.record_action(&action);
        }
        check_canonical(&hostile);
        let Some(due) = hostile.poll_timeout() else {
            continue;
        };
        hostile.handle_timeout(due);
        poll_all(&mut hostile);
        let next = hostile.poll_timeout();
        assert!(
            next.is_none_or(|next| next > due),
            "rule 2: without queued actions the timeout must be later"
        );
    }
    end(hostile);
}

/// Reads random words, or changes some words of a snapshot.
fn words(bytes: &mut Bytes<'_>, config: &Config) -> Vec<u64> {
    let how = bytes.byte();
    if how == 255 {
        let count = usize::from(bytes.byte());
        let mut raw = bytes.part(8 * count);
        return std::iter::from_fn(|| (!raw.is_empty()).then(|| raw.u64())).collect();
    }
    let changes = how % 8;
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    let mut script = Script::new(*ORIGIN);
    for _ in 0..how / 8 {
        let call = script.call(bytes, &supervisor);
        call.apply(&mut supervisor);
        if call.polled {
            while let Some(action) = supervisor.poll_action() {
                script.record_action(&action);
            }
        }
    }
    let mut words = supervisor.snapshot(*ORIGIN);
    for _ in 0..changes {
        change(&mut words, bytes);
    }
    words
}

/// Changes one word, from six bytes. Small numbers are tags, flags and counts; the others are instants, near and far.
fn change(words: &mut Vec<u64>, bytes: &mut Bytes<'_>) {
    let index = bytes.byte();
    let how = bytes.byte();
    let small = bytes.byte();
    let far = u64::try_from(bytes.duration().as_nanos()).unwrap_or(u64::MAX);
    if words.is_empty() {
        return;
    }
    let index = usize::from(index) % words.len();
    match how % 8 {
        0 => words[index] = small.into(),
        1 => words[index] = EXTREMES[usize::from(small) % EXTREMES.len()],
        2 => words[index] = far,
        3 => words[index] = far.wrapping_neg(),
        4 => words[index] = words[index].wrapping_add(far),
        5 => words[index] = words[index].wrapping_sub(far),
        6 => words.insert(index, small.into()),
        _ => drop(words.remove(index)),
    }
}

fn poll_all(supervisor: &mut Supervisor) {
    while supervisor.poll_action().is_some() {}
}

/// Checks that it ends after a shutdown: by its timers alone, and when all its operations are answered.
fn end(mut hostile: Supervisor) {
    hostile.handle_event(*ORIGIN, Event::Shutdown);
    let mut answered = hostile.clone();
    let mut now = *ORIGIN;
    for _ in 0..2 {
        while let Some(action) = answered.poll_action() {
            if let Some((id, _)) = begun_by(&action) {
                answered.handle_event(now, answer(id, Ok(())));
            }
        }
        if let Some(due) = answered.poll_timeout() {
            now = due;
            answered.handle_timeout(now);
        }
    }
    poll_all(&mut answered);
    assert!(
        answered.is_stopped(),
        "it does not stop when all is answered: {answered:?}"
    );
    poll_all(&mut hostile);
    for _ in 0..2 {
        if let Some(due) = hostile.poll_timeout() {
            hostile.handle_timeout(due + TICK);
            poll_all(&mut hostile);
        }
    }
    assert!(
        hostile.is_stopped(),
        "it does not stop by its timers: {hostile:?}"
    );
}
