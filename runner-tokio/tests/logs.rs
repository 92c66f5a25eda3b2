//! What an operator finds in the log: one event per change, and nothing per message.

mod support;

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use livebus_core::Status;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Answer, ScriptedBus, builder, until};

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("nobody panics")
            .extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_change_is_one_event_with_its_cause_and_a_message_is_none() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .finish();
    // The test's runtime has this one thread.
    let _guard = tracing::subscriber::set_default(subscriber);

    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus)
        .service("orders")
        .start()
        .await
        .expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::Running).await;
    while bus.asked.load(Ordering::Relaxed) < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bus.answer(Answer::Silence);
    until(&mut changes, Status::NotReady).await;
    handle.shutdown().await;

    let text =
        String::from_utf8(log.0.lock().expect("nobody panics").clone()).expect("a log is text");
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        &[
            "supervising",
            "service=\"orders\"",
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
            "unproved_ms=0",
        ],
        &[
            "WARN",
            "status=\"NotReady\"",
            "cause=\"LivenessFailed\"",
            "class=\"Timeout\"",
            "unproved_ms=",
        ],
        &["status=\"NotReady\"", "cause=\"ShuttingDown\""],
        &["status=\"Stopped\"", "cause=\"ShutDown\""],
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, parts) in lines.iter().zip(expected) {
        for part in parts {
            assert!(line.contains(part), "{line:?} has no {part:?}");
        }
    }
}
