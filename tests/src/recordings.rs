//! The recordings of the scenarios on a real Kafka: where they are, and whether to make them again.

use std::path::{Path, PathBuf};
use std::{fs, io};

use livebus_recording::RecordOptions;

use crate::is_enabled;
use crate::label::Label;

/// Set to 1, it makes every supervision of a scenario record itself, in place of the recording that exists.
pub const RECORD: &str = "LIVEBUS_RECORD_SCENARIOS";

/// Returns the folder of all recordings. It has one folder for each scenario.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// Returns where the supervision with this label is recorded; `None` unless [`RECORD`] is set and its scenario has a folder.
///
/// # Errors
///
/// When the folder cannot be created, or the existing recording cannot be removed.
pub fn record_options(label: Label<'_>) -> io::Result<Option<RecordOptions>> {
    if !is_enabled(RECORD) || label.folder.is_empty() {
        return Ok(None);
    }
    let folder = folder().join(label.folder);
    fs::create_dir_all(&folder)?;
    let path = folder.join(file_name(label));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(Some(RecordOptions::new(path))),
    }
}

/// Returns `HOST--SERVICE.jsonl`, without the name of the host in that of the service.
fn file_name(label: Label<'_>) -> String {
    let host = label.host.name();
    let service = label.service.strip_suffix(host).unwrap_or(label.service);
    let words = service.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return format!("{host}.jsonl");
    }
    format!("{host}--{}.jsonl", words.join("-").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    #[test]
    fn file_name_has_the_host_once() {
        let name = |service| {
            file_name(Label {
                folder: "01-outages-in-order",
                service,
                host: Host::AsyncStd,
            })
        };
        assert_eq!(name("produce, async-std"), "async-std--produce.jsonl");
        assert_eq!(name("defaults"), "async-std--defaults.jsonl");
        assert_eq!(name("async-std"), "async-std.jsonl");
    }
}
