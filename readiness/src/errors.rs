//! Errors of declarations, look-ups and reporters.

/// No service of this name is declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown service {name:?}: declared are {known:?}")]
#[non_exhaustive]
pub struct UnknownService {
    /// The name that was looked up.
    pub name: String,
    /// The names that are declared.
    pub known: Vec<String>,
}

/// The service has no free reporter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReporterError {
    /// No service of this name is declared.
    #[error(transparent)]
    Unknown(#[from] UnknownService),
    /// The service has a reporter. Two would overwrite each other's status.
    #[error("service {0:?} has a reporter already: declare a service of its own for each reporter")]
    Taken(String),
}

/// The names of the declared services are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceNameError {
    /// There are none. Such a process would always be ready.
    #[error("no service is declared: name those that the process needs")]
    None,
    /// A name is empty.
    #[error("a service's name is empty: give it one")]
    Empty,
    /// A name has a line break, another control character, or one that changes the direction of text. It could forge lines of
    /// the probes' answers.
    #[error("service {0:?} has a control character in its name: leave it out")]
    Control(String),
    /// A name is declared twice.
    #[error("service {0:?} is declared twice: give each its own name")]
    Twice(String),
}
