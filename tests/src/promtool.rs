//! Prometheus' own check of metrics: `promtool`, of Debian's package `prometheus`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Returns whether promtool can run here.
///
/// # Errors
///
/// The reason why not, and the remedy.
pub fn availability() -> Result<(), String> {
    let version = Command::new("promtool")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match version {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("promtool --version fails: {status}")),
        Err(_) => Err(
            "promtool was not found on the PATH; install Debian's package prometheus".to_owned(),
        ),
    }
}

/// Checks metrics in Prometheus' text format: that it can read them, and the rules for names.
///
/// # Errors
///
/// Everything that promtool reports.
pub fn check_metrics(metrics: &str) -> anyhow::Result<()> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start promtool")?;
    let mut input = promtool.stdin.take().context("it has an input")?;
    // It reads everything before it writes.
    input.write_all(metrics.as_bytes())?;
    drop(input);
    let output = promtool.wait_with_output()?;
    let reported = [output.stdout, output.stderr].concat();
    if !output.status.success() || !reported.is_empty() {
        let reported = String::from_utf8_lossy(&reported);
        bail!("promtool ends with {}: {reported}", output.status);
    }
    Ok(())
}
