//! The announcement of a device.

use std::time::SystemTime;

use crate::any::{pack, unpack_field};
use crate::envelope::{Envelope, check_topic};
use crate::error::VolthaError;
use crate::messages::{DeviceDiscovered, MessageType};
use crate::timestamp_form::TimestampForm;

/// The announcement of a device: a record that nobody replies to, on a topic of its own. It is produced and read as any other record.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// Names the announcement.
    pub id: String,
    /// The topic of the sender.
    pub from_topic: String,
    /// The topic to which it is sent.
    pub to_topic: String,
    /// When it was written, if it says so.
    pub timestamp: Option<SystemTime>,
    /// The device. Its id and its type must not be empty.
    pub device: DeviceDiscovered,
}

impl Discovery {
    /// Writes the payload of its record.
    ///
    /// # Errors
    ///
    /// When its id or that of the device is empty, or the device has no type, or a topic is not the name of one.
    pub fn encode(self, form: TimestampForm) -> Result<Vec<u8>, VolthaError> {
        check(&self.device)?;
        check_topic("header.from_topic", &self.from_topic)?;
        check_topic("header.to_topic", &self.to_topic)?;
        if self.id.is_empty() {
            return Err(missing("header.id"));
        }
        let envelope = Envelope {
            id: self.id,
            kind: MessageType::DeviceDiscovered,
            from_topic: self.from_topic,
            to_topic: self.to_topic,
            timestamp: self.timestamp,
            body: pack(&self.device),
        };
        envelope.encode(form)
    }

    /// Reads the payload of a record.
    ///
    /// # Errors
    ///
    /// When it is no announcement, or has another form of the timestamp.
    pub fn decode(payload: Option<&[u8]>, form: TimestampForm) -> Result<Self, VolthaError> {
        let envelope = Envelope::decode(payload, form)?;
        if envelope.kind != MessageType::DeviceDiscovered {
            return Err(VolthaError::Invalid {
                field: "header.type",
                value: envelope.kind.as_str_name().to_owned(),
                expected: "DEVICE_DISCOVERED on this topic",
            });
        }
        let device = unpack_field(&envelope.body, || "body".to_owned())?;
        check(&device)?;
        Ok(Self {
            id: envelope.id,
            from_topic: envelope.from_topic,
            to_topic: envelope.to_topic,
            timestamp: envelope.timestamp,
            device,
        })
    }
}

fn check(device: &DeviceDiscovered) -> Result<(), VolthaError> {
    if device.id.is_empty() {
        return Err(missing("id of the device"));
    }
    if device.device_type.is_empty() {
        return Err(missing("device_type of the device"));
    }
    Ok(())
}

const fn missing(field: &'static str) -> VolthaError {
    VolthaError::Missing {
        field,
        remedy: "the original refuses an announcement without it",
    }
}
