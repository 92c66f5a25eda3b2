//! Any words in place of a snapshot: refused, or a supervisor that takes anything and whose timers end.

use std::time::Duration;

use livebus_core::{Config, Event, Supervisor};

use super::bytes::Bytes;
use super::events::{ORIGIN, check_canonical};
use super::script::{Script, answer, operation};
use super::settings;

/// Where numbers end, and where a counter of the core is too far gone.
const EXTREMES: [u64; 6] = [
    u32::MAX as u64,
    u64::MAX,
    i64::MAX as u64,
    1 << 63,
    (1 << 62) - 1,
    u16::MAX as u64,
];
const TICK: Duration = Duration::from_nanos(1);

/// Reads settings, a story of which the snapshot is taken, changes to its words, and a story for what is restored.
///
/// # Panics
///
/// Where what is restored cannot be written down again, is due at once, or does not end.
pub fn snapshot(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let config = settings::config(&mut bytes);
    let words = words(&mut bytes, &config);
    let Some(mut hostile) = Supervisor::restore(config.clone(), *ORIGIN, &words) else {
        return;
    };
    let again = Supervisor::restore(config, *ORIGIN, &hostile.snapshot(*ORIGIN));
    let again = again.expect("what was restored can be restored again");
    assert_eq!(again.snapshot(*ORIGIN), hostile.snapshot(*ORIGIN));
    check_canonical(&hostile);
    let mut script = Script::new(*ORIGIN);
    while !bytes.is_empty() {
        script.call(&mut bytes, &hostile).tell(&mut hostile);
        while let Some(action) = hostile.poll_action() {
            script.record_action(&action);
        }
        check_canonical(&hostile);
        let Some(due) = hostile.poll_timeout() else {
            continue;
        };
        hostile.handle_timeout(due);
        drain(&mut hostile);
        let next = hostile.poll_timeout();
        assert!(
            next.is_none_or(|next| next > due),
            "rule 2: drained is later"
        );
    }
    end(hostile);
}

/// Words that nobody wrote, or the words of a supervisor with some of them changed.
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
        call.tell(&mut supervisor);
        if call.drained {
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
    let place = bytes.byte();
    let how = bytes.byte();
    let small = bytes.byte();
    let far = u64::try_from(bytes.duration().as_nanos()).unwrap_or(u64::MAX);
    if words.is_empty() {
        return;
    }
    let place = usize::from(place) % words.len();
    match how % 8 {
        0 => words[place] = small.into(),
        1 => words[place] = EXTREMES[usize::from(small) % EXTREMES.len()],
        2 => words[place] = far,
        3 => words[place] = far.wrapping_neg(),
        4 => words[place] = words[place].wrapping_add(far),
        5 => words[place] = words[place].wrapping_sub(far),
        6 => words.insert(place, small.into()),
        _ => drop(words.remove(place)),
    }
}

fn drain(supervisor: &mut Supervisor) {
    while supervisor.poll_action().is_some() {}
}

/// Whatever it knows, it ends after a shutdown: by its timers alone, and when all it asks is answered.
fn end(mut hostile: Supervisor) {
    hostile.handle_event(*ORIGIN, Event::Shutdown);
    let mut answered = hostile.clone();
    let mut now = *ORIGIN;
    for _ in 0..2 {
        while let Some(action) = answered.poll_action() {
            if let Some(id) = operation(&action) {
                answered.handle_event(now, answer(id, Ok(())));
            }
        }
        if let Some(due) = answered.poll_timeout() {
            now = due;
            answered.handle_timeout(now);
        }
    }
    drain(&mut answered);
    assert!(
        answered.is_stopped(),
        "answered, it does not stop: {answered:?}"
    );
    drain(&mut hostile);
    for _ in 0..2 {
        if let Some(due) = hostile.poll_timeout() {
            hostile.handle_timeout(due + TICK);
            drain(&mut hostile);
        }
    }
    assert!(hostile.is_stopped(), "its timers do not end: {hostile:?}");
}
