//! The first line of the recording of calls.

use std::io;

use livebus_core::calls::{Config, Identity, Settings};
use serde::{Deserialize, Serialize};

use crate::calls::settings::SettingsLine;
use crate::calls::{CallerConfig, Header};
use crate::header::{StartState, VERSION};
use crate::line::Damage;

pub(super) fn encode(header: &Header, into: &mut Vec<u8>) -> io::Result<()> {
    let wire = Wire {
        livebus: VERSION,
        caller: header.config.caller.clone(),
        service: header.service.clone(),
        began_unix_ms: header.began_unix_ms,
        instance: header.config.identity.instance,
        epoch: header.config.identity.epoch,
        settings: header.config.config.settings().clone(),
        ns: header.start_state.as_ref().map(|start| start.ns),
        state: header.start_state.as_ref().map(|start| start.state.clone()),
    };
    serde_json::to_writer(&mut *into, &wire)?;
    into.push(b'\n');
    Ok(())
}

pub(super) fn decode(object: &[u8]) -> Result<Header, Damage> {
    let wire: Wire = serde_json::from_slice(object)?;
    Ok(Header {
        service: wire.service,
        began_unix_ms: wire.began_unix_ms,
        config: CallerConfig {
            caller: wire.caller,
            identity: Identity {
                instance: wire.instance,
                epoch: wire.epoch,
            },
            config: Config::new(wire.settings).map_err(|error| Damage::new(error.to_string()))?,
        },
        start_state: StartState::from_fields(wire.ns, wire.state)?,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    livebus: u64,
    caller: String,
    service: String,
    began_unix_ms: i64,
    instance: u64,
    epoch: u64,
    #[serde(with = "SettingsLine")]
    settings: Settings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Vec<u64>>,
}
