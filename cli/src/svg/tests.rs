//! Whole pictures of recordings of different lengths, read as XML.

mod simulated;

use std::time::Duration;

use livebus_core::{FailureClass, Settings};
use livebus_recording::{Outcome, Replay};
use roxmltree::{Document, Node};

use super::canvas::width_of;
use super::*;
use simulated::{Bus, record};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn picture(text: &[u8]) -> String {
    let replay = Replay::new(text).expect("it is a recording");
    let mut history = History::begin(&replay);
    let outcome = replay.run(|_, line| history.add(line));
    let outcome = outcome.expect("it can be read");
    assert!(matches!(outcome, Outcome::Same(_)), "{outcome:?}");
    draw(&history, &outcome)
}

/// Killed, hung, and with a topic that is missing for a while.
fn with_outages(elapsed: Duration) -> Bus {
    match elapsed.as_secs() {
        4..7 => Bus::Fails(FailureClass::Unreachable),
        11..20 => Bus::Hangs,
        25..32 => Bus::Fails(FailureClass::TopicMissing),
        _ => Bus::Works,
    }
}

/// Up and down throughout.
fn flapping(elapsed: Duration) -> Bus {
    match elapsed.as_millis() % 1_000 {
        ..600 => Bus::Works,
        600.. => Bus::Fails(FailureClass::Unreachable),
    }
}

/// Up and down for some seconds.
fn flapping_briefly(elapsed: Duration) -> Bus {
    match elapsed.as_secs() {
        5..12 => flapping(elapsed),
        _ => Bus::Works,
    }
}

/// Three outages in days, of seconds or minutes each, and a day with a warning.
fn with_rare_outages(elapsed: Duration) -> Bus {
    match elapsed.as_secs() {
        30_000..30_030 => Bus::Fails(FailureClass::Unreachable),
        90_000..90_600 => Bus::Hangs,
        150_000..150_020 => Bus::Hangs,
        160_000..200_000 => Bus::Fails(FailureClass::TopicMissing),
        _ => Bus::Works,
    }
}

fn shapes<'a>(picture: &'a Document<'_>, class: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let class = move |node: &Node<'_, '_>| node.attribute("class") == Some(class);
    picture.descendants().filter(class)
}

fn title<'a>(node: Node<'a, '_>) -> &'a str {
    let title = node.children().find(|child| child.has_tag_name("title"));
    title.and_then(|title| title.text()).unwrap_or_default()
}

#[test]
fn bands_marks_and_tooltips_show_what_happened() {
    let text = record("bus", Settings::default(), 40 * SECOND, with_outages);
    let picture = picture(&text);
    let picture = Document::parse(&picture).expect("it is XML");
    let titles = |class| {
        let titles = shapes(&picture, class).map(title);
        // Those of the legend have none.
        titles.filter(|title| !title.is_empty()).collect::<Vec<_>>()
    };
    let lost = titles("NotReady");
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost[0].contains("Unreachable") && lost[1].contains("Timeout"));
    assert_eq!(titles("Running").len(), 3);
    assert!(
        titles("loss")
            .iter()
            .all(|title| title.contains("after the last proof"))
    );
    assert!(
        titles("warning")
            .iter()
            .any(|title| title.contains("warning: TopicMissing"))
    );
    assert!(
        titles("failed")
            .iter()
            .any(|title| title.contains("failed after 2 ms: Unreachable"))
    );
    assert!(
        titles("refused")
            .iter()
            .any(|title| title.contains("rejected after 2 ms: TopicMissing"))
    );
    assert!(
        titles("givenup")
            .iter()
            .any(|title| title.contains("given up after 2.00 s"))
    );
}

#[test]
fn an_outage_of_seconds_is_visible_among_days() {
    let text = record("bus", Settings::default(), 60 * HOUR, with_rare_outages);
    let picture = picture(&text);
    let picture = Document::parse(&picture).expect("it is XML");
    let lost: Vec<_> = shapes(&picture, "NotReady")
        .filter(|it| !title(*it).is_empty())
        .collect();
    assert_eq!(lost.len(), 3);
    for outage in lost {
        let width = outage
            .attribute("width")
            .and_then(|width| width.parse::<f64>().ok());
        assert!(width >= Some(MIN_WIDTH), "{outage:?}");
    }
}

/// Narrower shapes are not visible.
const MIN_WIDTH: f64 = 3.0;

#[test]
fn the_size_of_the_picture_is_bounded() {
    let text = record("bus", Settings::fast(), 8 * HOUR, flapping);
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(lines > 200_000, "{lines}");
    let picture = picture(&text);
    assert!(picture.len() < 2_000_000, "{}", picture.len());
}

