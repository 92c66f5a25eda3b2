//! An answer, for an HTTP server to send.

/// The answer to a probe, for an HTTP server to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeAnswer {
    /// 200, 404, 405 or 503; on the paths of VOLTHA also 418; 500 if the metrics cannot be written, which no service is known to
    /// cause.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Text in UTF-8. A server omits it where the method is HEAD.
    pub body: String,
}

impl ProbeAnswer {
    pub(crate) const fn text(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body,
        }
    }

    pub(crate) const fn json(body: String) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            body,
        }
    }

    /// Returns the headers of the answer: names in lower case, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        let allow = (self.status == 405).then_some(("allow", "GET, HEAD"));
        let always = [
            ("content-type", self.content_type),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ];
        always.into_iter().chain(allow)
    }
}
