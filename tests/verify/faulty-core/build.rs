//! Copies the core and inserts the faults into the copy.
//!
//! A fault is a file, `faults/NAME.fault`:
//!
//! ```text
//! # What is wrong, as a sentence. It may go on
//! # for several lines.
//! # voltha: what the VOLTHA core did
//!
//! file: supervisor.rs
//!   a line that stays, to find the position
//! - a line that is removed
//! + a line that is inserted: FAULT is whether this fault is on, FAULT(other) whether another one is
//! ```
//!
//! The source says who had the fault: `voltha:` the VOLTHA core, `field:` another project, `ours:` an earlier version of
//! this core, `rule:` no known project, but a rule of the core forbids it. Then come hunks, separated by empty lines. White space at
//! the beginning of a line is ignored when the position is searched, which must be unique; several `file:` lines are allowed. Two
//! faults cannot remove the same line: one of them has the hunk, and names the other there.
//!
//! A fault must not make a call run forever, because nothing would interrupt it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const SOURCES: [&str; 4] = ["voltha: ", "field: ", "ours: ", "rule: "];

fn main() {
    let core = Path::new("../../../core/src");
    println!("cargo::rerun-if-changed=faults");
    println!("cargo::rerun-if-changed={}", core.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let faults = read_faults(Path::new("faults"));
    let mut copy = Core::default();
    read_sources(core, "", &mut copy);
    let mut misfits = Vec::new();
    for (number, fault) in (1..).zip(&faults) {
        for hunk in &fault.hunks {
            let replace = |text: &str| guarded(text, number, &faults);
            misfits.extend(copy.apply(&fault.name, hunk, replace).err());
        }
    }
    let misfits = misfits.join("\n");
    assert!(
        misfits.is_empty(),
        "the core has changed; adapt these faults:\n{misfits}"
    );
    // Files of an earlier copy must not be found by a `mod`.
    let _ = fs::remove_dir_all(out.join("core"));
    for (path, text) in copy.texts() {
        write(&out.join("core").join(path), &text);
    }
    write(&out.join("faults.rs"), &table(&faults));
}

/// One fault, as read from its file.
struct Fault {
    name: String,
    sentence: String,
    source: String,
    hunks: Vec<Hunk>,
}

struct Hunk {
    file: String,
    lines: Vec<Line>,
}

enum Line {
    Stays(String),
    Goes(String),
    Comes(String),
}

impl Hunk {
    fn comes(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().filter_map(|line| match line {
            Line::Comes(text) => Some(text),
            Line::Stays(_) | Line::Goes(_) => None,
        })
    }
}

fn read_faults(folder: &Path) -> Vec<Fault> {
    let entries = fs::read_dir(folder).expect("the folder of faults can be listed");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a file of the folder").path())
        .filter(|path| path.extension().is_some_and(|it| it == "fault"))
        .collect();
    paths.sort();
    let faults: Vec<Fault> = paths.iter().map(|path| read_fault(path)).collect();
    for fault in &faults {
        let named = format!("FAULT({})", fault.name);
        let mut hunks = faults.iter().flat_map(|other| &other.hunks);
        let elsewhere = hunks.any(|hunk| hunk.comes().any(|text| text.contains(&named)));
        let somewhere = !fault.hunks.is_empty() || elsewhere;
        assert!(somewhere, "{}: no hunk names it", fault.name);
    }
    faults
}

fn read_fault(path: &Path) -> Fault {
    let name = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let text = read(path);
    let mut fault = Fault {
        name,
        sentence: String::new(),
        source: String::new(),
        hunks: Vec::new(),
    };
    let mut file = String::new();
    let mut begins = true;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let is_source = !fault.source.is_empty()
                || SOURCES.iter().any(|source| comment.starts_with(source));
            let to = if is_source {
                &mut fault.source
            } else {
                &mut fault.sentence
            };
            if !to.is_empty() {
                to.push(' ');
            }
            to.push_str(comment);
            continue;
        }
        if let Some(named) = line.strip_prefix("file: ") {
            named.trim().clone_into(&mut file);
            begins = true;
            continue;
        }
        if line.trim().is_empty() {
            begins = true;
            continue;
        }
        assert!(
            !file.is_empty(),
            "{}: a hunk before any `file:`",
            fault.name
        );
        let (sign, rest) = line.split_at(1);
        let said = match sign {
            " " => Line::Stays(rest.trim().to_owned()),
            "-" => Line::Goes(rest.trim().to_owned()),
            "+" => Line::Comes(rest.trim().to_owned()),
            _ => panic!("{}: neither ` `, `-` nor `+`: {line}", fault.name),
        };
        if begins {
            fault.hunks.push(Hunk {
                file: file.clone(),
                lines: Vec::new(),
            });
            begins = false;
        }
        if let Some(hunk) = fault.hunks.last_mut() {
            hunk.lines.push(said);
        }
    }
    let complete = !fault.sentence.is_empty() && !fault.source.is_empty();
    assert!(complete, "{}: it needs a sentence and a source", fault.name);
    fault
}

