//! The replay of the recording of a caller, and how other limits, attempts and deadlines would have ended its calls.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use livebus_core::Failure;
use livebus_core::calls::{Action, CallId, Health, NotSent, Outcome, Refusal, Unknown};
use livebus_recording::Outcome as Replayed;
use livebus_recording::calls::policy::{Analysis, Ended, Report};
use livebus_recording::calls::{Content, Line, Replay};
use livebus_runner::Entry;
use serde_json::{Value, json};

use super::{JsonDifferent, JsonSame, MAX_SHOWN, more, same};
use crate::args::{ReplayArgs, ReplayFormat};
use crate::exit::{EXIT_DIFFERENT, UsageError, shown_path};
use crate::output::{milliseconds, print, printable, short, since_begin};
use crate::recorded_time::RecordedTime;

/// Replays the recording, and shows what another policy would have done if one is given.
pub(super) fn replay(args: &ReplayArgs, source: impl BufRead) -> anyhow::Result<ExitCode> {
    let named = || shown_path(&args.file);
    if args.svg.is_some() {
        let error = anyhow::anyhow!(
            "{}: there is no picture of the recording of a caller: leave --svg out",
            named()
        );
        return Err(error.context(UsageError));
    }
    let replay = Replay::new(source)
        .with_context(named)
        .context(UsageError)?;
    let timeline = Timeline::begin(&replay, args.format)?;
    let mut analysis = Analysis::new(&replay);
    let change = args.call_policy.change();
    change.apply(analysis.config()).context(UsageError)?;

    let mut printed = Ok(());
    let outcome = replay.run_with(|_, line, calls| {
        if printed.is_ok() {
            printed = timeline.print(line);
        }
        analysis.add(line, calls);
    });
    printed?;
    let outcome = outcome.with_context(named).context(UsageError)?;
    match &outcome {
        Replayed::Same(summary) => {
            timeline.report("as recorded", analysis.report())?;
            if args.call_policy.is_given() {
                if !analysis.can_simulate() {
                    let error = anyhow::anyhow!(
                        "{}: it continues an earlier file, and what that file knows is needed: try the policy with the earlier file",
                        named()
                    );
                    return Err(error.context(UsageError));
                }
                let simulated = analysis.simulate(&change).context(UsageError)?;
                timeline.report(&args.call_policy.to_string(), &simulated)?;
            }
            print(&if timeline.json {
                serde_json::to_string(&JsonSame::from(summary))?
            } else {
                same(summary)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Replayed::Different(difference) => {
            print(&if timeline.json {
                serde_json::to_string(&JsonDifferent::from(difference))?
            } else {
                format!("different: {difference}")
            })?;
            Ok(ExitCode::from(EXIT_DIFFERENT))
        }
    }
}

/// Prints each change of the health, and in the end how the calls ended.
struct Timeline {
    time: RecordedTime,
    json: bool,
}

impl Timeline {
    fn begin<R>(replay: &Replay<R>, format: ReplayFormat) -> anyhow::Result<Self> {
        let header = replay.header();
        let it = Self {
            time: RecordedTime::new(header.began_unix_ms, replay.epoch()),
            json: format == ReplayFormat::Json,
        };
        if !it.json {
            let caller = printable(&header.config.caller);
            let service = printable(&header.service);
            let began = it.time.wall_clock(it.time.began());
            let continues = match &header.start_state {
                Some(_) => "; continues an earlier file",
                None => "",
            };
            print(&format!(
                "caller {caller} of {service}, recorded from {began}{continues}"
            ))?;
        }
        Ok(it)
    }

    fn print(&self, line: &Line) -> anyhow::Result<()> {
        let Content::Entry(Entry::Action(Action::SetHealth(health))) = line.content else {
            return Ok(());
        };
        let (name, failure) = match health {
            Health::Starting => ("Starting", None),
            Health::Working => ("Working", None),
            Health::RepliesFailed(failure) => ("RepliesFailed", Some(failure)),
        };
        let elapsed = self.time.elapsed(line.at);
        print(&if self.json {
            serde_json::to_string(&json!({
                "time": self.time.wall_clock(line.at),
                "elapsed_ms": milliseconds(elapsed),
                "health": name,
                "failure": failure.map(failure_text),
            }))?
        } else {
            let failure = failure.map(|failure| format!("  {}", failure_text(failure)));
            format!(
                "{}  {name}{}",
                since_begin(elapsed),
                failure.unwrap_or_default()
            )
        })?;
        Ok(())
    }

    fn report(&self, what: &str, report: &Report) -> anyhow::Result<()> {
        print(&if self.json {
            serde_json::to_string(&self.json_report(what, report))?
        } else {
            self.text_report(what, report)
        })?;
        Ok(())
    }

    fn text_report(&self, what: &str, report: &Report) -> String {
        let counters = &report.counters;
        let mut lines = vec![format!(
            "{what}: {} calls, {} replied, {} refused, {} not sent, {} sent and unknown, {} expired, {} cancelled, {} at the shutdown, {} at the end in flight",
            counters.called,
            counters.replied,
            counters.refused,
            counters.not_sent,
            counters.sent_unknown,
            counters.expired,
            counters.cancelled,
            counters.shutting_down,
            report.in_flight_at_end,
        )];
        lines.push(format!(
            "  {} requests sent, {} of them again; {} late and {} duplicate replies",
            counters.sends, counters.retries, counters.late_replies, counters.duplicate_replies,
        ));
        lines.push(format!(
            "  longest call {}, longest until a reply {}; at most {} calls and {} bytes in flight",
            short(report.longest),
            short(report.longest_replied),
            report.max_in_flight,
            report.max_bytes_in_flight,
        ));
        let ended = &report.without_reply;
        let shown = ended.iter().take(MAX_SHOWN);
        lines.extend(shown.map(|ended| format!("  {}", self.ended(ended))));
        lines.extend(more(ended.len()));
        for (calls, what) in unknown(report) {
            let shown = calls.iter().take(MAX_SHOWN);
            lines.extend(shown.map(|call| format!("  unknown: {what}: call {}", call.0)));
            lines.extend(more(calls.len()));
        }
        lines.join("\n")
    }

    fn ended(&self, ended: &Ended) -> String {
        format!(
            "call {} at {}, after {}: {}",
            ended.call.0,
            since_begin(self.time.elapsed(ended.at)),
            short(ended.took),
            outcome_text(ended.outcome),
        )
    }

    fn json_report(&self, what: &str, report: &Report) -> Value {
        let counters = &report.counters;
        let calls = |calls: &BTreeSet<CallId>| calls.iter().map(|it| it.0).collect::<Vec<_>>();
        let elapsed = |at: Instant| milliseconds(self.time.elapsed(at));
        let ended = |ended: &Ended| {
            json!({
                "call": ended.call.0,
                "elapsed_ms": elapsed(ended.at),
                "took_ms": milliseconds(ended.took),
                "outcome": outcome_text(ended.outcome),
            })
        };
        json!({
            "report": what,
            "called": counters.called,
            "replied": counters.replied,
            "refused": counters.refused,
            "not_sent": {
                "bus": report.not_sent.bus,
                "replies": report.not_sent.replies,
                "send": report.not_sent.send,
                "deadline": report.not_sent.deadline,
                "too_large": report.not_sent.too_large,
                "overloaded": report.not_sent.overloaded,
                "shutting_down": report.not_sent.shutting_down,
            },
            "sent_unknown": counters.sent_unknown,
            "expired": counters.expired,
            "cancelled": counters.cancelled,
            "shutting_down": counters.shutting_down,
            "in_flight_at_end": report.in_flight_at_end,
            "sends": counters.sends,
            "retries": counters.retries,
            "late_replies": counters.late_replies,
            "duplicate_replies": counters.duplicate_replies,
            "longest_ms": milliseconds(report.longest),
            "longest_replied_ms": milliseconds(report.longest_replied),
            "max_in_flight": report.max_in_flight,
            "max_bytes_in_flight": report.max_bytes_in_flight,
            "without_reply": report.without_reply.iter().map(ended).collect::<Vec<_>>(),
            "unknown": {
                "calls": calls(&report.unknown.calls),
                "attempts": calls(&report.unknown.attempts),
                "replies": calls(&report.unknown.replies),
            },
        })
    }
}

/// Returns what was assumed, in the words of a text.
fn unknown(report: &Report) -> [(&BTreeSet<CallId>, &'static str); 3] {
    let unknown = &report.unknown;
    [
        (
            &unknown.calls,
            "was not sent, assumed to be replied after the median time",
        ),
        (
            &unknown.attempts,
            "would have been sent again, assumed not to be replied",
        ),
        (
            &unknown.replies,
            "would have waited longer, assumed not to be replied",
        ),
    ]
}

fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Replied => "replied".to_owned(),
        Outcome::Refused(refusal) => format!("refused, {}", refusal_text(refusal)),
        Outcome::NotSent(reason) => format!("not sent, {}", not_sent_text(reason)),
        Outcome::SentUnknown(Unknown::Send(failure)) => {
            format!("sent or not, {}", failure_text(failure))
        }
        Outcome::SentUnknown(Unknown::Refused(refusal)) => {
            format!("executed or not, refused: {}", refusal_text(refusal))
        }
        Outcome::Expired => "expired".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::ShuttingDown => "ended by the shutdown".to_owned(),
    }
}

fn not_sent_text(reason: NotSent) -> String {
    match reason {
        NotSent::Bus(cause) => match cause.failure() {
            Some(failure) => format!("the bus: {cause}, {}", failure_text(failure)),
            None => format!("the bus: {cause}"),
        },
        NotSent::Replies(failure) => format!("the replies: {}", failure_text(failure)),
        NotSent::Send(failure) => format!("the send: {}", failure_text(failure)),
        NotSent::Deadline => "its deadline was over".to_owned(),
        NotSent::TooLarge => "it is too large".to_owned(),
        NotSent::Overloaded { retry_after } => {
            format!("over a limit, try again in {}", short(retry_after))
        }
        NotSent::ShuttingDown => "the caller was being shut down".to_owned(),
    }
}

const fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLate => "too late",
        Refusal::Unsupported => "no such method",
        Refusal::Overloaded => "overloaded",
        Refusal::Unavailable => "unavailable",
    }
}

fn failure_text(failure: Failure) -> String {
    match failure.code {
        Some(code) => format!("{} ({code})", failure.class),
        None => failure.class.to_string(),
    }
}
