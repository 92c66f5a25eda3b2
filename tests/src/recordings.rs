//! Where the recordings of the scenarios are, and whether they are to be made anew.

use std::path::{Path, PathBuf};
use std::{fs, io};

use livebus_recording::RecordOptions;

use crate::is_enabled;
use crate::kafka_supervision::Label;

/// Set to 1, it has every supervision of a scenario recorded, in place of the recording that is there.
pub const RECORD: &str = "LIVEBUS_RECORD_SCENARIOS";

/// The folder of all recordings: in it one for each scenario, by its [`slug`].
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// A sentence as the name of a file.
#[must_use]
pub fn slug(sentence: &str) -> String {
    let words = sentence.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

/// Where the supervision of this label is to be recorded, if it is.
///
/// # Errors
///
/// When there cannot be a folder for it, or the recording that is there cannot be removed.
pub fn wanted(label: Label<'_>) -> io::Result<Option<RecordOptions>> {
    if !is_enabled(RECORD) {
        return Ok(None);
    }
    let scenario = folder().join(slug(label.scenario));
    fs::create_dir_all(&scenario)?;
    let path = scenario.join(format!("{}--{}.jsonl", label.host, slug(label.service)));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(Some(RecordOptions::new(path))),
    }
}
