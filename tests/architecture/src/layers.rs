//! The layers of the source tree, read off the manifests and the sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::rules::Findings;

/// The layer of each library; a crate uses lower layers only.
///
/// The runtime holds the AWS adapters of all ports, hence it stands above the crates that declare them.
const LAYERS: [(&str, u8); 10] = [
    ("saldo-money", 0),
    ("saldo-billing", 1),
    ("saldo-messages", 2),
    ("saldo-store", 3),
    ("saldo-gateways", 3),
    ("saldo-documents", 3),
    ("saldo-runtime", 4),
    ("saldo-books", 4),
    // What tools share stands beside the functions, which must not use it.
    ("local-stack", FUNCTION_LAYER),
    ("saldo-replay", FUNCTION_LAYER),
];

/// Functions stand above all libraries.
const FUNCTION_LAYER: u8 = 5;

/// Tools stand above the functions: nothing that is deployed uses one.
const TOOL_LAYER: u8 = 6;

/// The crates that may link the AWS SDK: the store's adapter, the runtime's, and the operators' command, which does at AWS what
/// no function does.
const SDK_CRATES: [&str; 3] = ["saldo-store", "saldo-runtime", "saldo-cli"];

/// File names that say nothing about their contents.
const EMPTY_NAMES: [&str; 9] = ["models", "types", "errors", "utils", "util", "helpers", "common", "core", "misc"];

/// How long a function's `main.rs` may be: it wires, and does nothing.
const MAIN_LINES: usize = 40;

/// One crate of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Table,
}

impl Package {
    /// Reads the packages of the libraries, functions and tools of a repository.
    ///
    /// # Errors
    /// When a manifest cannot be read.
    pub fn read_all(repository: &Path) -> Result<Vec<Self>> {
        let mut packages = Vec::new();
        for group in ["shared", "functions", "infra"] {
            for entry in std::fs::read_dir(repository.join(group)).with_context(|| format!("cannot list {group}"))? {
                let folder = entry?.path();
                let file = folder.join("Cargo.toml");
                // Templates stand beside the tools.
                if group == "infra" && !file.exists() {
                    continue;
                }
                let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                packages.push(Self::parse(folder, &text)?);
            }
        }
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(packages)
    }

    /// Parses one manifest.
    ///
    /// # Errors
    /// When it is not TOML, or names no package.
    pub fn parse(folder: PathBuf, text: &str) -> Result<Self> {
        let manifest: Table =
            text.parse().with_context(|| format!("cannot parse the manifest in {}", folder.display()))?;
        let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        let name = name.with_context(|| format!("{} names no package", folder.display()))?.to_owned();
        Ok(Self { name, folder, manifest })
    }

    /// Whether it is a Lambda function.
    pub fn is_function(&self) -> bool {
        self.folder.parent().is_some_and(|parent| parent.ends_with("functions"))
    }

    /// Whether it is a tool of developers or operators.
    pub fn is_tool(&self) -> bool {
        self.folder.parent().is_some_and(|parent| parent.ends_with("infra"))
    }

    fn layer(&self) -> Option<u8> {
        if self.is_function() {
            return Some(FUNCTION_LAYER);
        }
        let named = LAYERS.iter().find(|(name, _)| *name == self.name).map(|(_, layer)| *layer);
        named.or_else(|| self.is_tool().then_some(TOOL_LAYER))
    }

    /// The names of its dependencies in the given tables of the manifest.
    fn dependencies(&self, tables: &[&str]) -> Vec<&str> {
        let tables = tables.iter().filter_map(|table| self.manifest.get(*table)?.as_table());
        tables.flat_map(Table::keys).map(String::as_str).collect()
    }
}

/// Every library has a layer, and uses lower layers only; no function uses another, not even in its tests; nobody uses a tool.
pub fn crates_use_lower_layers_only(packages: &[Package]) -> Findings {
    let layers: BTreeMap<&str, u8> =
        packages.iter().filter_map(|package| Some((package.name.as_str(), package.layer()?))).collect();
    let mut findings = Findings::new();
    for package in packages {
        let Some(layer) = package.layer() else {
            findings.push(format!("{}: it has no layer", package.name));
            continue;
        };
        for dependency in package.dependencies(&["dependencies", "build-dependencies", "dev-dependencies"]) {
            if layers.get(dependency).is_some_and(|below| *below >= layer) {
                findings.push(format!("{}: {dependency} is not in a lower layer", package.name));
            }
        }
    }
    findings
}

/// Only the adapters link the AWS SDK; functions get their clients from the runtime.
pub fn only_adapters_link_the_sdk(packages: &[Package]) -> Findings {
    let mut findings = Findings::new();
    for package in packages {
        if SDK_CRATES.contains(&package.name.as_str()) {
            continue;
        }
        let linked = package.dependencies(&["dependencies"]).into_iter();
        for dependency in linked.filter(|name| name.starts_with("aws-sdk-") || *name == "aws-config") {
            findings.push(format!("{}: it links {dependency}", package.name));
        }
    }
    findings
}

/// Errors without a type stay where a process ends: no library has `anyhow`, and functions use it in `main.rs` only. A tool tells
/// whatever it meets to the person who called it.
pub fn untyped_errors_stay_in_main(packages: &[Package]) -> Result<Findings> {
    let mut findings = Findings::new();
    for package in packages.iter().filter(|package| !package.is_tool()) {
        if !package.is_function() {
            if package.dependencies(&["dependencies"]).contains(&"anyhow") {
                findings.push(format!("{}: a library must not depend on anyhow", package.name));
            }
            continue;
        }
        for file in sources(&package.folder.join("src"))? {
            if !file.ends_with("main.rs") && std::fs::read_to_string(&file)?.contains("anyhow::") {
                findings.push(format!("{}: it uses anyhow", file.display()));
            }
        }
    }
    Ok(findings)
}

/// A function's `main.rs` only wires.
pub fn mains_are_short(packages: &[Package]) -> Result<Findings> {
    let mut findings = Findings::new();
    for package in packages.iter().filter(|package| package.is_function()) {
        let lines = std::fs::read_to_string(package.folder.join("src/main.rs"))?.lines().count();
        if lines > MAIN_LINES {
            findings.push(format!("{}: its main.rs has {lines} lines, {MAIN_LINES} are enough to wire", package.name));
        }
    }
    Ok(findings)
}

/// Every file is named for what it holds.
pub fn files_are_named_for_their_contents(files: &[PathBuf]) -> Findings {
    let empty = files.iter().filter(|file| {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        EMPTY_NAMES.contains(&stem.as_str())
    });
    empty.map(|file| format!("{}: the name says nothing", file.display())).collect()
}

/// All Rust files below a folder.
///
/// # Errors
/// When a folder cannot be listed.
pub fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}
