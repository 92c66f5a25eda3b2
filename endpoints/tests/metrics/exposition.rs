//! Reads metrics as strictly as the formats ask, and checks the rules for names.

use std::collections::{BTreeMap, BTreeSet};

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Prometheus,
}

pub(crate) type Labels = BTreeMap<String, String>;

/// All series of an answer, by name and labels.
#[derive(Debug)]
pub(crate) struct Exposition {
    series: BTreeMap<(String, Labels), f64>,
}

#[derive(Debug)]
struct Family {
    name: String,
    help: Option<String>,
    kind: Option<String>,
    unit: Option<String>,
    samples: Vec<(String, Labels, f64)>,
}

impl Exposition {
    /// Reads an answer.
    ///
    /// # Panics
    ///
    /// When it breaks a rule.
    pub(crate) fn read(body: &str, format: Format) -> Self {
        assert!(body.ends_with('\n'), "the last line has an end");
        let lines: Vec<&str> = body.lines().collect();
        let lines = match (format, lines.split_last()) {
            (Format::OpenMetrics, Some((last, lines))) => {
                assert_eq!(*last, "# EOF");
                lines
            }
            (Format::OpenMetrics | Format::Prometheus, _) => &lines,
        };
        let mut families: Vec<Family> = Vec::new();
        for line in lines {
            match line.strip_prefix("# ") {
                Some(comment) => read_comment(comment, format, &mut families),
                None => read_sample(line, format, &mut families),
            }
        }
        let names: BTreeSet<&str> = families.iter().map(|family| &*family.name).collect();
        assert_eq!(names.len(), families.len(), "a family is in two places");
        let mut series = BTreeMap::new();
        for family in &families {
            check(family, format);
            for (name, labels, value) in &family.samples {
                let replaced = series.insert((name.clone(), labels.clone()), *value);
                assert_eq!(replaced, None, "{name} {labels:?} is there twice");
            }
        }
        Self { series }
    }

    /// Returns the value of the series with this name and these labels.
    pub(crate) fn value(&self, name: &str, of: &[(&str, &str)]) -> f64 {
        let value = self.series.get(&(name.to_owned(), labels(of)));
        *value.unwrap_or_else(|| panic!("{name} {of:?} is missing in {:#?}", self.series.keys()))
    }

    /// Returns the number of the series with this name that have these labels, and others.
    pub(crate) fn count(&self, name: &str, of: &[(&str, &str)]) -> usize {
        let has = |all: &Labels| {
            of.iter()
                .all(|(name, value)| all.get(*name).is_some_and(|it| it == value))
        };
        let series = self.series.keys();
        series
            .filter(|(known, labels)| known == name && has(labels))
            .count()
    }

    /// Returns the name and the labels of each series.
    pub(crate) fn keys(&self) -> Vec<&(String, Labels)> {
        self.series.keys().collect()
    }

    /// Returns each series with a value other than 0.
    pub(crate) fn not_zero(&self) -> Vec<(&str, &Labels, f64)> {
        let series = self.series.iter();
        series
            .filter(|(_, value)| **value != 0.0)
            .map(|((name, labels), value)| (&**name, labels, *value))
            .collect()
    }
}

pub(crate) fn labels(of: &[(&str, &str)]) -> Labels {
    let owned = of
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn read_comment(comment: &str, format: Format, families: &mut Vec<Family>) {
    let mut parts = comment.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_else(|| panic!("{comment}"));
    let (keyword, name, text) = (part(), part(), part().to_owned());
    if families.last().is_none_or(|last| last.name != name) {
        families.push(Family {
            name: name.to_owned(),
            help: None,
            kind: None,
            unit: None,
            samples: Vec::new(),
        });
    }
    let family = families.last_mut().expect("it was pushed");
    assert!(family.samples.is_empty(), "{comment}: after a sample");
    let place = match keyword {
        "HELP" => &mut family.help,
        "TYPE" => &mut family.kind,
        "UNIT" if format == Format::OpenMetrics => &mut family.unit,
        other => panic!("{other}: no such comment"),
    };
    assert_eq!(place.replace(text), None, "{comment}: twice");
}

fn read_sample(line: &str, format: Format, families: &mut [Family]) {
    let family = families.last_mut().expect("a sample has a family");
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => read_labels(rest),
        None => (Labels::new(), rest),
    };
    let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let value = match (value, format) {
        ("+Inf", _) | ("inf", Format::OpenMetrics) => f64::INFINITY,
        ("NaN", _) => f64::NAN,
        (number, _) => {
            let is_digits = number.bytes().all(|it| b"0123456789.e-".contains(&it));
            assert!(is_digits, "{line}");
            number.parse().unwrap_or_else(|_| panic!("{line}"))
        }
    };
    family.samples.push((name.to_owned(), labels, value));
}

/// Reads the labels after their brace, and returns what follows the other.
fn read_labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label has a value");
        assert!(is_name(name), "{name}: no label");
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            let (at, letter) = letters.next().expect("a value ends");
            match letter {
                '"' => break at,
                '\\' => value.push(match letters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, escaped @ ('\\' | '"'))) => escaped,
                    other => panic!("{other:?}: no escape"),
                }),
                other => value.push(other),
            }
        };
        let replaced = labels.insert(name.to_owned(), value);
        assert_eq!(replaced, None, "{name}: a label twice");
        if name == "le" {
            normalize_bound(&mut labels);
        }
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        rest = rest.strip_prefix(',').expect("a comma or the end");
    }
}

