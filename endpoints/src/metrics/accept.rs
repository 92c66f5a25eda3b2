//! The format of the metrics: what the client accepts.

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

/// A media range of an `Accept`, and how much the client wants it, from 0 to 1.
struct Range<'a> {
    media_type: &'a str,
    version: Option<&'a str>,
    quality: f32,
}

impl Format {
    /// Returns OpenMetrics if `accept`, the value of the header, names it, and does not prefer Prometheus' text; else that.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let quality = |media_type: &str, version: &str| {
            let ranges = accept.unwrap_or_default().split(',').map(Range::parse);
            let matching = ranges.filter(|range| {
                range.media_type.eq_ignore_ascii_case(media_type)
                    && range.version.is_none_or(|it| it == version)
            });
            matching.map(|range| range.quality).fold(0.0, f32::max)
        };
        let open_metrics = quality("application/openmetrics-text", "1.0.0");
        if open_metrics > 0.0 && open_metrics >= quality("text/plain", "0.0.4") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_client::encoding::prometheus_text::CONTENT_TYPE,
        }
    }
}

impl<'a> Range<'a> {
    /// Reads a media range. Other parameters are ignored, and a malformed quality is none.
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self {
            media_type: parts.next().unwrap_or_default(),
            version: None,
            quality: 1.0,
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim() {
                "version" => range.version = Some(value),
                "q" | "Q" => {
                    let quality = value.parse().ok();
                    range.quality = quality.filter(|it| (0.0..=1.0).contains(it)).unwrap_or(0.0);
                }
                _ => {}
            }
        }
        range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_answered_to_those_that_accept_it() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; version=\"1.0.0\"; charset=utf-8",
            "text/plain;q=0.5, application/openmetrics-text;q=0.5",
            // Of Prometheus 2.42 and 3.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,/;q=0.1",
        ] {
            assert_eq!(
                Format::accepted(Some(accept)),
                Format::OpenMetrics,
                "{accept}"
            );
        }
    }

    #[test]
    fn prometheus_text_is_answered_to_all_others() {
        assert_eq!(Format::accepted(None), Format::Prometheus);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html, */*;q=0.8",
            "application/*",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.4,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text;q=high",
            "application/openmetrics-text;q=NaN",
            "application/openmetrics-text;q=2",
            ";;=,,;q",
        ] {
            assert_eq!(
                Format::accepted(Some(accept)),
                Format::Prometheus,
                "{accept}"
            );
        }
    }
}
