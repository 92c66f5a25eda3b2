//! A [`Report`] in atomics: written by one at a time, read by any number without a lock.
//!
//! A sequence lock whose data are atomics themselves: a reader that saw the sequence move reads again. It waits only
//! while a writer is in the middle of eight stores, and never makes a writer wait.

#![expect(
    clippy::cast_possible_truncation,
    reason = "taking single fields out of a word is what this file does"
)]

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use crate::failure::{Failure, FailureClass};
use crate::ids::HandlerId;
use crate::status::{Cause, Report, Status};

const WORDS: usize = 6;

#[derive(Debug)]
pub(crate) struct ReportCell {
    /// Odd while a write is under way.
    sequence: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl ReportCell {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            sequence: AtomicU64::new(0),
            words: encode(epoch, &Report::unreported(epoch)).map(AtomicU64::new),
        }
    }

    /// Only one may store at a time; the caller sees to that.
    pub(crate) fn store(&self, epoch: Instant, report: &Report) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(encode(epoch, report)) {
            word.store(value, Ordering::Relaxed);
        }
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    pub(crate) fn load(&self, epoch: Instant) -> Report {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let words = self
                .words
                .each_ref()
                .map(|word| word.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let after = self.sequence.load(Ordering::Relaxed);
            if before == after && before.is_multiple_of(2) {
                return decode(epoch, words);
            }
            hint::spin_loop();
        }
    }
}

fn encode(epoch: Instant, report: &Report) -> [u64; WORDS] {
    let (cause, handler) = encode_cause(report.cause);
    [
        u64::from(report.status as u8)
            + (cause << 8)
            + (handler << 16)
            + (u64::from(report.attempt) << 32),
        encode_failure(report.cause.failure()),
        encode_failure(report.warning),
        encode_instant(epoch, Some(report.since)),
        encode_instant(epoch, report.evidence),
        encode_instant(epoch, report.lease),
    ]
}

fn decode(epoch: Instant, words: [u64; WORDS]) -> Report {
    let [head, failure, warning, since, evidence, lease] = words;
    Report {
        status: Status::ALL[usize::from(head as u8) % Status::ALL.len()],
        cause: decode_cause(
            head >> 8 & 0xff,
            (head >> 16) as u16,
            decode_failure(failure),
        ),
        warning: decode_failure(warning),
        since: decode_instant(epoch, since).unwrap_or(epoch),
        evidence: decode_instant(epoch, evidence),
        lease: decode_instant(epoch, lease),
        attempt: (head >> 32) as u32,
    }
}

/// 0 is none; else the class above the sign of a code, and the code below.
fn encode_failure(failure: Option<Failure>) -> u64 {
    failure.map_or(0, |Failure { class, code }| {
        let has_code = u64::from(code.is_some());
        let code = u64::from(code.unwrap_or(0).cast_unsigned());
        (u64::from(class as u8) << 40) + (has_code << 32) + code
    })
}

fn decode_failure(word: u64) -> Option<Failure> {
    let index = usize::from((word >> 40) as u8).checked_sub(1)?;
    let class = *FailureClass::ALL.get(index)?;
    let code = (word >> 32 & 1 == 1).then_some((word as u32).cast_signed());
    Some(Failure { class, code })
}

/// 0 is none; else one more than the nanoseconds since the epoch. What was before the epoch becomes the epoch.
fn encode_instant(epoch: Instant, at: Option<Instant>) -> u64 {
    at.map_or(0, |at| {
        saturating_nanos(at.saturating_duration_since(epoch)).saturating_add(1)
    })
}

fn decode_instant(epoch: Instant, word: u64) -> Option<Instant> {
    word.checked_sub(1)
        .and_then(|nanos| epoch.checked_add(Duration::from_nanos(nanos)))
}

