//! The first line of the recording of a dispatcher.

use std::io;

use livebus_core::dispatch::{Config, PartitionId, Settings};
use serde::{Deserialize, Serialize};

use crate::dispatch::settings::SettingsLine;
use crate::dispatch::{HandlerConfig, Header, PartitionName};
use crate::header::{StartState, VERSION};
use crate::line::Damage;

pub(super) fn encode(header: &Header, into: &mut Vec<u8>) -> io::Result<()> {
    let names = header.config.partitions.iter().map(|name| NameWire {
        partition: name.partition.0,
        topic: name.topic.clone(),
        number: name.number,
    });
    let wire = Wire {
        livebus: VERSION,
        handler: header.config.handler.clone(),
        service: header.service.clone(),
        began_unix_ms: header.began_unix_ms,
        settings: header.config.config.settings().clone(),
        partitions: names.collect(),
        ns: header.start_state.as_ref().map(|start| start.ns),
        state: header.start_state.as_ref().map(|start| start.state.clone()),
    };
    serde_json::to_writer(&mut *into, &wire)?;
    into.push(b'\n');
    Ok(())
}

pub(super) fn decode(object: &[u8]) -> Result<Header, Damage> {
    let wire: Wire = serde_json::from_slice(object)?;
    let names = wire.partitions.into_iter().map(|name| PartitionName {
        partition: PartitionId(name.partition),
        topic: name.topic,
        number: name.number,
    });
    Ok(Header {
        service: wire.service,
        began_unix_ms: wire.began_unix_ms,
        config: HandlerConfig {
            handler: wire.handler,
            config: Config::new(wire.settings).map_err(|error| Damage::new(error.to_string()))?,
            partitions: names.collect(),
        },
        start_state: StartState::from_fields(wire.ns, wire.state)?,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    livebus: u64,
    handler: String,
    service: String,
    began_unix_ms: i64,
    #[serde(with = "SettingsLine")]
    settings: Settings,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partitions: Vec<NameWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Vec<u64>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameWire {
    partition: u32,
    topic: String,
    number: i32,
}
