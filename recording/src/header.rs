//! The header, which is the first line: the service and the configuration of its supervisor.

use livebus_core::Supervisor;
use livebus_core::calls::Calls;
use livebus_core::dispatch::Dispatcher;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::line::{Damage, object};
use crate::machine::Recorded;

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u64 = 1;

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<M: Recorded> {
    /// The service's name. Decides nothing.
    pub service: String,
    /// The wall-clock time at which the state machine was made, in milliseconds since 1970. Decides nothing.
    pub began_unix_ms: i64,
    /// The configuration of the state machine, with its seed.
    pub config: M::Config,
    /// The state of the state machine, in a file that continues another.
    pub start_state: Option<StartState>,
}

/// The state of a state machine at the beginning of a file that continues another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartState {
    /// The newest instant of its inputs, in nanoseconds since it was made.
    pub ns: i64,
    /// Its [snapshot](livebus_core::Supervisor::snapshot).
    pub state: Vec<u64>,
}

impl StartState {
    pub(crate) fn from_fields(
        ns: Option<i64>,
        state: Option<Vec<u64>>,
    ) -> Result<Option<Self>, Damage> {
        match (ns, state) {
            (None, None) => Ok(None),
            (Some(ns), Some(state)) => Ok(Some(Self { ns, state })),
            (Some(_), None) | (None, Some(_)) => Err(Damage::new(
                "it has one of `ns` and `state` without the other",
            )),
        }
    }
}

/// What a first line says of the file.
#[derive(Deserialize)]
pub(crate) struct Kind {
    /// The version of the format.
    pub(crate) livebus: u64,
    /// There in the recording of a dispatcher.
    handler: Option<IgnoredAny>,
    /// There in the recording of calls.
    caller: Option<IgnoredAny>,
}

impl Kind {
    /// Returns what a first line says; `None` if it is not of a recording.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(object(text).ok()?).ok()
    }

    /// Returns what a person calls the state machine that was recorded.
    pub(crate) const fn machine(&self) -> &'static str {
        match (&self.handler, &self.caller) {
            (Some(_), _) => <Dispatcher as Recorded>::NAME,
            (None, Some(_)) => <Calls as Recorded>::NAME,
            (None, None) => <Supervisor as Recorded>::NAME,
        }
    }
}
