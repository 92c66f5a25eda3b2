//! An archive of the classes that a node loads (Java's class data sharing): with it a node starts in half of the CPU time.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::install::{KafkaVersion, class_archive};
use super::node::{KafkaNode, NodeOptions};

/// Makes the archive, unless there is one: starts a node once, and stops it, in some seconds. Nodes that start later use it; those of another
/// Java ignore it.
///
/// # Errors
///
/// When the node cannot be prepared, or does not answer, or end, `within` that time.
pub fn archive_classes(within: Duration) -> anyhow::Result<()> {
    let archive = class_archive(KafkaVersion::Newest);
    if archive.is_file() {
        return Ok(());
    }
    let mut node = KafkaNode::new(&NodeOptions::default())?;
    let unfinished = node.folder().join("classes.jsa");
    node.start_with(&[format!("-XX:ArchiveClassesAtExit={}", unfinished.display())])?;
    node.wait_until_it_answers(within)?;
    node.terminate(within)?;
    ensure!(
        unfinished.is_file(),
        "Java has not written {}",
        unfinished.display()
    );
    // Another process may have made one at the same time: they are the same.
    fs::rename(&unfinished, archive).context("cannot move the archive")
}
