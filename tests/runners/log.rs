//! The log: one event per change, and none per liveness message.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use livebus_core::Status;
use livebus_tests::host::FullRunner;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start};

/// Everything that this process has logged. A runner logs from threads of its runtime, so all cases share one log.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Installs the subscriber that writes it.
pub(crate) fn install() {
    tracing_subscriber::fmt()
        .with_writer(Log)
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .init();
}

pub(crate) async fn each_change_is_one_log_event_with_its_cause<R: FullRunner>() {
    /// Distinguishes the runs of this case on different runtimes.
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let bus = ScriptedBus::new(Answer::Live);
    let service = format!("orders-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let (handle, mut changes) = start(builder::<R>(&bus).service(&service)).await;
    changes.until(Status::Running).await;
    eventually::<R>("another message", || bus.messages_sent() >= 5).await;
    bus.set_answer(Answer::Silence);
    changes.until(Status::NotReady).await;
    handle.shutdown().await;

    let text = text();
    for line in text.lines() {
        assert!(
            line.contains(" service=") || line.contains(" address="),
            "{line:?} names neither a service nor an address"
        );
    }
    let mine = format!(" service=\"{service}\"");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(&mine)).collect();
    let expected = [
        &[
            "supervising",
            "detection_bound_ms=605",
            "shutdown_bound_ms=400",
        ][..],
        &["status=\"Preparing\"", "from=\"Unknown\""],
        &["status=\"Prepared\"", "from=\"Preparing\""],
        &[
            "INFO",
            "status=\"Running\"",
            "cause=\"Evidence\"",
            "attempt=1",
            "unverified_ms=",
        ],
        &[
            "WARN",
            "status=\"NotReady\"",
            "cause=\"LivenessFailed\"",
            "class=\"Timeout\"",
            "unverified_ms=",
        ],
        &["status=\"NotReady\"", "cause=\"ShuttingDown\""],
        &["status=\"Stopped\"", "cause=\"ShutDown\""],
    ];
    assert_eq!(lines.len(), expected.len(), "{}", lines.join("\n"));
    for (line, parts) in lines.iter().zip(expected) {
        for part in parts {
            assert!(line.contains(part), "{line:?} has no {part:?}");
        }
    }
}

pub(crate) fn text() -> String {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8(log.clone()).expect("the log is UTF-8")
}

/// Appends to the log; each call is one event.
#[derive(Debug, Clone, Copy)]
struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(event);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
