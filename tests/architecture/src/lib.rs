//! The rules of the architecture and of the template, as small programs.
//!
//! Each rule reads the templates or the source tree and answers with findings, one sentence each; none means that the
//! rule holds. The tests run every rule on this repository, and again on copies broken on purpose, so that a rule that
//! no longer bites is noticed too.

pub mod document;
pub mod grants;
pub mod layers;
pub mod rules;
pub mod stack;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
