//! SIGINT, SIGTERM and SIGHUP.

use std::fs;
use std::future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, iterator, low_level};

use crate::stream::clear_live_line_at_once;

/// Receives signals from its creation on, on a thread of its own, without a runtime.
///
/// The first signal asks the command to end. One that comes at least [`ImpatienceRule::MIN_DELAY`] later ends the process at
/// once, whatever the command does.
pub(crate) struct Signals {
    asked_to_end: UnboundedReceiver<i32>,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        const FAILED: &str = "cannot handle signals";
        // A file that reaches its maximum size is an error of the write, and not the end of the process.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).context(FAILED)?;
        let hangup = Some(SIGHUP).filter(|signal| !is_ignored(*signal));
        let handled = [SIGINT, SIGTERM].into_iter().chain(hangup);
        let mut signals = iterator::Signals::new(handled).context(FAILED)?;
        let (sender, asked_to_end) = mpsc::unbounded();
        let forward = move || {
            let mut rule = ImpatienceRule::default();
            for signal in signals.forever() {
                match rule.on_signal(Instant::now()) {
                    Response::AskToEnd => {
                        // After the command's end there is no receiver.
                        let _ = sender.unbounded_send(signal);
                    }
                    Response::Ignore => {}
                    // Runs no exit handlers, which could block.
                    Response::EndAtOnce => {
                        clear_live_line_at_once();
                        low_level::exit(128 + signal);
                    }
                }
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(forward)
            .context(FAILED)?;
        Ok(Self { asked_to_end })
    }

    /// Waits for the signal that asks the command to end, and returns its number.
    pub(crate) async fn next(&mut self) -> i32 {
        match self.asked_to_end.next().await {
            Some(signal) => signal,
            None => future::pending().await,
        }
    }
}

/// Returns the exit code of a program that a signal has ended, as shells have it.
pub(crate) fn exit_code(signal: i32) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Returns the name of a signal.
pub(crate) fn name(signal: i32) -> &'static str {
    low_level::signal_name(signal).unwrap_or("a signal")
}

/// Decides what a signal means.
///
/// Some senders send two at once: `timeout` signals its child and its process group, and a terminal signals all processes of a
/// pipeline, which may pass it on. Two within [`MIN_DELAY`](Self::MIN_DELAY) are therefore one.
#[derive(Debug, Default)]
struct ImpatienceRule {
    first: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Response {
    AskToEnd,
    Ignore,
    EndAtOnce,
}

impl ImpatienceRule {
    /// The minimum time between the first signal and one that ends the process at once.
    const MIN_DELAY: Duration = Duration::from_secs(1);

    fn on_signal(&mut self, now: Instant) -> Response {
        match self.first {
            None => {
                self.first = Some(now);
                Response::AskToEnd
            }
            Some(first) if now.saturating_duration_since(first) < Self::MIN_DELAY => {
                Response::Ignore
            }
            Some(_) => Response::EndAtOnce,
        }
    }
}

/// Returns whether the process was started with this signal ignored, as `nohup` does with SIGHUP. Linux only; elsewhere false.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_signals(&status).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Returns the mask of ignored signals in a Linux `/proc/PID/status`.
fn ignored_signals(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_within_a_second_are_one_and_a_later_one_ends_the_process() {
        let mut rule = ImpatienceRule::default();
        let first = Instant::now();
        assert_eq!(rule.on_signal(first), Response::AskToEnd);
        for milliseconds in [0, 1, 500, 999] {
            let now = first + Duration::from_millis(milliseconds);
            assert_eq!(rule.on_signal(now), Response::Ignore, "{milliseconds}");
        }
        for seconds in [1, 2, 100] {
            let now = first + Duration::from_secs(seconds);
            assert_eq!(rule.on_signal(now), Response::EndAtOnce, "{seconds}");
        }
    }

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tlivebus\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\tlivebus\n"), None);
    }
}
