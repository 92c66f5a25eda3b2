//! Results in the documentation, written by the code that found them.
//!
//! A section is between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. If a result takes little time, a test computes it again and
//! fails when the section differs; with `LIVEBUS_WRITE_VERIFICATION=1` the test writes the section instead.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

fn path_of(document: &str) -> PathBuf {
    // This file is part of two packages, in different folders of one workspace.
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    folders
        .map(|folder| folder.join("docs").join(document))
        .find(|path| path.exists())
        .unwrap_or_else(|| Path::new("docs").join(document))
}

/// Compares a section of a document in `docs/` with a result, or writes it.
///
/// # Errors
///
/// When the document has no such section, cannot be read or written, or has another result.
pub fn compare_or_write(document: &str, name: &str, found: &str) -> anyhow::Result<()> {
    if env::var_os("LIVEBUS_WRITE_VERIFICATION").is_some() {
        return write(document, name, found);
    }
    let (text, begin, end) = section(document, name)?;
    ensure!(
        text[begin..end].trim() == found.trim(),
        "docs/{document} is out of date in section {name:?}; the result is now:\n{found}\nto write it, set LIVEBUS_WRITE_VERIFICATION=1"
    );
    Ok(())
}

/// Writes a section of a document in `docs/`.
///
/// # Errors
///
/// When the document has no such section, or cannot be read or written.
pub fn write(document: &str, name: &str, found: &str) -> anyhow::Result<()> {
    let (text, begin, end) = section(document, name)?;
    let text = format!("{}\n{}\n{}", &text[..begin], found.trim(), &text[end..]);
    fs::write(path_of(document), text).with_context(|| format!("writing docs/{document}"))
}

/// Prints the result of the running command; if `write_it`, also writes command and result into their section of
/// `docs/verification.md`.
///
/// # Errors
///
/// When the document has no such section, or cannot be read or written.
pub fn report(name: &str, found: &str, write_it: bool) -> anyhow::Result<()> {
    println!("{found}");
    if !write_it {
        return Ok(());
    }
    let words: Vec<String> = env::args().skip(1).filter(|it| it != "--write").collect();
    let command = format!(
        "cargo run --release -p livebus-verify -- {}",
        words.join(" ")
    );
    let section = format!("```console\n$ {command}\n{}\n```", found.trim());
    write("verification.md", name, &section)
}

/// Returns the text of a document, and where a section begins and ends in it.
fn section(document: &str, name: &str) -> anyhow::Result<(String, usize, usize)> {
    let text = fs::read_to_string(path_of(document))
        .with_context(|| format!("reading docs/{document}"))?;
    let (begins, ends) = (
        format!("<!-- {name}: begin -->"),
        format!("<!-- {name}: end -->"),
    );
    let begin = text.find(&begins).map(|at| at + begins.len());
    let end = text.find(&ends);
    match (begin, end) {
        (Some(begin), Some(end)) if begin <= end => Ok((text, begin, end)),
        _ => anyhow::bail!("docs/{document} has no section {name:?}; add {begins} and {ends}"),
    }
}
