//! Checks that `docs/runners.md` shows the current difference of the two runners, with a reason for each hunk.

use std::process::Command;

use crate::{read, root};

/// The prefix of a line that begins or ends a block.
const FENCE: &str = "```";

/// Returns the hunks of one file's difference, as the command prints them.
fn hunks(file: &str) -> Vec<String> {
    let side = |runner: &str| root().join(runner).join("src").join(file);
    let diff = Command::new("diff")
        .arg("-U1")
        .args([side("runner-tokio"), side("runner-async-std")])
        .output()
        .expect("diff (diffutils) is installed");
    assert!(diff.stderr.is_empty(), "{diff:?}");
    let text = String::from_utf8(diff.stdout).expect("sources are text");
    let mut hunks: Vec<String> = Vec::new();
    // The first two lines name the files, with the times of their changes.
    for line in text.lines().skip(2) {
        if line.starts_with("@@") {
            hunks.push(String::new());
        } else if let Some(hunk) = hunks.last_mut() {
            hunk.push_str(line.trim_end());
            hunk.push('\n');
        }
    }
    hunks
}

/// Returns the hunks of one file as the document shows them, each with the prose before it.
fn shown(document: &str, file: &str) -> Vec<(String, String)> {
    let section = document
        .split("\n## ")
        .find(|section| section.starts_with(&format!("`{file}`\n")))
        .unwrap_or_else(|| panic!("docs/runners.md has no section on {file}"));
    let (mut shown, mut prose, mut hunk) = (Vec::new(), String::new(), None::<String>);
    for line in section.lines().skip(1) {
        match &mut hunk {
            None if line.starts_with(FENCE) => hunk = Some(String::new()),
            None => prose += line,
            Some(text) if line == FENCE => {
                shown.push((std::mem::take(&mut prose), std::mem::take(text)));
                hunk = None;
            }
            Some(text) => {
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
    }
    shown
}

fn files(runner: &str) -> Vec<String> {
    let folder = root().join(runner).join("src");
    let entries = std::fs::read_dir(folder).expect("a runner can be listed");
    let mut names: Vec<String> = entries
        .map_while(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn runners_have_the_same_files() {
    assert_eq!(files("runner-tokio"), files("runner-async-std"));
}

#[test]
fn every_hunk_between_the_runners_is_shown_with_its_reason() {
    let document = read("docs/runners.md");
    for file in files("runner-tokio") {
        let (hunks, shown) = (hunks(&file), shown(&document, &file));
        let texts: Vec<&String> = shown.iter().map(|(_, hunk)| hunk).collect();
        assert_eq!(
            texts,
            hunks.iter().collect::<Vec<_>>(),
            "docs/runners.md is out of date on {file}: diff -U1 runner-tokio/src/{file} runner-async-std/src/{file}"
        );
        for (reason, hunk) in &shown {
            assert!(
                !reason.trim().is_empty(),
                "{file}: a hunk without a reason:\n{hunk}"
            );
        }
    }
}