fn encode_cause(cause: Cause) -> (u64, u64) {
    match cause {
        Cause::Unreported => (0, 0),
        Cause::Configured => (1, 0),
        Cause::Starting => (2, 0),
        Cause::Evidence => (3, 0),
        Cause::StartFailed(_) => (4, 0),
        Cause::LivenessFailed(_) => (5, 0),
        Cause::ClientLost(_) => (6, 0),
        Cause::HandlerFailed(handler, _) => (7, u64::from(handler.0)),
        Cause::Starved => (8, 0),
        Cause::ShuttingDown => (9, 0),
        Cause::ShutDown => (10, 0),
        Cause::CutOff => (11, 0),
        Cause::Reported => (12, 0),
    }
}

fn decode_cause(number: u64, handler: u16, failure: Option<Failure>) -> Cause {
    match (number, failure) {
        (1, _) => Cause::Configured,
        (2, _) => Cause::Starting,
        (3, _) => Cause::Evidence,
        (4, Some(failure)) => Cause::StartFailed(failure),
        (5, Some(failure)) => Cause::LivenessFailed(failure),
        (6, Some(failure)) => Cause::ClientLost(failure),
        (7, Some(failure)) => Cause::HandlerFailed(HandlerId(handler), failure),
        (8, _) => Cause::Starved,
        (9, _) => Cause::ShuttingDown,
        (10, _) => Cause::ShutDown,
        (11, _) => Cause::CutOff,
        (12, _) => Cause::Reported,
        (_, _) => Cause::Unreported,
    }
}

/// Nanoseconds as they are stored: 585 years fit.
#[inline]
pub(crate) fn saturating_nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests need some instant to begin at"
)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn every_report_survives() {
        let epoch = Instant::now();
        let at = |ms| epoch + Duration::from_millis(ms);
        let failures = FailureClass::ALL.into_iter().flat_map(|class| {
            [None, Some(0), Some(-195), Some(i32::MIN), Some(i32::MAX)]
                .map(|code| Failure { class, code })
        });
        let mut causes = vec![
            Cause::Unreported,
            Cause::Configured,
            Cause::Starting,
            Cause::Evidence,
            Cause::Starved,
            Cause::ShuttingDown,
            Cause::ShutDown,
            Cause::CutOff,
            Cause::Reported,
        ];
        for failure in failures {
            causes.extend([
                Cause::StartFailed(failure),
                Cause::LivenessFailed(failure),
                Cause::ClientLost(failure),
                Cause::HandlerFailed(HandlerId(65_535), failure),
            ]);
        }
        let cell = ReportCell::new(epoch);
        assert_eq!(cell.load(epoch), Report::unreported(epoch));
        for (status, cause) in Status::ALL
            .into_iter()
            .flat_map(|s| causes.iter().map(move |c| (s, *c)))
        {
            let report = Report {
                status,
                cause,
                warning: cause.failure(),
                since: at(0),
                evidence: Some(at(7)),
                lease: cause.failure().map(|_| at(1_234_567)),
                attempt: u32::MAX,
            };
            cell.store(epoch, &report);
            assert_eq!(cell.load(epoch), report);
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_report() {
        let epoch = Instant::now();
        let report = move |n: u32| Report {
            attempt: n,
            evidence: Some(epoch + Duration::from_nanos(u64::from(n))),
            lease: Some(epoch + Duration::from_nanos(u64::from(n))),
            ..Report::unreported(epoch)
        };
        let cell = Arc::new(ReportCell::new(epoch));
        cell.store(epoch, &report(0));
        let writer = {
            let cell = Arc::clone(&cell);
            thread::Builder::new()
                .spawn(move || (1..=100_000).for_each(|n| cell.store(epoch, &report(n))))
                .expect("a thread can be spawned")
        };
        let mut newest = 0;
        while newest < 100_000 {
            let seen = cell.load(epoch);
            assert_eq!(seen, report(seen.attempt));
            assert!(seen.attempt >= newest, "time went back");
            newest = seen.attempt;
        }
        writer.join().expect("the writer does not panic");
    }
}
