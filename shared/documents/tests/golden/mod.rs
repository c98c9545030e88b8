//! Texts that are compared with files; `UPDATE_GOLDEN=1` writes the files anew.

use std::path::PathBuf;
use std::{env, fs};

/// Compares a text with the golden file of this name.
#[expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a developer asks for new files on the command line"
)]
pub(crate) fn compare(name: &str, found: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var("UPDATE_GOLDEN").is_ok() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, found).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{name} differs from its golden file; UPDATE_GOLDEN=1 writes it anew. Found:\n{found}");
}
