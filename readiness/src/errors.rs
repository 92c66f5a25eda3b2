//! What cannot be declared, found or reported on.

/// No service was declared by this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown service {name:?}: declared are {known:?}")]
#[non_exhaustive]
pub struct UnknownService {
    /// The name that was asked for.
    pub name: String,
    /// The names that were declared.
    pub known: Vec<String>,
}

/// Nobody can report on this service now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReporterError {
    /// It was not declared.
    #[error(transparent)]
    Unknown(#[from] UnknownService),
    /// It has a reporter. Two would overwrite each other's status.
    #[error("service {0:?} has a reporter already: declare a service of its own for each reporter")]
    Taken(String),
}

/// The services were declared by names that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceNameError {
    /// There is none. Such a process would be ready without any reason.
    #[error("no service is declared: name those that the process needs")]
    None,
    /// It is empty.
    #[error("a service's name is empty: give it one")]
    Empty,
    /// It has a line break or another control character, which would forge lines of the probes' answers.
    #[error("service {0:?} has a control character in its name: leave it out")]
    Control(String),
    /// It was declared before.
    #[error("service {0:?} is declared twice: give each its own name")]
    Twice(String),
}
