//! A node's folder, and the removal of those whose owner was killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::install::kafka_home;

/// A folder for one node, removed when dropped.
///
/// While it is ours we hold a lock on a file in it. The kernel lets go of the lock when we die, so that whoever can
/// take it knows that the folder is nobody's.
#[derive(Debug)]
pub(super) struct NodeFolder {
    folder: TempDir,
    _owned: File,
}

/// The file in a node's folder that is locked as long as the folder's owner lives.
const OWNER: &str = "owner.lock";

impl NodeFolder {
    /// Removes the folders of dead owners and makes a new one.
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

    /// Where it is.
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

/// The folder of all nodes' folders, locked: nobody creates one or sweeps meanwhile.
struct Nodes {
    folder: PathBuf,
    _locked: File,
}

impl Nodes {
    fn lock() -> anyhow::Result<Self> {
        let folder = kafka_home().join("nodes");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let locked = File::create(kafka_home().join("nodes.lock"))?;
        locked.lock().context("cannot lock the folder of nodes")?;
        Ok(Self {
            folder,
            _locked: locked,
        })
    }

    fn sweep(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let node = entry?.path();
            let owner_lives =
                File::open(node.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_err());
            if !owner_lives {
                // It may be vanishing at this moment: its owner removes it without our lock.
                let _ = fs::remove_dir_all(&node);
            }
        }
        Ok(())
    }
}
