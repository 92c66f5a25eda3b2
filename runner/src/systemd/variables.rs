//! What systemd tells a process in its environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use super::socket::NotifyAddress;

const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// What systemd tells a process in its environment: where it listens for notifications (`NOTIFY_SOCKET`), and how often its watchdog
/// expects one (`WATCHDOG_USEC`, `WATCHDOG_PID`).
#[derive(Debug, Clone)]
pub struct Systemd {
    address: NotifyAddress,
    watchdog: Result<Option<Duration>, Arc<SystemdError>>,
}

/// The error when a variable has a value that systemd does not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemdError {
    /// `NOTIFY_SOCKET` is no address of a socket.
    #[error(
        "NOTIFY_SOCKET={value:?} cannot be used: {reason}; unset it, or let systemd set it, like /run/systemd/notify"
    )]
    NotifySocket {
        /// Its value.
        value: OsString,
        /// What is wrong with it.
        reason: io::Error,
    },
    /// `WATCHDOG_USEC` is no time.
    #[error(
        "WATCHDOG_USEC={value:?} is no number of microseconds above 0: unset it, or let systemd set it by WatchdogSec="
    )]
    WatchdogUsec {
        /// Its value.
        value: OsString,
    },
    /// `WATCHDOG_PID` is no process.
    #[error(
        "WATCHDOG_PID={value:?} is no number of a process: unset it, or let systemd set it by WatchdogSec="
    )]
    WatchdogPid {
        /// Its value.
        value: OsString,
    },
}

impl Systemd {
    /// Reads the environment of this process. `None` unless a service manager has started it and listens.
    ///
    /// # Errors
    ///
    /// [`SystemdError::NotifySocket`]. A watchdog that is none does not keep systemd from being notified: see
    /// [`watchdog_error`](Self::watchdog_error).
    pub fn from_env() -> Result<Option<Self>, SystemdError> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// As [`from_env`](Self::from_env), with the variables that `variable` returns. An empty one is none.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, SystemdError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let Some(value) = variable(NOTIFY_SOCKET) else {
            return Ok(None);
        };
        let address = match NotifyAddress::parse(&value) {
            Ok(address) => address,
            Err(reason) => return Err(SystemdError::NotifySocket { value, reason }),
        };
        let watchdog = watchdog(variable(WATCHDOG_USEC), variable(WATCHDOG_PID));
        Ok(Some(Self {
            address,
            watchdog: watchdog.map_err(Arc::new),
        }))
    }

    /// Returns how long the watchdog waits for a notification until it ends the process; `None` without a watchdog of this process.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.as_ref().ok().copied().flatten()
    }

    /// Returns why the watchdog is not notified, though a variable names one: a value is invalid.
    #[must_use]
    pub fn watchdog_error(&self) -> Option<&SystemdError> {
        self.watchdog.as_ref().err().map(|error| &**error)
    }

    pub(super) fn into_address(self) -> NotifyAddress {
        self.address
    }
}

fn watchdog(
    usec: Option<OsString>,
    pid: Option<OsString>,
) -> Result<Option<Duration>, SystemdError> {
    match usec {
        Some(usec) if is_for_this_process(pid)? => microseconds(usec).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// Returns whether the watchdog is of this process: a child inherits the variables of its parent.
fn is_for_this_process(pid: Option<OsString>) -> Result<bool, SystemdError> {
    let Some(value) = pid else {
        return Ok(true);
    };
    match number(&value) {
        Some(pid) => Ok(pid == u64::from(process::id())),
        None => Err(SystemdError::WatchdogPid { value }),
    }
}

fn microseconds(value: OsString) -> Result<Duration, SystemdError> {
    match number(&value) {
        Some(usec @ 1..) => Ok(Duration::from_micros(usec)),
        Some(0) | None => Err(SystemdError::WatchdogUsec { value }),
    }
}

fn number(value: &OsStr) -> Option<u64> {
    value.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Systemd>, SystemdError> {
        Systemd::from_variables(|name| {
            let set = variables.iter().find(|(it, _)| *it == name);
            set.map(|(_, value)| OsString::from(value))
        })
    }

    fn with_watchdog(usec: &str, pid: Option<&str>) -> Systemd {
        let mut variables = vec![(NOTIFY_SOCKET, "/run/x"), (WATCHDOG_USEC, usec)];
        variables.extend(pid.map(|pid| (WATCHDOG_PID, pid)));
        let read = read(&variables).expect("the socket is an address");
        read.expect("it is set")
    }

    #[test]
    fn no_socket_is_no_systemd() {
        assert!(matches!(read(&[]), Ok(None)));
        assert!(matches!(read(&[(NOTIFY_SOCKET, "")]), Ok(None)));
        // Without a socket, the watchdog cannot be notified.
        assert!(matches!(read(&[(WATCHDOG_USEC, "x")]), Ok(None)));
    }

    #[test]
    fn a_socket_is_a_path_or_an_abstract_name() {
        for value in ["/run/systemd/notify", "/a b", "@livebus", "@a/b"] {
            assert!(
                matches!(read(&[(NOTIFY_SOCKET, value)]), Ok(Some(_))),
                "{value}"
            );
        }
        let long = format!("/{}", "x".repeat(200));
        for value in [
            "notify",
            "@",
            "vsock:2:1234",
            "./x",
            &long,
            &format!("@{long}"),
        ] {
            let error = read(&[(NOTIFY_SOCKET, value)]).expect_err(value);
            assert!(error.to_string().contains(value), "{error}");
        }
        let error = read(&[(NOTIFY_SOCKET, "vsock:2:1234")]).expect_err("it is none");
        assert!(error.to_string().contains("not supported"), "{error}");
    }

    #[test]
    fn the_watchdog_is_of_this_process_and_of_no_other() {
        let watchdog = |usec, pid| with_watchdog(usec, pid).watchdog();
        let own = process::id().to_string();
        let other = (process::id() + 1).to_string();
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog("1000000", None), second);
        assert_eq!(watchdog("1000000", Some(&own)), second);
        assert_eq!(watchdog("1000000", Some(&other)), None);
    }

    #[test]
    fn a_watchdog_that_is_none_is_an_error_with_its_value_and_systemd_is_notified() {
        let error = |usec, pid| {
            let systemd = with_watchdog(usec, pid);
            assert_eq!(systemd.watchdog(), None);
            systemd.watchdog_error().map(ToString::to_string)
        };
        for usec in ["0", "-1", "1.5", "5s", "x"] {
            let error = error(usec, None).expect(usec);
            assert!(
                error.contains(&format!("WATCHDOG_USEC=\"{usec}\"")),
                "{error}"
            );
        }
        let error = error("1", Some("x")).expect("it is no number");
        assert!(error.contains("WATCHDOG_PID=\"x\""), "{error}");
        assert!(with_watchdog("1", None).watchdog_error().is_none());
    }
}
