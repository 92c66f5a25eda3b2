//! Errors in scenario files: where, what is wrong, and the remedy.

use std::path::PathBuf;

/// An error in a scenario file.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {problem}", .path.display())]
pub struct ParseError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 if the file cannot be read.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong, and the remedy as an imperative sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// How to fix it.
    pub remedy: String,
}

impl Problem {
    /// Creates a problem from what is wrong and its remedy.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}
