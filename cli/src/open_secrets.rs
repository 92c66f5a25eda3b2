//! Warnings about secrets that other users of the host can read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use livebus_kafka::Properties;

use crate::exit::shown_path;

/// The right of all users to read a file.
const READ_BY_ALL: u32 = 0o004;

/// The properties that name a file with a key.
const KEY_FILES: [&str; 3] = [
    "ssl.key.location",
    "ssl.keystore.location",
    "sasl.kerberos.keytab",
];

/// Returns a warning for each file with a secret that every user can read, and for each secret on the command line, which every
/// user sees in the list of processes. None contains a secret.
pub(crate) fn warnings(
    file: Option<&Path>,
    in_file: &Properties,
    on_command_line: &Properties,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let (Some(file), Some(key)) = (file, in_file.secret_keys().next()) {
        warnings.extend(readable_by_all(file, &format!("it holds {key}")));
    }
    for key in KEY_FILES {
        let named = on_command_line.get(key).or_else(|| in_file.get(key));
        if let Some(path) = named {
            warnings.extend(readable_by_all(
                Path::new(path),
                &format!("it is the {key}"),
            ));
        }
    }
    if let Some(key) = on_command_line.secret_keys().next() {
        warnings.push(format!(
            "{key} is on the command line, which every user of this host can read: write it into a file for --config, or into \
             LIVEBUS_PROPERTY"
        ));
    }
    warnings
}

/// Returns the warning if every user of the host may read the file.
fn readable_by_all(file: &Path, what: &str) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    let named = shown_path(file);
    (mode & READ_BY_ALL != 0).then(|| {
        format!(
            "{named} can be read by every user of this host (mode {:03o}), and {what}: run `chmod 600` on it",
            mode & 0o777
        )
    })
}
