//! Python tools, each set with pinned versions in a virtual environment of its own below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run_logged;
use crate::console::Console;
use crate::workspace::Workspace;

/// A virtual environment that holds what one file of requirements names.
#[derive(Debug, Clone)]
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Sets up the environment for `infra/dev/python/<name>.txt`, unless it stands already with the same versions.
    pub(crate) fn ready(workspace: &Workspace, console: &Console, name: &str) -> Result<Self> {
        let folder = workspace.path("target/python").join(name);
        let venv = Self { folder };
        let requirements = workspace.path("infra/dev/python").join(format!("{name}.txt"));
        let wanted = std::fs::read_to_string(&requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        let installed = venv.folder.join("installed.txt");
        if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Ok(venv);
        }
        console.step(&format!("installing Python packages ({name})"));
        venv.install(workspace, console, &requirements)?;
        std::fs::write(&installed, wanted)?;
        Ok(venv)
    }

    fn install(&self, workspace: &Workspace, console: &Console, requirements: &Path) -> Result<()> {
        let log = workspace.local("python.log");
        let mut create = Command::new("python3");
        create.args(["-m", "venv", "--clear"]).arg(&self.folder);
        run_logged(console, &mut create, &log)
            .context("cannot create a virtual environment (Debian: apt-get install python3-venv)")?;
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
        run_logged(console, &mut pip, &log)
    }

    /// The path of a program that the environment holds.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}
