//! The counters of Linux for TCP.

use std::fs;

use anyhow::Context as _;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Returns how many connections to this port wait to be accepted.
///
/// # Errors
///
/// When nothing listens there.
pub(crate) fn accept_queue(port: u16) -> anyhow::Result<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let tables = tables.into_iter().flatten().collect::<String>();
    let listener = tables.lines().find_map(|line| waiting(line, port));
    listener.with_context(|| format!("nothing listens at port {port}"))
}

/// Returns the number in the line of a socket that listens at this port.
fn waiting(line: &str, port: u16) -> Option<u32> {
    // "  0: 0100007F:3A98 00000000:0000 0A 00000000:00000002 ...": the last number there is the receive queue, which for a
    // socket that listens is that of the connections.
    let mut words = line.split_whitespace().skip(1);
    let (_, local) = words.next()?.rsplit_once(':')?;
    let is_there = u16::from_str_radix(local, 16) == Ok(port) && words.nth(1)? == LISTEN;
    let (_, queue) = words.next()?.split_once(':')?;
    is_there.then(|| u32::from_str_radix(queue, 16).ok())?
}

/// Returns how many attempts to connect failed, of all processes: they were refused, or not answered.
///
/// # Errors
///
/// When the system does not count them.
pub(crate) fn failed_connects() -> anyhow::Result<u32> {
    let counters = fs::read_to_string("/proc/net/snmp")?;
    let mut tcp = counters.lines().filter_map(|it| it.strip_prefix("Tcp: "));
    let (names, values) = (tcp.next(), tcp.next());
    let (names, values) = names.zip(values).context("no line of TCP")?;
    let mut counters = names.split(' ').zip(values.split(' '));
    let failed = counters.find(|(name, _)| *name == "AttemptFails");
    let (_, failed) = failed.context("no AttemptFails")?;
    Ok(failed.parse()?)
}