/// The files of the core, and the changes to their lines.
#[derive(Default)]
struct Core {
    files: BTreeMap<String, File>,
}

#[derive(Default)]
struct File {
    lines: Vec<String>,
    /// The lines to remove, each with the fault that removes it.
    goes: BTreeMap<usize, String>,
    /// The lines that replace the line before each.
    instead: BTreeMap<usize, Vec<String>>,
    /// The lines to insert before each.
    before: BTreeMap<usize, Vec<String>>,
}

impl Core {
    fn apply(
        &mut self,
        fault: &str,
        hunk: &Hunk,
        replace: impl Fn(&str) -> String,
    ) -> Result<(), String> {
        let name = &hunk.file;
        let Some(file) = self.files.get_mut(name) else {
            return Err(format!("{fault}: the core has no file {name}"));
        };
        let wanted: Vec<&str> = hunk.lines.iter().filter_map(Line::is_there).collect();
        let matches: Vec<usize> = (0..file.lines.len())
            .filter(|index| {
                let there = file.lines[*index..].iter().map(|it| it.trim());
                there.take(wanted.len()).eq(wanted.iter().copied())
            })
            .collect();
        let [mut index] = matches[..] else {
            let (count, text) = (matches.len(), wanted.join("\n    "));
            return Err(format!(
                "{fault}: found {count} times in {name}, must be once:\n    {text}"
            ));
        };
        let mut to = &mut file.before;
        for line in &hunk.lines {
            match line {
                Line::Stays(_) => {
                    to = &mut file.before;
                    index += 1;
                }
                Line::Goes(text) => {
                    if let Some(other) = file.goes.insert(index, fault.to_owned()) {
                        return Err(format!(
                            "{fault} and {other} both remove this line of {name}: {text}"
                        ));
                    }
                    to = &mut file.instead;
                    index += 1;
                }
                Line::Comes(text) => to.entry(index).or_default().push(replace(text)),
            }
        }
        Ok(())
    }

    fn texts(self) -> impl Iterator<Item = (String, String)> {
        self.files
            .into_iter()
            .map(|(name, file)| (name, file.text()))
    }
}

impl Line {
    fn is_there(&self) -> Option<&str> {
        match self {
            Self::Stays(text) | Self::Goes(text) => Some(text),
            Self::Comes(_) => None,
        }
    }
}

impl File {
    fn text(self) -> String {
        let mut lines = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            lines.extend(self.instead.get(&index).into_iter().flatten());
            lines.extend(self.before.get(&index).into_iter().flatten());
            if !self.goes.contains_key(&index) {
                lines.push(line);
            }
        }
        lines.into_iter().map(|line| format!("{line}\n")).collect()
    }
}

fn read_sources(folder: &Path, below: &str, copy: &mut Core) {
    for entry in fs::read_dir(folder).expect("the core's folder can be listed") {
        let path = entry.expect("a file of the core").path();
        let name = path
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        if path.is_dir() {
            read_sources(&path, &format!("{below}{name}/"), copy);
            continue;
        }
        let is_root = below.is_empty() && name == "lib.rs";
        // An included file must not begin with the documentation of its crate.
        let lines = read(&path)
            .lines()
            .filter(|line| !(is_root && line.starts_with("//!")))
            .map(str::to_owned)
            .collect();
        let file = File {
            lines,
            ..File::default()
        };
        copy.files.insert(format!("{below}{name}"), file);
    }
}

/// Returns the text with each `FAULT` replaced by its switch.
fn guarded(text: &str, number: usize, faults: &[Fault]) -> String {
    let switch = |number: usize| format!("crate::fault::is({number})");
    let mut to = String::new();
    let mut parts = text.split("FAULT");
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let named = part.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        match named {
            Some((name, rest)) => {
                let other = faults.iter().position(|fault| fault.name == name);
                let other = other.unwrap_or_else(|| panic!("there is no fault {name}: {text}"));
                to += &switch(other + 1);
                to.push_str(rest);
            }
            None => {
                to += &switch(number);
                to.push_str(part);
            }
        }
    }
    to
}

fn table(faults: &[Fault]) -> String {
    let mut table = String::from("&[\n");
    for (
        number,
        Fault {
            name,
            sentence,
            source,
            ..
        },
    ) in (1..).zip(faults)
    {
        let row = format!(
            "Fault {{ name: {name:?}, sentence: {sentence:?}, source: {source:?}, number: {number}_usize }},"
        );
        writeln!(table, "{row}").expect("a String can be written to");
    }
    table + "]\n"
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("the build's folder can be written");
    fs::write(path, text).expect("the build's folder can be written");
}
