//! The query of a probe's URL: `verbose`, and the checks to exclude.

use std::collections::BTreeSet;

/// The query of a probe.
#[derive(Debug, Default)]
pub(crate) struct ProbeQuery {
    /// Whether to list the checks although all have passed.
    pub(crate) is_verbose: bool,
    excluded: Vec<String>,
}

impl ProbeQuery {
    /// Reads the part of a URL after its `?`. Parameters that are unknown, or have a malformed escape, are ignored.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name, Part::Query), decode(value, Part::Query))
            else {
                continue;
            };
            match &*name {
                "verbose" => parsed.is_verbose = true,
                "exclude" => parsed.excluded.push(value),
                _ => {}
            }
        }
        parsed
    }

    /// Returns the names of the checks to exclude.
    pub(crate) fn excluded(&self) -> &[String] {
        &self.excluded
    }

    pub(crate) fn excludes(&self, check: &str) -> bool {
        self.excluded.iter().any(|name| name == check)
    }

    /// Returns a line that names what no check has as its name, in the words of Kubernetes; `None` if there is no such name.
    pub(crate) fn warning<'a>(&self, checks: impl Iterator<Item = &'a str>) -> Option<String> {
        const MAX_NAMES: usize = 8;
        const MAX_LETTERS: usize = 64;

        let checks: Vec<&str> = checks.collect();
        let unknown: BTreeSet<&str> = self
            .excluded
            .iter()
            .map(String::as_str)
            .filter(|name| !checks.contains(name))
            .collect();
        // Quoted, so that no name can forge a line.
        let quoted = unknown
            .into_iter()
            .take(MAX_NAMES)
            .map(|name| format!("{:?}", name.chars().take(MAX_LETTERS).collect::<String>()));
        let quoted: Vec<String> = quoted.collect();
        let names = quoted.join(",");
        (!names.is_empty()).then(|| {
            format!("warn: some health checks cannot be excluded: no matches for {names}\n")
        })
    }
}

/// A part of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Path,
    /// In a name or a value of a query, `+` is a space.
    Query,
}

/// Decodes a part of a URL; `None` if an escape is malformed, or if the text is not UTF-8.
pub(crate) fn decode(text: &str, part: Part) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if part == Part::Query => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query =
            "exclude=a%20b&x=1&verbose&exclude=c+d&exclude=%zz&exclude=%e2%82%ac&exclude=%ff";
        let parsed = ProbeQuery::parse(Some(query));
        assert!(parsed.is_verbose);
        assert_eq!(parsed.excluded(), ["a b", "c d", "€"]);
        assert!(parsed.excludes("c d") && !parsed.excludes("c"));
        assert!(!ProbeQuery::parse(None).is_verbose);
        assert!(!ProbeQuery::parse(Some("verbos=1")).is_verbose);
    }

    #[test]
    fn plus_is_a_space_in_a_query_only() {
        assert_eq!(decode("a+b%2B", Part::Query).as_deref(), Some("a b+"));
        assert_eq!(decode("a+b%2F", Part::Path).as_deref(), Some("a+b/"));
    }

    #[test]
    fn unknown_names_are_quoted_and_bounded() {
        let warning = |query: &str| ProbeQuery::parse(Some(query)).warning(["bus"].into_iter());
        assert_eq!(warning("exclude=bus"), None);
        assert_eq!(
            warning("exclude=a%0a[%2b]bus+ok&exclude=bus").as_deref(),
            Some("warn: some health checks cannot be excluded: no matches for \"a\\n[+]bus ok\"\n")
        );
        let many = format!("exclude={}", "x".repeat(10_000)) + &"&exclude=y".repeat(1_000);
        let length = warning(&many).expect("a warning").len();
        assert!(length < 200, "{length}");
        assert_eq!(
            warning("exclude=c&exclude=a&exclude=c").as_deref(),
            Some("warn: some health checks cannot be excluded: no matches for \"a\",\"c\"\n")
        );
    }
}
