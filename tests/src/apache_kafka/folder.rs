//! A node's folder, and the removal of folders whose owner was killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::install::{KafkaVersion, kafka_home};

/// A folder for one node, removed when dropped.
///
/// Its owner holds a lock on a file in it. The kernel releases the lock when the owner ends, so that a process that can take the
/// lock knows that the folder has no owner.
#[derive(Debug)]
pub(super) struct NodeFolder {
    folder: TempDir,
    _owned: File,
}

/// The file in a node's folder that is locked while the folder's owner runs.
const OWNER: &str = "owner.lock";

impl NodeFolder {
    /// Removes the folders of dead owners and creates a new one.
    pub(super) fn new() -> anyhow::Result<Self> {
        let nodes = Nodes::lock()?;
        nodes.sweep()?;
        let folder = TempDir::with_prefix_in("node-", &nodes.folder)?;
        let owned = File::create(folder.path().join(OWNER))?;
        owned.lock()?;
        Ok(Self {
            folder,
            _owned: owned,
        })
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of nodes whose test process was killed. Every new node does this first.
///
/// # Errors
///
/// When the target folder cannot be read or written.
pub fn sweep() -> anyhow::Result<()> {
    Nodes::lock()?.sweep()
}

/// The parent folder of all nodes' folders, locked: no other process creates one or sweeps in the meantime.
struct Nodes {
    folder: PathBuf,
    _locked: File,
}

impl Nodes {
    fn lock() -> anyhow::Result<Self> {
        let folder = kafka_home(KafkaVersion::Newest).join("nodes");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let locked = File::create(kafka_home(KafkaVersion::Newest).join("nodes.lock"))?;
        locked.lock().context("cannot lock the folder of nodes")?;
        Ok(Self {
            folder,
            _locked: locked,
        })
    }

    fn sweep(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let node = entry?.path();
            let owner_runs =
                File::open(node.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_err());
            if !owner_runs {
                // It may be gone already: its owner removes it without this lock.
                let _ = fs::remove_dir_all(&node);
            }
        }
        Ok(())
    }
}
