//! The header, which is the first line: the service and the configuration of its supervisor.

use std::io;
use std::time::Instant;

use livebus_core::{Config, Handler, Settings, Supervisor};
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::line::{Damage, object};
use crate::settings::{SettingsLine, handlers};

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u64 = 1;

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The service's name. Decides nothing.
    pub service: String,
    /// The wall-clock time at which the supervisor was made, in milliseconds since 1970. Decides nothing.
    pub began_unix_ms: i64,
    /// The configuration of the supervisor, with its seed.
    pub config: Config,
    /// The state of the supervisor, in a file that continues another.
    pub start_state: Option<StartState>,
}

/// The state of a supervisor at the beginning of a file that continues another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartState {
    /// The newest instant of its inputs, in nanoseconds since it was made.
    pub ns: i64,
    /// Its [`Supervisor::snapshot`].
    pub state: Vec<u64>,
}

impl Header {
    /// Appends the line to `into`, with its line break.
    ///
    /// # Errors
    ///
    /// None in practice: a header can always be written.
    pub fn encode(&self, into: &mut Vec<u8>) -> io::Result<()> {
        let wire = Wire {
            livebus: VERSION,
            service: self.service.clone(),
            began_unix_ms: self.began_unix_ms,
            settings: self.config.settings().clone(),
            handlers: self.config.handlers().to_vec(),
            ns: self.start_state.as_ref().map(|start| start.ns),
            state: self.start_state.as_ref().map(|start| start.state.clone()),
        };
        serde_json::to_writer(&mut *into, &wire)?;
        into.push(b'\n');
        Ok(())
    }

    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Damage`] if it is not the first line of a recording of this version.
    pub fn decode(text: &[u8]) -> Result<Self, Damage> {
        let wire: Wire = serde_json::from_slice(object(text)?)?;
        let start_state = match (wire.ns, wire.state) {
            (None, None) => None,
            (Some(ns), Some(state)) => Some(StartState { ns, state }),
            (Some(_), None) | (None, Some(_)) => {
                return Err(Damage::new(
                    "it has one of `ns` and `state` without the other",
                ));
            }
        };
        let config =
            Config::new(wire.settings).and_then(|config| config.with_handlers(wire.handlers));
        Ok(Self {
            service: wire.service,
            began_unix_ms: wire.began_unix_ms,
            config: config.map_err(|error| Damage::new(error.to_string()))?,
            start_state,
        })
    }

    /// Returns the version in a first line; `None` if it is not of a recording.
    pub(crate) fn version_of(text: &[u8]) -> Option<u64> {
        let version: Version = serde_json::from_slice(object(text).ok()?).ok()?;
        Some(version.livebus)
    }

    /// Returns the supervisor at the beginning of the file, and the newest instant of its inputs.
    pub(crate) fn supervisor(&self, epoch: Epoch) -> Result<(Supervisor, Instant), Damage> {
        let config = self.config.clone();
        match &self.start_state {
            None => Ok((Supervisor::new(config, epoch.began()), epoch.began())),
            Some(StartState { ns, state }) => {
                let newest = epoch
                    .instant(*ns)
                    .ok_or_else(|| Damage::new("`ns` is more than 100 years from the start"))?;
                let supervisor = Supervisor::restore(config, epoch.began(), state)
                    .ok_or_else(|| Damage::new("`state` is not the state of a supervisor"))?;
                Ok((supervisor, newest))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    livebus: u64,
    service: String,
    began_unix_ms: i64,
    #[serde(with = "SettingsLine")]
    settings: Settings,
    #[serde(with = "handlers")]
    handlers: Vec<Handler>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Vec<u64>>,
}

#[derive(Deserialize)]
struct Version {
    livebus: u64,
}

#[cfg(test)]
mod tests;
