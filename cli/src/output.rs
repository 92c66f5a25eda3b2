//! Changes of status, as text or JSON.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use livebus_core::{Cause, Failure, Report};
use livebus_kafka::{KafkaBus, RoundTally};
use livebus_readiness::{Detail, Explanation, StatusChange};
use livebus_runner::{Bus, Handle, Runtime};
use serde::Serialize;

use crate::style;

/// The loop sets its next deadline just after it has reported a change: what is shown with a change is looked up so much later.
pub(crate) const UNTIL_DEADLINE_IS_SET: Duration = Duration::from_millis(5);

/// What is shown with a change besides the change: the facts about the bus, and when it is checked next.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) leaders: Option<RoundTally>,
    pub(crate) cluster_id: Option<String>,
    /// `bootstrap_servers` and `topic`.
    pub(crate) configured: Vec<Detail>,
    pub(crate) next_check: Option<Duration>,
}

impl Seen {
    /// Returns what is known now. A replay has nothing of it.
    pub(crate) fn of<R: Runtime>(bus: &Handle<KafkaBus<R>>) -> Self {
        let configured = |it: &Detail| matches!(it.name, "bootstrap_servers" | "topic");
        let now = Instant::now();
        Self {
            leaders: bus.bus().newest_round(),
            cluster_id: bus.bus().cluster_id(),
            configured: bus.bus().details().into_iter().filter(configured).collect(),
            next_check: bus
                .next_deadline()
                .map(|at| at.saturating_duration_since(now)),
        }
    }

    /// Returns what is known in the words of a line, each part alone.
    pub(crate) fn parts(&self) -> Vec<String> {
        let leaders = self
            .leaders
            .map(|it| format!("{} of {} leaders answered", it.answered, it.sent));
        let cluster = self.cluster_id.as_ref().map(|id| format!("cluster {id}"));
        let next = self
            .next_check
            .map(|left| format!("next check in {}", short(left)));
        leaders.into_iter().chain(cluster).chain(next).collect()
    }

    /// Returns the topic and the bootstrap servers in the words of a line, each part alone.
    pub(crate) fn configured_parts(&self) -> impl Iterator<Item = String> {
        let topic = self.configured("topic").map(|it| format!("topic {it}"));
        let servers = self
            .configured("bootstrap_servers")
            .map(|it| format!("bootstrap servers {it}"));
        topic.into_iter().chain(servers)
    }

    fn configured(&self, name: &str) -> Option<&str> {
        let found = self.configured.iter().find(|it| it.name == name);
        found.map(|it| &*it.value)
    }
}

/// Returns one line of text: the time, the status, the cause with its reason and its remedy; and, if something is wrong, the topic,
/// the servers, the time since the newest evidence and what else is seen.
pub(crate) fn text_line(
    time: &str,
    change: &StatusChange,
    explain: impl Fn(Failure) -> Explanation,
    seen: &Seen,
    coloured: bool,
) -> String {
    let Report {
        status, warning, ..
    } = change.report;
    let mark = style::paint(
        coloured,
        style::of(status, warning.is_some()),
        &format!("{status:<9}"),
    );
    let text = description(change, explain, seen);
    format!("{time}  {mark}  {text}")
}

/// Returns the cause with its reason and its remedy; and, if something is wrong, the topic, the servers, the time since the newest
/// evidence and what else is seen.
pub(crate) fn description(
    change: &StatusChange,
    explain: impl Fn(Failure) -> Explanation,
    seen: &Seen,
) -> String {
    let Report { cause, warning, .. } = change.report;
    let is_wrong = warning.is_some() || cause.failure().is_some();
    let warning = warning.map_or_else(String::new, |warning| {
        format!(", with a warning: {}", explain(warning).describe(warning))
    });
    let explanation = cause.failure().map_or_else(Explanation::default, explain);
    let cause_text = explanation.describe_cause(cause);
    let mut parts = Vec::new();
    if is_wrong {
        parts.extend(seen.configured_parts());
        let gap = change.unverified_for();
        parts.extend(gap.map(|gap| format!("last evidence {} before", short(gap))));
    }
    if is_wrong || cause == Cause::Evidence {
        parts.extend(seen.parts());
    }
    let parts = if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    };
    printable(&format!("{cause_text}{warning}{parts}"))
}

