//! The links of the pages: files, folders and headings exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::{pages, root};

#[test]
fn every_link_leads_to_an_existing_file_or_heading() {
    let (mut links, mut broken) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page is text");
        for target in targets(&text) {
            links += 1;
            if !resolves(&page, &text, &target) {
                let page = page.strip_prefix(root()).unwrap_or(&page).display();
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(links > 100, "only {links} links were found");
}

/// Returns the targets of a page's links and pictures that are inside of the repository.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for event in Parser::new(text) {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event
            && !dest_url.contains("://")
            && !dest_url.starts_with("mailto:")
        {
            targets.push(dest_url.into_string());
        }
    }
    targets
}

fn resolves(page: &Path, text: &str, target: &str) -> bool {
    let (file, heading) = match target.split_once('#') {
        Some((file, heading)) => (file, Some(heading)),
        None => (target, None),
    };
    // `root()` has a `..` in it, so this does not use the canonical path.
    let path = page
        .parent()
        .expect("a page is in a folder")
        .join(Path::new(file));
    match heading {
        None => path.exists(),
        Some(heading) if file.is_empty() => headings(text).contains(heading),
        Some(heading) => {
            fs::read_to_string(path).is_ok_and(|text| headings(&text).contains(heading))
        }
    }
}

/// Returns the anchors of a page's headings, as hosting platforms create them.
fn headings(text: &str) -> HashSet<String> {
    let mut headings = HashSet::new();
    let mut heading = None::<String>;
    for event in Parser::new(text) {
        if matches!(event, Event::Start(Tag::Heading { .. })) {
            heading = Some(String::new());
        } else if matches!(event, Event::End(TagEnd::Heading(_))) {
            headings.extend(heading.take().map(|heading| anchor(&heading)));
        } else if let Event::Text(part) | Event::Code(part) = event
            && let Some(heading) = &mut heading
        {
            heading.push_str(&part);
        }
    }
    headings
}

fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn link_to_a_missing_file_or_heading_is_detected() {
    let page = root().join("README.md");
    let text = "# Some heading, with `code`\n\n[a](#some-heading-with-code) [b](docs) [c](#nowhere) [d](nothing.md)\n";
    let broken: Vec<_> = targets(text)
        .into_iter()
        .filter(|target| !resolves(&page, text, target))
        .collect();
    assert_eq!(broken, ["#nowhere", "nothing.md"]);
}
