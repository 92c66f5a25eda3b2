//! A request handler, as the supervisor sees it.

/// A request handler as the supervisor sees it: something that must be registered with the client after each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handler {
    /// Its name among the handlers, for people: usually its topic.
    pub name: String,
    /// Whether the service is NotReady until this handler is registered.
    pub required: bool,
}

impl Handler {
    /// Returns a handler without which the service is not ready.
    #[must_use]
    pub fn required(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            required: true,
        }
    }

    /// Returns a handler without which the service can be ready.
    #[must_use]
    pub fn optional(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            required: false,
        }
    }
}
