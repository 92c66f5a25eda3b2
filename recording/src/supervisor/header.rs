//! The first line of the recording of a supervisor.

use std::io;

use livebus_core::{Config, Handler, Settings, Supervisor};
use serde::{Deserialize, Serialize};

use crate::header::{Header, StartState, VERSION};
use crate::line::Damage;
use crate::supervisor::settings::{SettingsLine, handlers};

pub(crate) fn encode(header: &Header<Supervisor>, into: &mut Vec<u8>) -> io::Result<()> {
    let wire = Wire {
        livebus: VERSION,
        service: header.service.clone(),
        began_unix_ms: header.began_unix_ms,
        settings: header.config.settings().clone(),
        handlers: header.config.handlers().to_vec(),
        ns: header.start_state.as_ref().map(|start| start.ns),
        state: header.start_state.as_ref().map(|start| start.state.clone()),
    };
    serde_json::to_writer(&mut *into, &wire)?;
    into.push(b'\n');
    Ok(())
}

pub(crate) fn decode(object: &[u8]) -> Result<Header<Supervisor>, Damage> {
    let wire: Wire = serde_json::from_slice(object)?;
    let start_state = StartState::from_fields(wire.ns, wire.state)?;
    let config = Config::new(wire.settings).and_then(|config| config.with_handlers(wire.handlers));
    Ok(Header {
        service: wire.service,
        began_unix_ms: wire.began_unix_ms,
        config: config.map_err(|error| Damage::new(error.to_string()))?,
        start_state,
    })
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

#[cfg(test)]
mod tests;