/// Returns one JSON object, without a line end. A change from a replay also has the time since the recording began.
pub(crate) fn json_line(
    service: &str,
    time: &str,
    elapsed: Option<Duration>,
    change: &StatusChange,
    explain: impl Fn(Failure) -> Explanation,
    seen: &Seen,
) -> io::Result<String> {
    let line = JsonChange::new(service, time, elapsed, change, explain, seen);
    Ok(serde_json::to_string(&line)?)
}

/// A change as a JSON object.
#[derive(Serialize)]
pub(crate) struct JsonChange<'a> {
    /// RFC 3339, UTC, milliseconds.
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
    service: &'a str,
    status: &'static str,
    from: &'static str,
    cause: &'static str,
    failure: Option<JsonFailure>,
    warning: Option<JsonFailure>,
    attempt: u32,
    /// The time since the newest evidence that the bus works.
    unverified_ms: Option<f64>,
    /// The time until the next check, or, while one is in flight, until its deadline.
    next_check_ms: Option<f64>,
    /// The number of leaders to which the newest round has sent a record, and the number that have acknowledged theirs.
    leaders_sent: Option<u8>,
    leaders_answered: Option<u8>,
    cluster_id: Option<&'a str>,
    topic: Option<&'a str>,
    bootstrap_servers: Option<&'a str>,
}

impl<'a> JsonChange<'a> {
    pub(crate) fn new(
        service: &'a str,
        time: &'a str,
        elapsed: Option<Duration>,
        change: &StatusChange,
        explain: impl Fn(Failure) -> Explanation,
        seen: &'a Seen,
    ) -> Self {
        let explained = |failure| JsonFailure::new(failure, explain(failure));
        let Report {
            status,
            cause,
            warning,
            attempt,
            ..
        } = change.report;
        Self {
            time,
            elapsed_ms: elapsed.map(milliseconds),
            service,
            status: status.name(),
            from: change.from.name(),
            cause: cause.name(),
            failure: cause.failure().map(explained),
            warning: warning.map(explained),
            attempt,
            unverified_ms: change.unverified_for().map(milliseconds),
            next_check_ms: seen.next_check.map(milliseconds),
            leaders_sent: seen.leaders.map(|it| it.sent),
            leaders_answered: seen.leaders.map(|it| it.answered),
            cluster_id: seen.cluster_id.as_deref(),
            topic: seen.configured("topic"),
            bootstrap_servers: seen.configured("bootstrap_servers"),
        }
    }
}

#[derive(Serialize)]
struct JsonFailure {
    class: &'static str,
    /// librdkafka's error code and its name.
    code: Option<i32>,
    code_name: Option<Cow<'static, str>>,
    /// What happened, to which broker or topic.
    reason: Option<String>,
    remedy: Option<Cow<'static, str>>,
}

impl JsonFailure {
    fn new(failure: Failure, explanation: Explanation) -> Self {
        let Explanation {
            code_name,
            reason,
            remedy,
        } = explanation;
        Self {
            class: failure.class.name(),
            code: failure.code,
            code_name,
            reason,
            remedy,
        }
    }
}

/// Writes a line to standard output. Returns `Ok(false)` when it has no reader any more.
pub(crate) fn print(line: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns foreign text without control characters, which could move the cursor or change colours.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Formats a duration for people: `87 ms`, `1.25 s`, `3 min 5 s`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.2} s", duration.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600.. => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Returns milliseconds, rounded to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Returns the wall-clock time of a past instant, as RFC 3339 in UTC.
pub(crate) fn wall_clock(at: Instant) -> String {
    let time = SystemTime::now() - at.elapsed();
    humantime::format_rfc3339_millis(time).to_string()
}

/// Formats an elapsed time, with a fixed width on the first day: `00:00:07.250`, `3d 12:00:00.000`.
pub(crate) fn since_begin(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let days = if days > 0 {
        format!("{days}d ")
    } else {
        String::new()
    };
    format!(
        "{days}{hours:02}:{:02}:{:02}.{:03}",
        seconds / 60 % 60,
        seconds % 60,
        elapsed.subsec_millis()
    )
}
