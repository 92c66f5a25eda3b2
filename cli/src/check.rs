//! `livebus check` and `livebus wait`: one verdict, as a line and an exit code.

use std::pin::pin;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::channel::oneshot;
use futures::{FutureExt, StreamExt, select};
use livebus_core::{Config, Settings};
use livebus_kafka::KafkaBus;
use livebus_readiness::StatusChange;
use livebus_runner::{Builder, Bus, Handle, Runtime};
use serde_json::Value;

use crate::args::{CheckedArgs, EndArgs};
use crate::bus_config::{bus_config, named_bus};
use crate::console::Console;
use crate::exit::UsageError;
use crate::output::{self, JsonChange, Seen};
use crate::probe_answer;
use crate::probe_url::ProbeUrl;
use crate::runtime::CommandRuntime;
use crate::settings::{settings, usage_error};
use crate::signals::{self, Signals};
use crate::stream::Stream;
use crate::style;
use crate::verdict::{Conclusion, Finding, Purpose, Verdict};

/// The maximum time for which the end waits for the client to close.
const MAX_STOP: Duration = Duration::from_secs(1);
/// How often the cause is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const SERVICE: &str = "message-bus";

/// How a check has ended.
enum End {
    Found(Finding),
    /// By a signal, of this number.
    Signalled(i32),
}

/// A check, and how its verdict is printed.
pub(crate) struct Check {
    args: CheckedArgs,
    purpose: Purpose,
    timeout: Duration,
    console: Console,
    began: Instant,
}

impl Check {
    pub(crate) fn new(
        args: CheckedArgs,
        purpose: Purpose,
        timeout: Duration,
        console: Console,
    ) -> Self {
        Self {
            args,
            purpose,
            timeout,
            console,
            began: Instant::now(),
        }
    }

    /// Asks the bus or the URL that the arguments name, and prints the verdict.
    pub(crate) async fn run<R: CommandRuntime>(self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::listen()?;
        if self.timeout.is_zero() {
            let error = anyhow::anyhow!("--timeout 0s: make it longer than zero");
            return Err(error.context(UsageError));
        }
        if let Some(url) = &self.args.url {
            if self.args.bus.bootstrap_servers.is_some() {
                let error = anyhow::anyhow!(
                    "a URL and a bus (-b) are given, and one of them is checked: leave one out"
                );
                return Err(error.context(UsageError));
            }
            let end = self.ask_url(url.clone(), &mut signals).await?;
            return self.conclude(end);
        }
        let servers = named_bus(&self.args.bus)?
            .context(
                "nothing to check is named: write the addresses of a bus, like -b kafka:9092, or the URL of a running livebus, \
                 like http://127.0.0.1:8080",
            )
            .context(UsageError)?;
        let bus = self.start::<R>(&servers).await?;
        let end = self.watch(&bus, &mut signals).await;
        // The verdict does not wait for the client to close.
        let code = self.conclude(end);
        select! {
            _ = bus.shutdown().boxed_local().fuse() => {}
            () = R::sleep(MAX_STOP).fuse() => {}
        }
        code
    }

    async fn ask_url(&self, url: ProbeUrl, signals: &mut Signals) -> anyhow::Result<End> {
        let (sender, found) = oneshot::channel();
        let (purpose, timeout) = (self.purpose, self.timeout);
        // A request cannot be cancelled: after a signal, the end of the process ends it.
        thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || sender.send(probe_answer::ask_until(&url, purpose, timeout)))
            .context("cannot ask the URL")?;
        select! {
            found = found.fuse() => Ok(End::Found(found.context("cannot ask the URL")?)),
            signal = signals.next().fuse() => Ok(End::Signalled(signal)),
        }
    }

    async fn start<R: CommandRuntime>(&self, servers: &str) -> anyhow::Result<Handle<KafkaBus<R>>> {
        let settings = Settings {
            stop_timeout: MAX_STOP,
            ..settings(&self.args.rules, &EndArgs::default(), false)
        };
        Config::new(settings.clone()).map_err(|error| usage_error(error.into()))?;
        let kafka = bus_config(&self.args.bus, servers, &self.console.stderr)?;
        let builder = Builder::<R, _>::new(kafka)
            .settings(settings)
            .service(SERVICE);
        builder.start().await.map_err(usage_error)
    }

    /// Follows the status until the purpose is met, at most for the timeout.
    async fn watch<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>, signals: &mut Signals) -> End {
        let mut changes = bus.changes_from_start();
        let left = self.timeout.saturating_sub(self.began.elapsed());
        let mut timeout = pin!(R::sleep(left).fuse());
        let mut newest: Option<StatusChange> = None;
        loop {
            select! {
                change = changes.next().fuse() => {
                    let Some(change) = change else { break };
                    R::sleep(output::UNTIL_DEADLINE_IS_SET).await;
                    newest = Some(change);
                    if self.purpose.is_met_by_report(&change.report) {
                        break;
                    }
                    self.show(bus, &change);
                }
                // The cause may change without the status.
                () = R::sleep(LOOK_INTERVAL).fuse() => {
                    if self.purpose.is_met_by_report(&bus.report()) {
                        break;
                    }
                }
                () = timeout => break,
                signal = signals.next().fuse() => return End::Signalled(signal),
            }
        }
        End::Found(newest.map_or_else(nothing_found, |newest| {
            let report = bus.report();
            found(bus, &StatusChange { report, ..newest })
        }))
    }

    /// Prints a change for which a `wait` goes on.
    fn show<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>, change: &StatusChange) {
        let is_waiting = self.purpose != Purpose::Check;
        if is_waiting && !self.args.quiet {
            let time = output::wall_clock(change.at);
            let explain = |failure| bus.bus().explain(failure);
            let coloured = style::coloured(&std::io::stderr());
            let line = output::text_line(&time, change, explain, &Seen::of(bus), coloured);
            self.console.stderr.line(line);
        }
    }

    fn conclude(&self, end: End) -> anyhow::Result<ExitCode> {
        let finding = match end {
            End::Found(finding) => finding,
            End::Signalled(signal) => {
                if !self.args.quiet {
                    report_signal(&self.console.stderr, signal);
                }
                return Ok(signals::exit_code(signal));
            }
        };
        let conclusion = Conclusion {
            purpose: self.purpose,
            finding,
            elapsed: self.began.elapsed(),
        };
        if !self.args.quiet {
            let coloured = style::stdout_is_coloured();
            let line = conclusion.line(self.args.format, coloured)?;
            self.console.stdout.line(line);
        }
        Ok(ExitCode::from(u8::from(!conclusion.is_success())))
    }
}

fn report_signal(stderr: &Stream, signal: i32) {
    let name = signals::name(signal);
    stderr.line(format!("livebus: ended by {name} before the verdict"));
}

fn nothing_found() -> Finding {
    Finding {
        verdict: None,
        text: "the supervision has not begun".to_owned(),
        details: Value::Null,
    }
}

/// Returns what the newest change says.
fn found<R: Runtime>(bus: &Handle<KafkaBus<R>>, change: &StatusChange) -> Finding {
    let explain = |failure| bus.bus().explain(failure);
    let (time, seen) = (output::wall_clock(change.at), Seen::of(bus));
    let status = change.report.status;
    let description = output::description(change, explain, &seen);
    let json = JsonChange::new(SERVICE, &time, None, change, explain, &seen);
    Finding {
        verdict: Verdict::of(status),
        text: format!("{status}, {description}"),
        details: serde_json::to_value(json).unwrap_or_default(),
    }
}
