//! Records that a test delivers.

/// A record that is delivered to a handler.
#[derive(Debug, Clone, Default)]
pub struct TestRecord {
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) offset: Option<i64>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl TestRecord {
    /// Returns a record with this payload, without a key.
    #[must_use]
    pub fn new(payload: impl AsRef<[u8]>) -> Self {
        Self {
            payload: Some(payload.as_ref().to_vec()),
            ..Self::default()
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(self, key: impl AsRef<[u8]>) -> Self {
        Self {
            key: Some(key.as_ref().to_vec()),
            ..self
        }
    }

    /// Sets the offset, which must be greater than those before it; otherwise it is the next one.
    #[must_use]
    pub fn offset(self, offset: i64) -> Self {
        Self {
            offset: Some(offset),
            ..self
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }
}
