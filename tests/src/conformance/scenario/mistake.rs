//! A mistake in a scenario's file: where, what, and what would be right.

use std::path::PathBuf;

/// What is wrong in the file of a scenario, for whoever wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {wrong}", .path.display())]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What is wrong, and the remedy as an imperative sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

impl Wrong {
    /// `what` is wrong; `remedy` helps.
    pub(in super::super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}
