//! The log: one line for each event, formatted only when it is read.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};

use livebus_core::{Action, Event, Failure, Supervisor};

/// The number of lines that a failure shows.
const MAX_LINES: usize = 40;

/// What happens to the lines.
#[derive(Debug, Clone, Default)]
pub(super) enum Log {
    /// They are not formatted.
    #[default]
    Off,
    /// The last ones are kept.
    Last(VecDeque<String>),
    /// All are printed.
    Print,
}

impl Log {
    pub(super) fn line(
        &mut self,
        clock: u64,
        service: usize,
        event: Option<&Event>,
        actions: &[Action],
        supervisor: &Supervisor,
        stale: u64,
    ) {
        if let Self::Off = self {
            return;
        }
        let mut line = format!(
            "{:>6}.{:09} {service} ",
            clock / 1_000_000_000,
            clock % 1_000_000_000
        );
        let input = event.map_or_else(|| "time".to_owned(), event_text);
        let stale = if stale > 0 { " (stale)" } else { "" };
        let _ = write!(line, "{input}{stale}");
        for action in actions {
            let _ = write!(line, "; {}", action_text(action));
        }
        let status = supervisor.report().status;
        let _ = write!(line, " => {status}, {}", supervisor.phase());
        self.write(line);
    }

    /// Logs what happened in the environment.
    pub(super) fn note(&mut self, clock: u64, text: fmt::Arguments<'_>) {
        if let Self::Off = self {
            return;
        }
        let (seconds, nanos) = (clock / 1_000_000_000, clock % 1_000_000_000);
        self.write(format!("{seconds:>6}.{nanos:09} - {text}"));
    }

    fn write(&mut self, line: String) {
        match self {
            Self::Off => {}
            Self::Last(lines) => {
                if lines.len() == MAX_LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            Self::Print => println!("{line}"),
        }
    }

    pub(super) fn lines(self) -> Vec<String> {
        match self {
            Self::Last(lines) => lines.into(),
            Self::Off | Self::Print => Vec::new(),
        }
    }
}

fn event_text(event: &Event) -> String {
    let result_text = |result: &Result<(), Failure>| match result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => failure.class.name().to_owned(),
    };
    match event {
        Event::StartAnswered { id, result } => {
            format!("start {} answered {}", id.number(), result_text(result))
        }
        Event::LivenessAnswered { id, result } => {
            format!("liveness {} answered {}", id.number(), result_text(result))
        }
        Event::RegistrationAnswered { id, result } => {
            format!(
                "registration {} answered {}",
                id.number(),
                result_text(result)
            )
        }
        Event::HandlerHealth { id, result } => {
            format!("handler {} reports {}", id.number(), result_text(result))
        }
        Event::StopAnswered { id, result } => {
            format!("stop {} answered {}", id.number(), result_text(result))
        }
        Event::Live { .. } => "evidence".to_owned(),
        Event::Suspicion(failure) => format!("suspicion {}", failure.class),
        Event::ClientLost { client, .. } => format!("client {} lost", client.number()),
        Event::Shutdown => "shutdown".to_owned(),
    }
}

fn action_text(action: &Action) -> String {
    match action {
        Action::Start { id, attempt, .. } => format!("start {} (attempt {attempt})", id.number()),
        Action::SendLiveness { id, .. } => format!("send liveness {}", id.number()),
        Action::RegisterHandler { id, handler, .. } => {
            format!("register {} ({})", handler.index(), id.number())
        }
        Action::DiscardClient { client } => format!("discard client {}", client.number()),
        Action::DiscardRegistration { registration } => {
            format!("discard registration {}", registration.number())
        }
        Action::SetStatus(report) => match report.warning {
            Some(warning) => format!("{}: {}, but {warning}", report.status, report.cause),
            None => format!("{}: {}", report.status, report.cause),
        },
        Action::Renew { .. } => "renew".to_owned(),
        Action::Stop { id, .. } => format!("stop {}", id.number()),
    }
}