#[test]
fn texts_do_not_overlap() {
    let settings = || Settings::default();
    let recordings = [
        record("bus", settings(), 40 * SECOND, with_outages),
        record("bus", settings(), SECOND / 1_000, with_outages),
        record("bus", Settings::fast(), 40 * SECOND, with_outages),
        record("bus", Settings::fast(), 15 * SECOND, flapping),
        record("bus", Settings::fast(), 40 * SECOND, flapping_briefly),
        record("bus", Settings::fast(), 1 * HOUR, flapping),
        record("bus", settings(), 60 * HOUR, with_rare_outages),
        record(
            &"very long ".repeat(40),
            settings(),
            3 * SECOND,
            with_outages,
        ),
    ];
    for text in &recordings {
        let picture = picture(text);
        let picture = Document::parse(&picture).expect("it is XML");
        let texts: Vec<Text<'_>> = picture.descendants().filter_map(Text::of).collect();
        for (n, text) in texts.iter().enumerate() {
            assert!(
                text.is_inside(),
                "{:?} is outside the picture",
                text.content
            );
            for other in &texts[n + 1..] {
                assert!(
                    !text.covers(other),
                    "{:?} covers {:?}",
                    text.content,
                    other.content
                );
            }
        }
    }
}

#[test]
fn a_file_that_continues_another_begins_with_its_status() {
    let text = record("bus", Settings::fast(), 30 * SECOND, with_outages);
    let rest = simulated::second_half(&text);
    let picture = picture(&rest);
    let picture = Document::parse(&picture).expect("it is XML");
    let first = picture.descendants().find(|node| {
        let is_band = Status::ALL
            .iter()
            .any(|it| node.attribute("class") == Some(it.name()));
        is_band && !title(*node).is_empty()
    });
    let first = first.expect("there is a band");
    // From the start state: none of the lines has it.
    assert_eq!(first.attribute("class"), Some("Running"), "{first:?}");
    let left = format!("{:.1}", MARGIN + LABELS);
    assert_eq!(first.attribute("x"), Some(left.as_str()));
    assert!(shapes(&picture, "tick").any(|tick| tick.text() == Some("20 s")));
    assert!(!shapes(&picture, "tick").any(|tick| tick.text() == Some("5 s")));
}

#[test]
fn the_first_difference_of_the_replay_is_marked() {
    let text = record("bus", Settings::default(), 40 * SECOND, with_outages);
    let text = String::from_utf8(text).expect("it is JSON");
    let changed = text.replacen("\"status\":\"NotReady\"", "\"status\":\"Stopped\"", 1);
    let replay = Replay::new(changed.as_bytes()).expect("it is a recording");
    let mut history = History::begin(&replay);
    let outcome = replay
        .run(|_, line| history.add(line))
        .expect("it can be read");
    let picture = draw(&history, &outcome);
    let picture = Document::parse(&picture).expect("it is XML");
    let marks: Vec<&str> = shapes(&picture, "differs").map(title).collect();
    assert!(
        matches!(marks[..], [mark] if mark.starts_with("different from line ")),
        "{marks:?}"
    );
}

#[test]
fn any_service_name_gives_valid_xml() {
    let service = "<a>&amp;\"']]>\u{1}\u{ffff}</svg>";
    let text = record(service, Settings::default(), SECOND, with_outages);
    let picture = picture(&text);
    let picture = Document::parse(&picture).expect("it is XML");
    let title = shapes(&picture, "title")
        .next()
        .and_then(|title| title.text());
    assert_eq!(title, Some("<a>&amp;\"']]>\u{fffd}\u{fffd}</svg>"));
}

/// A text, with its maximum extent.
#[derive(Debug)]
struct Text<'a> {
    content: &'a str,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl<'a> Text<'a> {
    fn of(node: Node<'a, '_>) -> Option<Self> {
        if !node.has_tag_name("text") {
            return None;
        }
        let text = node.text()?;
        let size = match node.attribute("class")? {
            "title" => 19.0,
            "subtitle" | "label" => 12.0,
            "sub" => 10.0,
            class if class.starts_with("on name") => 14.0,
            _ => 11.0,
        };
        let width = width_of(text, size);
        if let Some(transform) = node.attribute("transform") {
            let (x, y) = transform
                .strip_prefix("translate(")?
                .strip_suffix(") rotate(-90)")?
                .split_once(' ')?;
            let (x, y): (f64, f64) = (x.parse().ok()?, y.parse().ok()?);
            return Some(Self {
                content: text,
                left: x - size * 0.8,
                right: x + size * 0.2,
                top: y - width / 2.0,
                bottom: y + width / 2.0,
            });
        }
        let number = |name| node.attribute(name)?.parse::<f64>().ok();
        let (x, y) = (number("x")?, number("y")?);
        let left = match node.attribute("text-anchor")? {
            "middle" => x - width / 2.0,
            _ => x,
        };
        Some(Self {
            content: text,
            left,
            right: left + width,
            top: y - size * 0.8,
            bottom: y + size * 0.2,
        })
    }

    fn covers(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn is_inside(&self) -> bool {
        self.left >= 0.0 && self.right <= WIDTH
    }
}
