//! Where things are in the source tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The source tree that this command was built from.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the root of the workspace: two folders above this crate.
    pub(crate) fn find() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).unwrap_or(here);
        Self { root: root.to_path_buf() }
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A path below the folder of the running local stack: its log files, process ids and `stack.json`.
    pub(crate) fn local(&self, below: &str) -> PathBuf {
        self.root.join("target/local").join(below)
    }

    /// The names of the function crates, in alphabetical order.
    pub(crate) fn functions(&self) -> Result<Vec<String>> {
        let folder = self.path("functions");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}
