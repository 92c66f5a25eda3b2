//! How the program ends: exit codes, and the error of a wrong use.

use std::fmt;
use std::path::Path;

/// A wrong option, address, property or file.
pub(crate) const EXIT_USAGE: u8 = 2;
/// A replay did something else than its recording.
pub(crate) const EXIT_DIFFERENT: u8 = 3;

/// A wrong use of the program: one line, and exit code 2.
#[derive(Debug)]
pub(crate) struct UsageError;

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong usage")
    }
}

impl std::error::Error for UsageError {}

/// Returns the path of a file for an error. Not if it looks like a property: then its name may hold a secret.
pub(crate) fn shown_path(path: &Path) -> String {
    let name = path.display().to_string();
    if name.contains(['=', '@']) {
        "the file (its name is not shown: it looks like a property, for which -X is needed)"
            .to_owned()
    } else {
        name
    }
}