/// OpenMetrics writes `1.0` where Prometheus writes `1`.
fn normalize_bound(labels: &mut Labels) {
    if let Some(bound) = labels.get_mut("le")
        && bound != "+Inf"
    {
        let number: f64 = bound.parse().expect("a bound is a number");
        *bound = number.to_string();
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_lowercase())
        && name
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
        && !name.contains("__")
}

fn check(family: &Family, format: Format) {
    let name = &*family.name;
    assert!(name.starts_with("livebus_") && is_name(name), "{name}");
    let help = family
        .help
        .as_ref()
        .unwrap_or_else(|| panic!("{name}: no help"));
    assert!(help.ends_with('.') && help.len() < 200, "{name}: {help}");
    assert!(!family.samples.is_empty(), "{name}: no series");
    let kind = family.kind.as_deref();
    let base = name.strip_suffix("_total").unwrap_or(name);
    for part in [
        "count",
        "sum",
        "bucket",
        "total",
        "milliseconds",
        "ms",
        "gauge",
        "counter",
    ] {
        assert!(!base.ends_with(&format!("_{part}")), "{name}");
    }
    if format == Format::OpenMetrics {
        let unit = base.ends_with("_seconds").then_some("seconds");
        assert_eq!(family.unit.as_deref(), unit, "{name}");
    }
    let suffixes: &[&str] = match (format, kind) {
        (Format::OpenMetrics, Some("counter")) => {
            assert_eq!(base, name, "the samples have the suffix");
            &["_total"]
        }
        (Format::Prometheus, Some("counter")) => {
            assert_ne!(base, name, "the family has the suffix");
            &[""]
        }
        (Format::OpenMetrics, Some("info")) => &["_info"],
        (_, Some("gauge")) => &[""],
        (_, Some("histogram")) => &["_bucket", "_sum", "_count"],
        (_, other) => panic!("{name}: {other:?}"),
    };
    let mut names_of_labels = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        let suffix = sample.strip_prefix(name);
        let suffix = suffix.unwrap_or_else(|| panic!("{sample} is in {name}"));
        assert!(suffixes.contains(&suffix), "{sample} of {kind:?}");
        if kind != Some("gauge") {
            assert!(*value >= 0.0 && value.is_finite(), "{sample} {value}");
        }
        assert_eq!(labels.contains_key("le"), suffix == "_bucket", "{sample}");
        let names = labels.keys().filter(|it| *it != "le");
        names_of_labels.insert(names.collect::<Vec<_>>());
    }
    assert_eq!(names_of_labels.len(), 1, "{name}: {names_of_labels:?}");
    if kind == Some("histogram") {
        check_histogram(family);
    }
}

/// Checks that the buckets of each series ascend, and end with all.
fn check_histogram(family: &Family) {
    let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let mut labels = labels.clone();
        if let Some(bound) = labels.remove("le") {
            let bound = if bound == "+Inf" {
                f64::INFINITY
            } else {
                bound.parse().expect("a number")
            };
            buckets.entry(labels).or_default().push((bound, *value));
        } else if sample.ends_with("_count") {
            counts.insert(labels, *value);
        }
    }
    assert_eq!(buckets.len(), counts.len());
    for (labels, buckets) in buckets {
        let ascend = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        assert!(ascend, "{labels:?}: {buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, counts[&labels])));
    }
}

/// Checks the check.
#[test]
fn expositions_that_break_a_rule_are_refused() {
    let good = "# HELP livebus_a A help.\n# TYPE livebus_a gauge\nlivebus_a{b=\"c\"} 1\n";
    let is_read = |body: &str, format| {
        let body = body.to_owned();
        std::panic::catch_unwind(move || Exposition::read(&body, format)).is_ok()
    };
    assert!(is_read(good, Format::Prometheus));
    assert!(is_read(&format!("{good}# EOF\n"), Format::OpenMetrics));
    assert!(!is_read(good, Format::OpenMetrics), "no end");
    for (from, to) in [
        ("# HELP livebus_a A help.\n", ""),
        ("# TYPE livebus_a gauge\n", ""),
        ("livebus_a{", "livebus_a_total{"),
        (" gauge", " counter"),
        ("livebus_", "other_"),
        ("{b=\"c\"} 1\n", "{b=\"c\"} 1\nlivebus_a{b=\"c\"} 1\n"),
        ("{b=\"c\"} 1\n", "{b=\"c\"} 1\nlivebus_a{d=\"c\"} 1\n"),
        ("{b=\"c\"} 1\n", "{b=\"c\"} 1\n# HELP livebus_a Again.\n"),
        ("\"c\"", "\"c\\x\""),
        ("\"c\"", "\"c\",b=\"d\""),
        (" 1\n", " one\n"),
        ("livebus_a", "livebus_a_ms"),
        ("{b=\"c\"} 1\n", "{b=\"c\"} 1\n# EOF\n"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(!is_read(&bad, Format::Prometheus), "{bad}");
    }
    let seconds = good.replace("livebus_a", "livebus_a_seconds") + "# EOF\n";
    assert!(!is_read(&seconds, Format::OpenMetrics), "no unit");
    assert!(!is_read(
        &format!("{good}# EOF\n# EOF\n"),
        Format::OpenMetrics
    ));
}
